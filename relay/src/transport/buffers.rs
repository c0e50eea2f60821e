use rustix::net::sockopt;
use std::net::UdpSocket;

/// Below it, bursts to many receivers are lost in the kernel and throughput halves.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Asks for large buffers; a warning names the setting when the kernel grants less.
pub(super) fn grow(socket: &UdpSocket) {
    // Refusals show in what is granted.
    let _ = sockopt::set_socket_recv_buffer_size(socket, SOCKET_BUFFER_BYTES);
    let _ = sockopt::set_socket_send_buffer_size(socket, SOCKET_BUFFER_BYTES);
    // The first two pass the system's limit, if this process may.
    let _ = sockopt::set_socket_recv_buffer_size_force(socket, SOCKET_BUFFER_BYTES);
    let _ = sockopt::set_socket_send_buffer_size_force(socket, SOCKET_BUFFER_BYTES);
    warn_if_small("net.core.rmem_max", sockopt::socket_recv_buffer_size(socket));
    warn_if_small("net.core.wmem_max", sockopt::socket_send_buffer_size(socket));
}

fn warn_if_small(setting: &str, answer: rustix::io::Result<usize>) {
    // Linux doubles what it grants, for its own bookkeeping, and answers with that.
    let granted_bytes = answer.unwrap_or(0) / if cfg!(target_os = "linux") { 2 } else { 1 };
    if granted_bytes < SOCKET_BUFFER_BYTES {
        tracing::warn!(
            granted_bytes,
            "small UDP buffers cost throughput; to have larger ones: sysctl -w {setting}={SOCKET_BUFFER_BYTES}"
        );
    }
}

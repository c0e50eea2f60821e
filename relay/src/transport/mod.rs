//! Everything that is quinn's: one UDP socket, TLS and the transport's limits. The rest of the node sees connections and streams.

mod batch;
mod buffers;
mod runtime;
mod socket;
mod turn;

pub use self::socket::SocketStats;

use self::runtime::NodeRuntime;
use self::socket::CoalescingSocket;
use crate::workers::Workers;
use isi_wire::{ALPN, DeliveryClass};
use quinn::crypto::rustls::{NoInitialCipherSuite, QuicServerConfig};
use quinn::{
    AckFrequencyConfig, AsyncUdpSocket, Endpoint, EndpointConfig, IdleTimeout, MtuDiscoveryConfig, Runtime,
    ServerConfig, TransportConfig, VarInt,
};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// Most bytes written to one connection that the receiver has not acknowledged: what media and bulk may fill. It bounds stale
/// bytes, so a connection gets no more than its path is good for.
pub(crate) const SEND_WINDOW_BYTES_MAX: u64 = 768 * 1024;
/// What a connection may fill however slow its path is: one frame at once.
pub(crate) const SEND_WINDOW_BYTES_MIN: u64 = 64 * 1024;
/// What control, input and log may write above that. Together at most 1 MiB, the bound on a connection's buffer.
pub(crate) const SEND_RESERVE_BYTES: u64 = 256 * 1024;

/// Unidirectional streams a client may have open: its log, and its unfinished groups.
const UNI_STREAMS_MAX: u32 = 64;
/// Unread bytes per stream. One stream gets at most this much per round trip.
const STREAM_WINDOW_BYTES: u32 = 512 * 1024;
/// All streams at their limit, so that the connection's window is never what holds a sender back: an input event must
/// not wait behind a group that is.
const CONNECTION_WINDOW_BYTES: u32 = (UNI_STREAMS_MAX + 1) * STREAM_WINDOW_BYTES;
/// Received datagrams not yet read. The oldest is dropped.
const DATAGRAM_RECEIVE_BUFFER_BYTES: usize = 128 * 1024;
/// Datagrams not yet sent. More would only be late; the core keeps the newest back.
const DATAGRAM_SEND_BUFFER_BYTES: usize = 32 * 1024;
/// Largest UDP payload tried. Ethernet; above 6,500 segmentation offload breaks.
const UDP_PAYLOAD_BYTES_MAX: u16 = 1452;
/// Packets after which a client acknowledges at once (draft-ietf-quic-ack-frequency), or after [`ACK_DELAY`].
const PACKETS_PER_ACK: u32 = 24;
/// Longer, and losses on a slow path are noticed late: with 25 ms, input past a full 5 Mbit/s link took half as long again.
const ACK_DELAY: Duration = Duration::from_millis(8);
const IDLE_TIMEOUT_MS: u32 = 15_000;
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// Handshakes that wait to be looked at; more are refused by quinn.
const INCOMING_MAX: usize = 1024;
/// Bytes buffered per connection that has not been looked at yet. There is no 0-RTT, so a handshake's rest is all that can come.
const INCOMING_BYTES_MAX: u64 = 16 * 1024;

/// Why the node has no socket to serve on.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The socket was refused.
    #[error(
        "cannot bind UDP {address}: {source}; is another relay running there, or is the address not one of this host?"
    )]
    Bind {
        /// The address of the configuration.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The TLS configuration cannot carry QUIC.
    #[error("the TLS configuration lacks TLS_AES_128_GCM_SHA256, which QUIC needs for its first packets")]
    NoInitialCipherSuite(#[from] NoInitialCipherSuite),
}

/// What [`bind`] started.
pub(crate) struct Bound {
    pub(crate) endpoint: Endpoint,
    /// With the port that the system chose for port 0.
    pub(crate) local_addr: SocketAddr,
    pub(crate) socket: SocketMonitor,
}

/// Sees what the node's socket does.
#[derive(Clone, Debug)]
pub(crate) struct SocketMonitor(Option<Arc<CoalescingSocket>>);

impl SocketMonitor {
    /// Zeros for a socket that is not ours.
    pub(crate) fn stats(&self) -> SocketStats {
        self.0.as_ref().map(|socket| socket.stats()).unwrap_or_default()
    }
}

/// Binds the socket and starts the endpoint, for these workers. Needs a tokio runtime.
///
/// # Errors
/// [`TransportError`]: nothing was left behind; correct the configuration.
pub(crate) fn bind(
    address: SocketAddr,
    tls: rustls::ServerConfig,
    workers: &Workers,
) -> Result<Bound, TransportError> {
    let config = server_config(tls)?;
    let bind_error = |source| TransportError::Bind { address, source };
    let socket = UdpSocket::bind(address).map_err(bind_error)?;
    buffers::grow(&socket);
    let local_addr = socket.local_addr().map_err(bind_error)?;
    let socket = CoalescingSocket::new(socket).map_err(bind_error)?;
    let runtime = Arc::new(NodeRuntime { socket: Arc::clone(&socket), workers: workers.clone() });
    let monitor = SocketMonitor(Some(Arc::clone(&socket)));
    let endpoint = Endpoint::new_with_abstract_socket(
        EndpointConfig::default(),
        Some(config),
        workers.gate(socket),
        runtime,
    )
    .map_err(bind_error)?;
    Ok(Bound { endpoint, local_addr, socket: monitor })
}

/// Starts the endpoint on a socket that is not ours, such as one of a simulated network.
///
/// # Errors
/// [`TransportError`]: `address` stands in it.
pub(crate) fn bind_abstract(
    address: SocketAddr,
    tls: rustls::ServerConfig,
    endpoint: EndpointConfig,
    socket: Arc<dyn AsyncUdpSocket>,
    runtime: Arc<dyn Runtime>,
) -> Result<Bound, TransportError> {
    let config = server_config(tls)?;
    let bind_error = |source| TransportError::Bind { address, source };
    let local_addr = socket.local_addr().map_err(bind_error)?;
    let endpoint =
        Endpoint::new_with_abstract_socket(endpoint, Some(config), socket, runtime).map_err(bind_error)?;
    Ok(Bound { endpoint, local_addr, socket: SocketMonitor(None) })
}

fn server_config(mut tls: rustls::ServerConfig) -> Result<ServerConfig, TransportError> {
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config
        .transport_config(Arc::new(transport_config()))
        .migration(true)
        .max_incoming(INCOMING_MAX)
        .incoming_buffer_size(INCOMING_BYTES_MAX)
        .incoming_buffer_size_total(INCOMING_MAX as u64 * INCOMING_BYTES_MAX);
    Ok(config)
}

fn ack_frequency() -> AckFrequencyConfig {
    let mut config = AckFrequencyConfig::default();
    config.ack_eliciting_threshold(VarInt::from_u32(PACKETS_PER_ACK));
    config.max_ack_delay(Some(ACK_DELAY));
    config
}

/// Which of a connection's streams goes first when several have bytes: quinn takes the highest. The control stream has no
/// class; answers, presence and keyframe requests go before everything. Within media and bulk the stream that was opened
/// first is finished first, so that no packet carries a bit of each; `opened` counts the connection's streams.
pub(crate) const fn priority(class: Option<DeliveryClass>, opened: u32) -> i32 {
    // After this many streams the order turns round once.
    const STREAMS: i32 = 1 << 20;
    let age = STREAMS - (opened % STREAMS.cast_unsigned()).cast_signed();
    match class {
        None => i32::MAX,
        Some(DeliveryClass::Input) => i32::MAX - 1,
        Some(DeliveryClass::Log | DeliveryClass::Live) => i32::MAX - 2,
        Some(DeliveryClass::Media) => STREAMS + age,
        Some(DeliveryClass::Bulk) => age,
    }
}

fn transport_config() -> TransportConfig {
    let mut mtu = MtuDiscoveryConfig::default();
    mtu.upper_bound(UDP_PAYLOAD_BYTES_MAX);
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(UNI_STREAMS_MAX))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES))
        .send_window(SEND_WINDOW_BYTES_MIN)
        // Off, quinn would finish whatever stream it has begun before it looks at priorities.
        .send_fairness(true)
        .ack_frequency_config(Some(ack_frequency()))
        .datagram_receive_buffer_size(Some(DATAGRAM_RECEIVE_BUFFER_BYTES))
        .datagram_send_buffer_size(DATAGRAM_SEND_BUFFER_BYTES)
        .mtu_discovery_config(Some(mtu))
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_TIMEOUT_MS))))
        .keep_alive_interval(Some(KEEP_ALIVE_INTERVAL));
    transport
}

use std::{
    io,
    net::{Ipv4Addr, UdpSocket},
    process::{Command, Stdio},
    time::Duration,
};

use quinn_udp::{UdpSockRef, UdpSocketState};

use super::{Check, Outcome};
use crate::{
    screen::{ScreenSource, X11Source},
    search::{MemorySearchError, Needles, ProcessMemory},
};

/// What a relay wants: smaller buffers halve its throughput.
const BUFFER_BYTES_WANTED: usize = 4 << 20;
const UDP_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether a datagram gets from one loopback socket to another.
pub(super) fn udp() -> Check {
    let (outcome, detail, hint) = match exchange() {
        Ok(()) => (Outcome::Good, "datagrams pass on loopback".to_owned(), ""),
        Err(error) => {
            (Outcome::Missing, error.to_string(), "allow UDP on the loopback interface (firewall, container)")
        }
    };
    Check { name: "UDP loopback", outcome, detail, hint, needed: true }
}

fn exchange() -> io::Result<()> {
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    receiver.set_read_timeout(Some(UDP_TIMEOUT))?;
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    sender.send_to(b"isi", receiver.local_addr()?)?;
    receiver.recv(&mut [0; 16]).map(|_| ())
}

/// How large the kernel lets socket buffers be.
pub(super) fn buffers() -> Check {
    let sizes = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // Refusals show in the sizes read back.
        drop(state.set_recv_buffer_size(UdpSockRef::from(&socket), BUFFER_BYTES_WANTED));
        drop(state.set_send_buffer_size(UdpSockRef::from(&socket), BUFFER_BYTES_WANTED));
        Ok((
            state.recv_buffer_size(UdpSockRef::from(&socket))?,
            state.send_buffer_size(UdpSockRef::from(&socket))?,
        ))
    });
    let hint = "for a busy relay: sysctl -w net.core.rmem_max=4194304 net.core.wmem_max=4194304";
    let (outcome, detail, hint) = match sizes {
        Ok((receive, send)) => {
            let good = receive.min(send) >= BUFFER_BYTES_WANTED;
            let detail = format!("receive {} KiB, send {} KiB", receive / 1024, send / 1024);
            (if good { Outcome::Good } else { Outcome::Limited }, detail, if good { "" } else { hint })
        }
        Err(error) => (Outcome::Missing, error.to_string(), hint),
    };
    Check { name: "socket buffers", outcome, detail, hint, needed: false }
}

/// Whether the kernel cuts one send into many datagrams.
pub(super) fn gso() -> Check {
    let segments = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|socket| UdpSocketState::new(UdpSockRef::from(&socket)))
        .map_or(1, |state| state.max_gso_segments());
    let good = segments > 1;
    Check {
        name: "UDP GSO",
        outcome: if good { Outcome::Good } else { Outcome::Limited },
        detail: format!("{segments} datagrams per send"),
        hint: if good {
            ""
        } else {
            "Linux 4.18 or newer sends several datagrams at once, which saves a relay CPU time"
        },
        needed: false,
    }
}

/// Whether DISPLAY can be shared.
pub(super) fn display() -> Check {
    let (outcome, detail, hint) = match X11Source::connect(None) {
        Ok(source) => {
            let (width, height) = source.size();
            (Outcome::Good, format!("{width}x{height} pixels can be shared"), "")
        }
        Err(error) => {
            (Outcome::Limited, error.to_string(), "without one, --source desktop shares the built-in desktop")
        }
    };
    Check { name: "X display", outcome, detail, hint, needed: false }
}

/// Whether the memory of an own child can be searched, as the proof of blindness needs.
pub(super) fn memory() -> Check {
    let (outcome, detail, hint) = match search_child() {
        Ok(bytes) => (Outcome::Good, format!("{} KiB of a child's memory searched", bytes / 1024), ""),
        Err(MemorySearchError::NotOffered) => (
            Outcome::Limited,
            MemorySearchError::NotOffered.to_string(),
            "on Linux the demo searches the relay's memory",
        ),
        Err(error) => {
            let hint = "allow ptrace of own children (kernel.yama.ptrace_scope at most 1; containers: --cap-add=SYS_PTRACE)";
            (Outcome::Missing, error.to_string(), hint)
        }
    };
    Check { name: "memory search", outcome, detail, hint, needed: cfg!(target_os = "linux") }
}

fn search_child() -> Result<u64, MemorySearchError> {
    let program = std::env::current_exe().map_err(MemorySearchError::Gone)?;
    // Waits for an order that never comes.
    let mut command = Command::new(program);
    command
        .arg(crate::args::PARTICIPANT_COMMAND)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().map_err(MemorySearchError::Gone)?;
    let found = ProcessMemory::open(child.id()).and_then(|memory| memory.search(&mut Needles::default()));
    drop(child.kill());
    drop(child.wait());
    found.map(|report| report.searched_bytes)
}

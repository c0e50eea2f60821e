//! TURN (RFC 8656) over UDP without credentials: the sender has an allocation and a channel to each receiver, and makes the copies.
//! Receivers are plain UDP sockets.

use crate::drive::Publisher;
use crate::pieces::{Whole, cut};
use crate::plan::Plan;
use crate::tally::Tally;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::time::timeout;

/// As large as a packet of the QUIC relays, so that nothing is fragmented.
const PIECE_BYTES: usize = 1400;
/// Packets on their way at once. TURN has no flow control, and coturn's sockets keep the kernel's default buffers: more is lost there.
const PACKETS_IN_FLIGHT_MAX: u64 = 64;
/// What has not arrived by then is lost.
const LOST_AFTER: Duration = Duration::from_millis(20);
const PACKET_BYTES_MAX: usize = 2048;
/// STUN's magic cookie, RFC 8489 section 5.
const COOKIE: u32 = 0x2112_a442;
const ALLOCATE: u16 = 0x0003;
const CHANNEL_BIND: u16 = 0x0009;
const SUCCESS: u16 = 0x0100;
const CHANNEL_NUMBER: u16 = 0x000c;
const XOR_PEER_ADDRESS: u16 = 0x0012;
const REQUESTED_TRANSPORT: u16 = 0x0019;
const UDP: u8 = 17;
const CHANNEL_FIRST: u16 = 0x4000;
/// The server may still be coming up.
const TRIES: u32 = 50;
const ANSWER_TIMEOUT: Duration = Duration::from_millis(200);

/// Why coturn could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TurnError {
    #[error("coturn: {0}")]
    Io(#[from] io::Error),
    #[error("coturn refused request {0:#06x}")]
    Refused(u16),
    #[error("coturn did not answer request {0:#06x}")]
    Silent(u16),
    #[error("channels have addresses of IPv4, and numbers up to 0x4fff")]
    Channel,
}

/// Sends each object once to each channel.
pub(crate) struct TurnPublisher {
    socket: UdpSocket,
    channels: u16,
    flow: Arc<Flow>,
    sent: u64,
}

/// How many packets have arrived.
#[derive(Debug, Default)]
struct Flow {
    arrived: AtomicU64,
    moved: Notify,
}

impl TurnPublisher {
    /// Waits until few enough packets are on their way.
    async fn room(&mut self) {
        while self.sent.saturating_sub(self.flow.arrived.load(Ordering::Relaxed)) >= PACKETS_IN_FLIGHT_MAX {
            if timeout(LOST_AFTER, self.flow.moved.notified()).await.is_err() {
                self.sent = self.flow.arrived.load(Ordering::Relaxed);
            }
        }
        self.sent += 1;
    }
}

impl Publisher for TurnPublisher {
    type Error = TurnError;

    async fn send(&mut self, object: &[u8]) -> Result<(), TurnError> {
        for piece in cut(object, PIECE_BYTES) {
            let length = u16::try_from(piece.len()).unwrap_or(u16::MAX);
            let mut packet = [&[0, 0], &length.to_be_bytes()[..], &piece].concat();
            for channel in CHANNEL_FIRST..CHANNEL_FIRST + self.channels {
                self.room().await;
                packet[..2].copy_from_slice(&channel.to_be_bytes());
                self.socket.send(&packet).await?;
            }
        }
        Ok(())
    }
}

/// Allocates, and binds a channel to each receiver's socket.
pub(crate) async fn connect(
    address: SocketAddr,
    plan: &Plan,
    tally: &Arc<Tally>,
) -> Result<TurnPublisher, TurnError> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    socket.connect(address).await?;
    request(&socket, ALLOCATE, &attribute(REQUESTED_TRANSPORT, &[UDP, 0, 0, 0])).await?;
    let flow = Arc::new(Flow::default());
    let channels =
        u16::try_from(plan.receivers).ok().filter(|count| *count < 0x1000).ok_or(TurnError::Channel)?;
    for channel in CHANNEL_FIRST..CHANNEL_FIRST + channels {
        let receiver = UdpSocket::bind("127.0.0.1:0").await?;
        let number = [channel.to_be_bytes(), [0; 2]].concat();
        let peer = peer_address(receiver.local_addr()?)?;
        let attributes = [attribute(CHANNEL_NUMBER, &number), attribute(XOR_PEER_ADDRESS, &peer)].concat();
        request(&socket, CHANNEL_BIND, &attributes).await?;
        tokio::spawn(receive(receiver, Arc::clone(&flow), Arc::clone(tally)));
    }
    Ok(TurnPublisher { socket, channels, flow, sent: 0 })
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    [&kind.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
}

fn peer_address(address: SocketAddr) -> Result<[u8; 8], TurnError> {
    let IpAddr::V4(ip) = address.ip() else { return Err(TurnError::Channel) };
    let cookie = COOKIE.to_be_bytes();
    let port = address.port() ^ u16::from_be_bytes([cookie[0], cookie[1]]);
    let ip = u32::from(ip) ^ COOKIE;
    let ([p0, p1], [a, b, c, d]) = (port.to_be_bytes(), ip.to_be_bytes());
    Ok([0, 1, p0, p1, a, b, c, d])
}

/// Asks until there is an answer; UDP may lose both.
async fn request(socket: &UdpSocket, kind: u16, attributes: &[u8]) -> Result<(), TurnError> {
    let length = u16::try_from(attributes.len()).unwrap_or(u16::MAX);
    let transaction = [kind.to_be_bytes()[1]; 12];
    let message =
        [&kind.to_be_bytes()[..], &length.to_be_bytes(), &COOKIE.to_be_bytes(), &transaction, attributes]
            .concat();
    let mut answer = [0; PACKET_BYTES_MAX];
    for _ in 0..TRIES {
        // Refused while the server comes up.
        let _ = socket.send(&message).await;
        match timeout(ANSWER_TIMEOUT, socket.recv(&mut answer)).await {
            Ok(Ok(_)) if answer[..2] == (kind | SUCCESS).to_be_bytes() => return Ok(()),
            Ok(Ok(_)) => return Err(TurnError::Refused(kind)),
            Ok(Err(_)) => tokio::time::sleep(ANSWER_TIMEOUT).await,
            Err(_) => {}
        }
    }
    Err(TurnError::Silent(kind))
}

async fn receive(socket: UdpSocket, flow: Arc<Flow>, tally: Arc<Tally>) {
    let (mut packet, mut whole) = ([0; PACKET_BYTES_MAX], Whole::default());
    while let Ok(bytes) = socket.recv(&mut packet).await {
        flow.arrived.fetch_add(1, Ordering::Relaxed);
        flow.moved.notify_one();
        whole.push(&packet[..bytes], &tally);
    }
}

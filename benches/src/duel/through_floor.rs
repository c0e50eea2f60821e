//! The load through the floor: every object in pieces of a packet each. What is lost stays lost.

use super::drive::Publisher;
use super::pieces::{Whole, cut};
use super::tally::Tally;
use crate::floor::{BATCH_PACKETS_MAX, BatchSocket, HELLO, Opener, PIECE_BYTES, PUBLISHER, Received, Sealer};
use aws_lc_rs::error::Unspecified;
use isi_load::client::grow_buffers;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The relay serves before it is told of.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Why the floor could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FloorError {
    /// A socket failed.
    #[error("socket: {0}")]
    Socket(#[from] io::Error),
    /// The cipher failed.
    #[error("AES-128-GCM failed")]
    Cipher(#[from] Unspecified),
    /// A receiver could not join.
    #[error("it gave a receiver no number")]
    Silent,
}

/// Sends each object's pieces at once.
#[derive(Debug)]
pub struct FloorPublisher {
    socket: BatchSocket,
    relay: SocketAddr,
    sealer: Sealer,
    packets: Vec<u8>,
}

impl Publisher for FloorPublisher {
    type Error = FloorError;

    async fn send(&mut self, object: &[u8]) -> Result<(), FloorError> {
        self.packets.clear();
        for piece in cut(object, PIECE_BYTES) {
            self.sealer.seal(&piece, &mut self.packets)?;
        }
        Ok(self.socket.send(&self.packets, self.relay).await?)
    }
}

/// Connects all receivers.
///
/// # Errors
/// [`FloorError`]
pub async fn connect(
    relay: SocketAddr,
    receivers: usize,
    tally: &Arc<Tally>,
) -> Result<FloorPublisher, FloorError> {
    for _ in 0..receivers {
        let socket = bind()?;
        let opener =
            timeout(ANSWER_TIMEOUT, join(&socket, relay)).await.map_err(|_| FloorError::Silent)??;
        tokio::spawn(receive(socket, opener, Arc::clone(tally)));
    }
    Ok(FloorPublisher { socket: bind()?, relay, sealer: Sealer::new(PUBLISHER)?, packets: Vec::new() })
}

fn bind() -> io::Result<BatchSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    grow_buffers(&socket);
    BatchSocket::new(socket, BATCH_PACKETS_MAX)
}

async fn join(socket: &BatchSocket, relay: SocketAddr) -> Result<Opener, FloorError> {
    socket.send(HELLO, relay).await?;
    let mut received = Received::default();
    let batches = socket.receive(&mut received).await?;
    let (_, answer) = received.datagrams(batches).next().ok_or(FloorError::Silent)?;
    let number = answer.first_chunk().ok_or(FloorError::Silent)?;
    Ok(Opener::new(u32::from_be_bytes(*number))?)
}

async fn receive(socket: BatchSocket, opener: Opener, tally: Arc<Tally>) {
    let (mut received, mut whole) = (Received::default(), Whole::default());
    while let Ok(batches) = socket.receive(&mut received).await {
        for (_, packet) in received.datagrams(batches) {
            if let Some(piece) = opener.open(packet).and_then(|range| packet.get(range)) {
                whole.push(piece, &tally);
            }
        }
    }
}

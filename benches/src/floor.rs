//! The least that forwarding with packet encryption costs: UDP and AES-128-GCM, once in and once per receiver, in batches. No
//! streams, no acknowledgements, no congestion control, no handshake: keys are constants, so nothing here protects anything.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use quinn::udp::{RecvMeta, Transmit, UdpSocketState};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::ops::Range;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Bytes of every UDP payload, as of a full packet of the QUIC relays.
pub const PACKET_BYTES: usize = 1452;
/// Most bytes in one packet beside its number (8), the length of what is in it (2) and its tag (16).
pub const PIECE_BYTES: usize = PACKET_BYTES - NUMBER_BYTES - LENGTH_BYTES - TAG_BYTES;
const NUMBER_BYTES: usize = 8;
const LENGTH_BYTES: usize = 2;
const TAG_BYTES: usize = 16;
/// Number of the publisher's key; receivers have 1 and up.
pub const PUBLISHER: u32 = 0;
/// What a receiver sends first; the answer is the number of its key.
pub const HELLO: &[u8] = b"s";
/// Packets that the kernel takes at once: as many as fit into the 64 KiB that it allows.
pub const BATCH_PACKETS_MAX: usize = 44;
/// Batches received at once, and the kernel's bound on the bytes of each.
const BATCHES_RECEIVED_MAX: usize = 8;
const BATCH_RECEIVED_BYTES_MAX: usize = 64 * 1024;

/// Makes packets of one direction of one connection.
#[derive(Debug)]
pub struct Sealer {
    key: LessSafeKey,
    next: u64,
}

/// Opens what a [`Sealer`] of the same number made.
#[derive(Debug)]
pub struct Opener(LessSafeKey);

/// A socket that sends and receives in batches.
#[derive(Debug)]
pub struct BatchSocket {
    socket: UdpSocket,
    state: UdpSocketState,
    batch_packets_max: usize,
}

/// Where received batches lie.
#[derive(Debug)]
pub struct Received {
    buffers: Vec<Vec<u8>>,
    metas: [RecvMeta; BATCHES_RECEIVED_MAX],
}

impl Sealer {
    /// With the key of this number.
    ///
    /// # Errors
    /// [`Unspecified`]: the cipher is not there.
    pub fn new(number: u32) -> Result<Self, Unspecified> {
        Ok(Self { key: key(number)?, next: 0 })
    }

    /// Appends a packet with the first [`PIECE_BYTES`] of `piece` in it; a shorter one is filled up.
    ///
    /// # Errors
    /// [`Unspecified`]: the cipher failed.
    pub fn seal(&mut self, piece: &[u8], packets: &mut Vec<u8>) -> Result<(), Unspecified> {
        let piece = piece.get(..PIECE_BYTES).unwrap_or(piece);
        let length = u16::try_from(piece.len()).map_err(|_| Unspecified)?;
        let begin = packets.len();
        packets.extend_from_slice(&self.next.to_be_bytes());
        packets.extend_from_slice(&length.to_be_bytes());
        packets.extend_from_slice(piece);
        packets.resize(begin + PACKET_BYTES - TAG_BYTES, 0);
        let plain = packets.get_mut(begin + NUMBER_BYTES..).ok_or(Unspecified)?;
        let tag = self.key.seal_in_place_separate_tag(nonce(self.next), Aad::empty(), plain)?;
        packets.extend_from_slice(tag.as_ref());
        self.next += 1;
        Ok(())
    }
}

impl Opener {
    /// With the key of this number.
    ///
    /// # Errors
    /// [`Unspecified`]: the cipher is not there.
    pub fn new(number: u32) -> Result<Self, Unspecified> {
        Ok(Self(key(number)?))
    }

    /// Decrypts a packet in place; where the piece is in it, or `None` for what is no packet.
    pub fn open(&self, packet: &mut [u8]) -> Option<Range<usize>> {
        let (number, sealed) = packet.split_first_chunk_mut::<NUMBER_BYTES>()?;
        let plain = self.0.open_in_place(nonce(u64::from_be_bytes(*number)), Aad::empty(), sealed).ok()?;
        let (length, piece) = plain.split_first_chunk::<LENGTH_BYTES>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let begin = NUMBER_BYTES + LENGTH_BYTES;
        (length <= piece.len()).then_some(begin..begin + length)
    }
}

fn key(number: u32) -> Result<LessSafeKey, Unspecified> {
    let mut bytes = [0x1f; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    Ok(LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &bytes)?))
}

fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

impl Default for Received {
    fn default() -> Self {
        let buffers = vec![vec![0; BATCH_RECEIVED_BYTES_MAX]; BATCHES_RECEIVED_MAX];
        Self { buffers, metas: [RecvMeta::default(); BATCHES_RECEIVED_MAX] }
    }
}

impl Received {
    /// The datagrams of the first `batches`, and where each is from.
    pub fn datagrams(&mut self, batches: usize) -> impl Iterator<Item = (SocketAddr, &mut [u8])> {
        self.buffers.iter_mut().zip(&self.metas).take(batches).flat_map(|(buffer, meta)| {
            let bytes = buffer.get_mut(..meta.len).unwrap_or_default();
            bytes.chunks_mut(meta.stride.max(1)).map(|datagram| (meta.addr, datagram))
        })
    }
}

impl BatchSocket {
    /// Of a bound socket. Needs a tokio runtime.
    ///
    /// # Errors
    /// The system's answer.
    pub fn new(socket: std::net::UdpSocket, batch_packets_max: usize) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let state = UdpSocketState::new((&socket).into())?;
        let batch_packets_max = batch_packets_max.clamp(1, state.max_gso_segments());
        Ok(Self { socket: UdpSocket::from_std(socket)?, state, batch_packets_max })
    }

    /// Waits for batches; how many there are.
    ///
    /// # Errors
    /// The system's answer.
    pub async fn receive(&self, received: &mut Received) -> io::Result<usize> {
        let Received { buffers, metas } = received;
        self.socket
            .async_io(Interest::READABLE, || {
                let mut slices = buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer));
                let mut slices: [_; BATCHES_RECEIVED_MAX] =
                    std::array::from_fn(|_| slices.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
                self.state.recv((&self.socket).into(), &mut slices, metas)
            })
            .await
    }

    /// Sends packets of [`PACKET_BYTES`], in batches.
    ///
    /// # Errors
    /// The system's answer.
    pub async fn send(&self, packets: &[u8], destination: SocketAddr) -> io::Result<()> {
        for contents in packets.chunks(self.batch_packets_max * PACKET_BYTES) {
            let segment_size = (contents.len() > PACKET_BYTES).then_some(PACKET_BYTES);
            let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip: None };
            let send = || self.state.send((&self.socket).into(), &transmit);
            self.socket.async_io(Interest::WRITABLE, send).await?;
        }
        Ok(())
    }
}

/// Who gets everything.
struct Receiver {
    address: SocketAddr,
    sealer: Sealer,
}

/// Forwards whatever the publisher sends to whoever said [`HELLO`], until the socket fails.
///
/// # Errors
/// The system's answer.
pub async fn run(socket: BatchSocket) -> io::Result<()> {
    let publisher = Opener::new(PUBLISHER).map_err(io::Error::other)?;
    let mut receivers: Vec<Receiver> = Vec::new();
    let (mut received, mut packets) = (Received::default(), Vec::new());
    loop {
        let batches = socket.receive(&mut received).await?;
        let (mut pieces, mut newcomers) = (Vec::<&[u8]>::new(), Vec::new());
        for (from, datagram) in received.datagrams(batches) {
            if datagram == HELLO {
                newcomers.push(from);
            } else if let Some(range) = publisher.open(datagram) {
                pieces.push(datagram.get(range).unwrap_or_default());
            }
        }
        for receiver in &mut receivers {
            for batch in pieces.chunks(socket.batch_packets_max) {
                packets.clear();
                for &piece in batch {
                    receiver.sealer.seal(piece, &mut packets).map_err(io::Error::other)?;
                }
                socket.send(&packets, receiver.address).await?;
            }
        }
        for address in newcomers {
            let number = u32::try_from(receivers.len() + 1).map_err(io::Error::other)?;
            receivers.push(Receiver { address, sealer: Sealer::new(number).map_err(io::Error::other)? });
            socket.send(&number.to_be_bytes(), address).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use tokio::task::JoinHandle;

    async fn socket() -> BatchSocket {
        BatchSocket::new(std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), BATCH_PACKETS_MAX)
            .unwrap()
    }

    fn serve(relay: BatchSocket) -> (SocketAddr, JoinHandle<io::Result<()>>) {
        (relay.socket.local_addr().unwrap(), tokio::spawn(run(relay)))
    }

    /// What arrives next, opened, in order.
    async fn pieces(socket: &BatchSocket, opener: &Opener) -> Vec<Vec<u8>> {
        let mut received = Received::default();
        let batches = socket.receive(&mut received).await.unwrap();
        let opened = received.datagrams(batches).map(|(_, packet)| {
            let range = opener.open(packet).unwrap();
            packet[range].to_vec()
        });
        opened.collect()
    }

    #[tokio::test]
    async fn every_receiver_gets_every_piece_under_its_own_key() {
        let (relay, serving) = serve(socket().await);
        let mut receivers = Vec::new();
        for number in 1..=3_u32 {
            let (receiver, mut answer) = (socket().await, Received::default());
            receiver.send(HELLO, relay).await.unwrap();
            let batches = receiver.receive(&mut answer).await.unwrap();
            assert_eq!(answer.datagrams(batches).next().unwrap().1, number.to_be_bytes());
            receivers.push((receiver, Opener::new(number).unwrap()));
        }
        let sent: Vec<_> = (0..5_u8).map(|piece| vec![piece; PIECE_BYTES - usize::from(piece)]).collect();
        let (publisher, mut sealer, mut packets) =
            (socket().await, Sealer::new(PUBLISHER).unwrap(), Vec::new());
        sent.iter().for_each(|piece| sealer.seal(piece, &mut packets).unwrap());
        publisher.send(b"no packet", relay).await.unwrap();
        publisher.send(&packets, relay).await.unwrap();
        for (receiver, opener) in &receivers {
            let mut arrived = Vec::new();
            while arrived.len() < sent.len() {
                arrived.extend(pieces(receiver, opener).await);
            }
            assert_eq!(arrived, sent);
        }
        serving.abort();
    }

    #[test]
    fn a_packet_that_was_changed_or_is_for_another_does_not_open() {
        let (mut sealer, mut packet) = (Sealer::new(1).unwrap(), Vec::new());
        sealer.seal(b"piece", &mut packet).unwrap();
        assert_eq!(packet.len(), PACKET_BYTES);
        assert_eq!(Opener::new(2).unwrap().open(&mut packet.clone()), None);
        let mut changed = packet.clone();
        changed[500] ^= 1;
        assert_eq!(Opener::new(1).unwrap().open(&mut changed), None);
        assert_eq!(Opener::new(1).unwrap().open(&mut [0; 9]), None);
        let range = Opener::new(1).unwrap().open(&mut packet).unwrap();
        assert_eq!(&packet[range], b"piece");
    }
}

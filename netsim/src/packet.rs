use std::net::SocketAddr;
use std::time::Duration;

/// One datagram that was given to the network, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When it was sent, since the network was made.
    pub sent_at: Duration,
    /// Who sent it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// Size of the IP packet, in bytes.
    pub bytes: usize,
    /// Whether and when it arrives.
    pub fate: Fate,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives then, since the network was made; a duplicate as well.
    Arrives {
        /// The packet.
        at: Duration,
        /// Its copy, if there is one.
        again_at: Option<Duration>,
    },
    /// The link lost it, by chance.
    Lost,
    /// The queue in front of the bottleneck was full.
    QueueFull,
    /// It was larger than the path's MTU.
    TooLarge,
    /// The link was down.
    Down,
    /// Nobody has a socket at the address, or it has not read what came before for too long.
    Unheard,
}

/// What happened on a link since the network was made, in one direction. Packets are IP packets, and so are bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Given to the link.
    pub sent_packets: u64,
    /// Given to the link.
    pub sent_bytes: u64,
    /// Of them, those that arrive; copies do not count.
    pub arriving_packets: u64,
    /// Of them, those that arrive; copies do not count.
    pub arriving_bytes: u64,
    /// Lost by chance.
    pub lost_packets: u64,
    /// Copies made.
    pub duplicated_packets: u64,
    /// Dropped because the queue was full.
    pub queue_full_packets: u64,
    /// Larger than the MTU.
    pub too_large_packets: u64,
    /// Sent while the link was down.
    pub down_packets: u64,
    /// For an address without a socket, or one that does not read.
    pub unheard_packets: u64,
    /// Most that waited in front of the bottleneck.
    pub queued_bytes_max: usize,
}

impl LinkStats {
    pub(crate) fn count(&mut self, packet: &Packet) {
        let bytes = packet.bytes as u64;
        self.sent_packets += 1;
        self.sent_bytes += bytes;
        match packet.fate {
            Fate::Arrives { again_at, .. } => {
                self.arriving_packets += 1;
                self.arriving_bytes += bytes;
                self.duplicated_packets += u64::from(again_at.is_some());
            }
            Fate::Lost => self.lost_packets += 1,
            Fate::QueueFull => self.queue_full_packets += 1,
            Fate::TooLarge => self.too_large_packets += 1,
            Fate::Down => self.down_packets += 1,
            Fate::Unheard => self.unheard_packets += 1,
        }
    }
}

/// All packets so far in 64 bits (FNV-1a): sizes, times and fates, in the order in which they were sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trace(u64);

impl Default for Trace {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Trace {
    pub(crate) fn hash(self) -> u64 {
        self.0
    }

    pub(crate) fn add(&mut self, packet: &Packet) {
        self.add_bytes(&packet.sent_at.as_nanos().to_le_bytes());
        self.add_bytes(packet.from.to_string().as_bytes());
        self.add_bytes(packet.to.to_string().as_bytes());
        self.add_bytes(&(packet.bytes as u64).to_le_bytes());
        match packet.fate {
            Fate::Arrives { at, again_at } => {
                self.add_bytes(&at.as_nanos().to_le_bytes());
                self.add_bytes(&again_at.map_or(0, |at| at.as_nanos()).to_le_bytes());
            }
            Fate::Lost => self.add_bytes(&[1]),
            Fate::QueueFull => self.add_bytes(&[2]),
            Fate::TooLarge => self.add_bytes(&[3]),
            Fate::Down => self.add_bytes(&[4]),
            Fate::Unheard => self.add_bytes(&[5]),
        }
    }

    pub(crate) fn add_bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }
}

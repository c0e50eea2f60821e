use std::net::IpAddr;
use std::time::Duration;

/// IPv4 and UDP.
const HEADER_BYTES_V4: usize = 20 + 8;
/// IPv6 and UDP.
const HEADER_BYTES_V6: usize = 40 + 8;

/// What lies between two hosts, in one direction. A packet passes, in this order: the cable if it is plugged, the MTU, the queue
/// in front of the bottleneck, the bottleneck, chance, and the distance.
///
/// Bytes are those of IP packets: UDP payload and 28 bytes of headers, 48 with IPv6.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// How long a packet travels, at least.
    pub delay: Duration,
    /// What a packet may take longer, by chance, evenly from zero to this.
    pub jitter: Duration,
    /// Whether jitter lets a packet overtake an earlier one. Without, a late one holds up those behind it.
    pub reorders: bool,
    /// How likely a packet is lost, from 0 to 1, each by itself.
    pub loss: f64,
    /// How likely a packet arrives twice, from 0 to 1. The second one has jitter of its own.
    pub duplication: f64,
    /// The bottleneck. `None`: as fast as can be.
    pub bits_per_second: Option<u64>,
    /// What may wait in front of the bottleneck, the packet in it included. A packet that would make it more is dropped.
    pub queue_bytes: usize,
    /// The largest IP packet. Larger ones vanish, as they do where nobody fragments and nobody tells.
    pub mtu_bytes: usize,
    /// A cable that is not plugged lets nothing in; what is under way arrives.
    pub is_up: bool,
}

impl Default for Link {
    /// No delay, no loss, no bottleneck; Ethernet's MTU of 1,500 bytes and a queue of 256 KiB, should a rate be set.
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            reorders: false,
            loss: 0.0,
            duplication: 0.0,
            bits_per_second: None,
            queue_bytes: 256 * 1024,
            mtu_bytes: 1500,
            is_up: true,
        }
    }
}

impl Link {
    /// How long `bytes` take to pass the bottleneck.
    #[must_use]
    pub fn transmission(&self, bytes: usize) -> Duration {
        let Some(bits_per_second) = self.bits_per_second else { return Duration::ZERO };
        let nanoseconds = bytes as u128 * 8 * 1_000_000_000 / u128::from(bits_per_second.max(1));
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

/// The size of the IP packet around a UDP payload.
pub(crate) fn packet_bytes(to: IpAddr, payload_bytes: usize) -> usize {
    payload_bytes + if to.is_ipv4() { HEADER_BYTES_V4 } else { HEADER_BYTES_V6 }
}

use quinn::udp::{EcnCodepoint, Transmit};
use std::net::{IpAddr, SocketAddr};

/// Bytes of one batch: the kernel takes at most an IPv4 packet's worth at once.
const BATCH_BYTES_MAX: usize = 65_000;
/// Datagrams of one batch. Kernels before 6.9 take at most 64.
const BATCH_SEGMENTS_MAX: usize = 44;

/// Datagrams of one size to one destination, for one system call. quinn makes at most ten at a time; one after another they
/// are joined here. The last one may be shorter, and nothing can follow it.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    route: Option<Route>,
    segment_bytes: usize,
}

/// What datagrams must have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Route {
    destination: SocketAddr,
    ecn: Option<EcnCodepoint>,
    src_ip: Option<IpAddr>,
}

impl Route {
    fn of(transmit: &Transmit<'_>) -> Self {
        Self { destination: transmit.destination, ecn: transmit.ecn, src_ip: transmit.src_ip }
    }
}

impl Batch {
    /// Takes the datagrams in, or leaves them: a single one does not begin a batch, as nothing else may be about to come.
    pub(super) fn add(&mut self, transmit: &Transmit<'_>) -> bool {
        match self.route {
            None => match transmit.segment_size {
                Some(segment_bytes) if transmit.contents.len() <= BATCH_BYTES_MAX => {
                    self.route = Some(Route::of(transmit));
                    self.segment_bytes = segment_bytes;
                }
                Some(_) | None => return false,
            },
            Some(route) if !self.fits(route, transmit) => return false,
            Some(_) => {}
        }
        self.bytes.extend_from_slice(transmit.contents);
        true
    }

    fn fits(&self, route: Route, transmit: &Transmit<'_>) -> bool {
        let bytes = self.bytes.len() + transmit.contents.len();
        let is_as_long = match transmit.segment_size {
            Some(segment_bytes) => segment_bytes == self.segment_bytes,
            None => transmit.contents.len() <= self.segment_bytes,
        };
        is_as_long
            && !self.is_closed()
            && bytes <= BATCH_BYTES_MAX
            && bytes.div_ceil(self.segment_bytes) <= BATCH_SEGMENTS_MAX
            && route == Route::of(transmit)
    }

    /// Whether its last datagram is a short one.
    pub(super) fn is_closed(&self) -> bool {
        self.segment_bytes > 0 && !self.bytes.len().is_multiple_of(self.segment_bytes)
    }

    /// All of it at once.
    pub(super) fn whole(&self) -> Option<Transmit<'_>> {
        self.first(self.bytes.len())
    }

    /// Its first datagram.
    pub(super) fn first_datagram(&self) -> Option<Transmit<'_>> {
        self.first(self.segment_bytes.min(self.bytes.len()))
    }

    fn first(&self, bytes: usize) -> Option<Transmit<'_>> {
        let route = self.route?;
        Some(Transmit {
            destination: route.destination,
            ecn: route.ecn,
            contents: &self.bytes[..bytes],
            segment_size: (bytes > self.segment_bytes).then_some(self.segment_bytes),
            src_ip: route.src_ip,
        })
    }

    /// Takes the first datagram off.
    pub(super) fn drop_first(&mut self) {
        self.bytes.drain(..self.segment_bytes.min(self.bytes.len()));
        if self.bytes.is_empty() {
            self.clear();
        }
    }

    /// Keeps the memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.route = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: usize = 1452;

    fn transmit(contents: &[u8], port: u16) -> Transmit<'_> {
        Transmit {
            destination: SocketAddr::from(([127, 0, 0, 1], port)),
            ecn: None,
            contents,
            segment_size: (contents.len() > SEGMENT).then_some(SEGMENT),
            src_ip: None,
        }
    }

    #[test]
    fn what_goes_the_same_way_is_joined_up_to_the_kernels_bound() {
        let ten = vec![1; 10 * SEGMENT];
        let mut batch = Batch::default();
        assert_eq!((0..9).filter(|_| batch.add(&transmit(&ten, 1))).count(), 4);
        assert_eq!(batch.whole().unwrap().contents.len(), 40 * SEGMENT);
        assert!(batch.add(&transmit(&ten[..4 * SEGMENT], 1)));
        assert!(!batch.add(&transmit(&ten[..SEGMENT], 1)), "the kernel takes no more than 64 KiB");
    }

    #[test]
    fn another_destination_or_size_and_whatever_follows_a_short_datagram_stay_out() {
        let ten = vec![1; 10 * SEGMENT];
        let mut batch = Batch::default();
        assert!(batch.add(&transmit(&ten, 1)));
        assert!(!batch.add(&transmit(&ten, 2)));
        let smaller = Transmit { segment_size: Some(1200), ..transmit(&ten[..2400], 1) };
        assert!(!batch.add(&smaller));
        assert!(!batch.add(&transmit(&ten[..SEGMENT + 1], 1).clone_single()), "a larger probe");
        assert!(batch.add(&transmit(&ten[..100], 1)));
        assert!(batch.is_closed());
        assert!(!batch.add(&transmit(&ten[..100], 1)));
    }

    #[test]
    fn a_single_datagram_begins_nothing() {
        assert!(!Batch::default().add(&transmit(&[1; SEGMENT], 1)));
    }

    #[test]
    fn datagram_by_datagram_it_is_the_same_bytes() {
        let sent: Vec<u8> = (0..3 * SEGMENT + 7).map(|i| i as u8).collect();
        let mut batch = Batch::default();
        assert!(batch.add(&transmit(&sent, 1)));
        let mut datagrams = Vec::new();
        while let Some(datagram) = batch.first_datagram() {
            assert_eq!(datagram.segment_size, None);
            datagrams.push(datagram.contents.to_vec());
            batch.drop_first();
        }
        assert_eq!(datagrams.iter().map(Vec::len).collect::<Vec<_>>(), [SEGMENT, SEGMENT, SEGMENT, 7]);
        assert_eq!(datagrams.concat(), sent);
        assert!(batch.add(&transmit(&sent, 2)), "and it is free for another destination");
    }

    trait Single {
        fn clone_single(&self) -> Self;
    }

    impl Single for Transmit<'_> {
        fn clone_single(&self) -> Self {
            Transmit { segment_size: None, ..self.clone() }
        }
    }
}

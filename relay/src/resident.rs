//! How much ciphertext is in the node, and for how long: measured from the moment a chunk is received until its last owner lets
//! go of it. quinn keeps bytes until they are acknowledged, so its buffers are part of the figure.

use crate::quantiles::Quantiles;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::Instant;

/// Chunks below this are copied on receipt. A slice of a few bytes would pin the whole receive buffer it came in (some
/// 12 KiB, or 64 KiB with segmentation offload).
const SMALL_CHUNK_BYTES_MAX: usize = 512;

/// Neighbours below this are joined when they come together, which is a copy. quinn hands over what one packet carried, and
/// looks through all pieces of a stream for each packet that it sends: a stream of packet-sized pieces costs every receiver
/// more than the one copy that all receivers share. Larger chunks are never copied by us.
const JOINED_CHUNK_BYTES_MAX: usize = 2048;

/// What the node holds of its peers' ciphertext. Cheap to clone, shared by all connections.
#[derive(Clone, Debug, Default)]
pub struct Residence(Arc<Gauge>);

#[derive(Debug, Default)]
struct Gauge {
    bytes: AtomicU64,
    bytes_max: AtomicU64,
    received_bytes: AtomicU64,
    residence: Quantiles,
}

/// A moment's view of [`Residence`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ResidenceStats {
    /// Bytes held now.
    pub resident_bytes: u64,
    /// Most bytes held at once since the start.
    pub resident_bytes_max: u64,
    /// Bytes received since the start.
    pub received_bytes: u64,
    /// Half of the chunks were gone after this many milliseconds.
    pub residence_ms_p50: f64,
    /// 99 % of the chunks were gone after this many milliseconds.
    pub residence_ms_p99: f64,
    /// The longest stay, in milliseconds.
    pub residence_ms_max: f64,
}

impl Residence {
    /// Takes a received chunk into the count until its last clone is dropped.
    pub(crate) fn hold(&self, bytes: Bytes) -> Bytes {
        self.0.enter(bytes.len() as u64);
        self.wrap(bytes, Instant::now())
    }

    /// The same for chunks that came together, appended to `held`: neighbours of a packet's size become one.
    pub(crate) fn hold_all(&self, chunks: &mut [Bytes], held: &mut VecDeque<Bytes>) {
        let now = Instant::now();
        self.0.enter(chunks.iter().map(|chunk| chunk.len() as u64).sum());
        let is_packet = |chunk: &Bytes| chunk.len() < JOINED_CHUNK_BYTES_MAX;
        for run in chunks.chunk_by_mut(|left, right| is_packet(left) && is_packet(right)) {
            let chunk = match run {
                [chunk] => std::mem::take(chunk),
                run => join(run),
            };
            if !chunk.is_empty() {
                held.push_back(self.wrap(chunk, now));
            }
        }
    }

    fn wrap(&self, bytes: Bytes, received_at: Instant) -> Bytes {
        let bytes = if bytes.len() < SMALL_CHUNK_BYTES_MAX { Bytes::copy_from_slice(&bytes) } else { bytes };
        Bytes::from_owner(Resident { bytes, received_at, gauge: Arc::clone(&self.0) })
    }

    /// The figures as they are now.
    #[must_use]
    pub fn stats(&self) -> ResidenceStats {
        let gauge = &self.0;
        ResidenceStats {
            resident_bytes: gauge.bytes.load(Ordering::Relaxed),
            resident_bytes_max: gauge.bytes_max.load(Ordering::Relaxed),
            received_bytes: gauge.received_bytes.load(Ordering::Relaxed),
            residence_ms_p50: gauge.residence.quantile_ms(0.50),
            residence_ms_p99: gauge.residence.quantile_ms(0.99),
            residence_ms_max: gauge.residence.max_ms(),
        }
    }
}

fn join(chunks: &mut [Bytes]) -> Bytes {
    let mut joined = Vec::with_capacity(chunks.iter().map(Bytes::len).sum());
    chunks.iter_mut().for_each(|chunk| joined.extend_from_slice(&std::mem::take(chunk)));
    joined.into()
}

impl Gauge {
    fn enter(&self, bytes: u64) {
        let held = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.bytes_max.fetch_max(held, Ordering::Relaxed);
        self.received_bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// One received chunk. Its `Drop` is the measurement.
struct Resident {
    bytes: Bytes,
    received_at: Instant,
    gauge: Arc<Gauge>,
}

impl AsRef<[u8]> for Resident {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        self.gauge.bytes.fetch_sub(self.bytes.len() as u64, Ordering::Relaxed);
        self.gauge.residence.record(self.received_at.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_counts_until_its_last_slice_is_gone() {
        let residence = Residence::default();
        let chunk = residence.hold(Bytes::from(vec![1; 4096]));
        let slice = chunk.slice(10..20);
        drop(chunk);
        assert_eq!(residence.stats().resident_bytes, 4096);
        drop(slice);
        let stats = residence.stats();
        assert_eq!((stats.resident_bytes, stats.resident_bytes_max, stats.received_bytes), (0, 4096, 4096));
    }

    #[test]
    fn packets_that_came_together_become_one_chunk_and_larger_ones_stay_as_they_are() {
        let residence = Residence::default();
        let (packet, large) = (Bytes::from(vec![7; 1400]), Bytes::from(vec![8; 4096]));
        let mut chunks = [packet.clone(), packet.clone(), large.clone(), Bytes::new(), packet.clone()];
        let mut held = VecDeque::new();
        residence.hold_all(&mut chunks, &mut held);
        assert_eq!(held.iter().map(Bytes::len).collect::<Vec<_>>(), [2800, 4096, 1400]);
        assert_eq!(held[1].as_ptr(), large.as_ptr());
        assert_eq!(residence.stats().resident_bytes, 2800 + 4096 + 1400);
        assert_eq!(
            held.iter().flatten().copied().collect::<Vec<u8>>(),
            [&packet[..], &packet, &large, &packet].concat()
        );
    }

    #[test]
    fn only_small_chunks_are_copied() {
        let residence = Residence::default();
        let received = Bytes::from(vec![7; 4096]);
        assert_ne!(residence.hold(received.slice(..64)).as_ptr(), received.as_ptr());
        assert_eq!(residence.hold(received.clone()).as_ptr(), received.as_ptr());
    }
}

//! What sealing and opening may allocate: exact counts, so that one more per object fails.

use crate::world::*;
use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use isi_e2ee::Transport;
use isi_wire::TrackKind;

/// The object itself.
const PER_SEAL: u64 = 1;
/// The plaintext, and the reference count by which the header is read in place.
const PER_OPEN: u64 = 2;
/// Header, tag, signature and reference counts; a copy of the payload would be more.
const BYTES_BESIDE_PLAINTEXT_MAX: u64 = 256;

const KINDS: [(TrackKind, Transport, &[usize]); 4] = [
    (TrackKind::Screen, Transport::Stream, &[100, 1_200, 64 * 1024]),
    (TrackKind::Audio, Transport::Datagram, &[100, 1_000]),
    (TrackKind::Message, Transport::Log, &[100, 1_000]),
    (TrackKind::Document, Transport::Bulk, &[100, 64 * 1024]),
];

fn assert_cost(what: &str, cost: AllocationInfo, count: u64, plaintext: usize) {
    assert_eq!(cost.count_total, count, "{what} of {plaintext} bytes");
    let bytes_max = plaintext as u64 + BYTES_BESIDE_PLAINTEXT_MAX;
    assert!(cost.bytes_total <= bytes_max, "{what} of {plaintext}: {} bytes", cost.bytes_total);
}

#[test]
fn an_object_is_sealed_in_one_allocation_and_opened_in_two() {
    for (kind, transport, sizes) in KINDS {
        for &size in sizes {
            let mut pair = Pair::new(kind, transport);
            let plaintext = vec![3; size];
            // Keys are derived with the first object of an epoch.
            let first = pair.sealer.seal(at(0), meta(1), &plaintext).unwrap();
            pair.open(0, &first).unwrap();
            let mut sealed = Bytes::new();
            let cost = measure(|| sealed = pair.sealer.seal(at(0), meta(1), &plaintext).unwrap());
            assert_cost("sealing", cost, PER_SEAL, size);
            let mut opened = None;
            let object = std::mem::take(&mut sealed);
            let cost = measure(|| opened = pair.opener.open(at(0), expect(transport), object).ok());
            assert_cost("opening", cost, PER_OPEN, size);
            assert_eq!(opened.unwrap().plaintext, plaintext);
        }
    }
}

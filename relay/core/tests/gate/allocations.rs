//! Allocations of the core, counted in this thread alone. What is kept for its capacity has grown before the count begins.

use crate::shell::{CHUNKS, Shell};
use allocation_counter::measure;
use isi_wire::{DeliveryClass, TrackKind};

const GROUPED: [(TrackKind, DeliveryClass); 2] =
    [(TrackKind::Screen, DeliveryClass::Media), (TrackKind::Document, DeliveryClass::Bulk)];
const RECEIVERS: [u64; 3] = [1, 8, 64];

/// For a group, however many receivers and chunks it has: its header's copy, the list of its receivers, its queue of chunks
/// growing to a batch, and the timer that watches it.
const PER_GROUP_MAX: u64 = 6;

#[test]
fn a_frame_within_a_group_allocates_nothing() {
    for ((kind, class), receivers) in GROUPED.into_iter().flat_map(|kind| RECEIVERS.map(|n| (kind, n))) {
        let mut shell = Shell::new(kind, class, receivers);
        let ingress = shell.open();
        shell.forward(ingress, |_, _| {});
        let mut delivered = 0;
        let counted = measure(|| shell.forward(ingress, |_, chunks| delivered += chunks.len()));
        assert_eq!(delivered, CHUNKS * usize::try_from(receivers).unwrap());
        assert_eq!(counted.count_total, 0, "{class:?} to {receivers}");
    }
}

#[test]
fn a_group_of_one_frame_allocates_the_same_however_many_receive_it() {
    for ((kind, class), receivers) in GROUPED.into_iter().flat_map(|kind| RECEIVERS.map(|n| (kind, n))) {
        let mut shell = Shell::new(kind, class, receivers);
        let mut group = || {
            let ingress = shell.open();
            shell.forward(ingress, |_, _| {});
            shell.finish(ingress);
        };
        (0..2).for_each(|_| group());
        let counted = measure(group);
        assert!(counted.count_total <= PER_GROUP_MAX, "{class:?} to {receivers}: {}", counted.count_total);
        assert_eq!(counted.count_current, 0, "{class:?} to {receivers}: something was kept");
    }
}

#[test]
fn a_datagram_allocates_nothing() {
    for receivers in RECEIVERS {
        let mut shell = Shell::new(TrackKind::Audio, DeliveryClass::Live, receivers);
        // The timer that watches the oldest one is the first one's.
        let mut delivered = shell.forward_datagram();
        let counted = measure(|| delivered = shell.forward_datagram());
        assert_eq!(delivered, receivers);
        assert_eq!(counted.count_total, 0, "to {receivers}");
    }
}

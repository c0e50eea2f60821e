//! The bytes that go out are those that came in: the same memory, for every receiver.

use crate::shell::{CHUNKS, FRAME_BYTES, Shell};
use isi_wire::{DeliveryClass, ParticipantId, TrackKind};
use std::collections::BTreeMap;

#[test]
fn every_receiver_gets_the_memory_that_quic_delivered() {
    for (kind, class) in
        [(TrackKind::Screen, DeliveryClass::Media), (TrackKind::Document, DeliveryClass::Bulk)]
    {
        let mut shell = Shell::new(kind, class, 8);
        let sent: Vec<_> = shell.frame().iter().map(|chunk| (chunk.as_ptr(), chunk.len())).collect();
        assert_eq!((sent.len(), sent.iter().map(|(_, len)| len).sum()), (CHUNKS, FRAME_BYTES));
        let ingress = shell.open();
        let mut received = BTreeMap::<ParticipantId, Vec<_>>::new();
        shell.forward(ingress, |to, chunks| {
            received.entry(to).or_default().extend(chunks.iter().map(|chunk| (chunk.as_ptr(), chunk.len())));
        });
        assert_eq!(received.len(), 8, "{class:?}");
        assert!(received.values().all(|chunks| *chunks == sent), "{class:?}: something was copied");
    }
}

//! What a session says about itself.

use super::world::{World, id};
use crate::ClassStats;
use bytes::Bytes;
use isi_wire::{Audience, DeliveryClass, EntryKind, LogUpload, TrackKind};

#[test]
fn figures_are_by_class() {
    let mut world = World::with(3);
    let screen = world.screen();
    let document = world.publish(1, TrackKind::Document, Audience::One(id(2)));
    let (media, bulk) = (world.open_media(screen, 1), world.open(1, document, DeliveryClass::Bulk, 1));
    world.push(media, 100);
    world.push(bulk, 30);
    world.pull(2);
    let (request, kind, audience) = (world.request(), EntryKind::Message, Audience::Everyone);
    let payload = Bytes::from_static(b"hello");
    world.upload(1, LogUpload::Append { request, kind, audience, payload });
    world.pull(3);
    let stats = world.session.stats();
    let of = |class: ClassStats| (class.resident_bytes, class.bytes_in, class.bytes_out);
    assert_eq!(of(stats.classes.media), (0, 100, 200));
    assert_eq!(of(stats.classes.bulk), (0, 30, 30));
    assert_eq!((stats.bytes_in, stats.bytes_out), (130, 230), "without the log");
    let log = stats.classes.log;
    assert_eq!(
        (log.resident_bytes, log.bytes_in),
        (stats.log_bytes, log.bytes_out),
        "participant 3 has read it"
    );
    assert!(log.bytes_in > 5);
    world.push(media, 7);
    assert_eq!(world.session.stats().classes.media.resident_bytes, 7);
}

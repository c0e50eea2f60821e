//! A stream that takes nothing is held by itself: everything else to the same receiver goes on.

use super::world::{End, NO_MEDIA, World, id, params};
use crate::{ClassBudget, EgressId, SessionLimits, Wake, Write, WriteRoom, budgets};
use isi_wire::{Audience, ClientMessage, DeliveryClass, ResetCode, TrackKind};

/// The stream of `group`, which was opened.
fn egress(world: &World, who: u64, group: u64) -> EgressId {
    let streams = world.inboxes[&id(who)].streams.iter();
    *streams.into_iter().find(|(_, stream)| stream.header.group == group).unwrap().0
}

fn is_woken(world: &mut World, who: u64) -> bool {
    world.wakes().contains(&Wake::Writer(id(who)))
}

#[test]
fn a_stalled_document_does_not_hold_back_the_picture() {
    let mut world = World::with(2);
    let document = world.publish(1, TrackKind::Document, Audience::One(id(2)));
    let (bulk, screen) = (world.open(1, document, DeliveryClass::Bulk, 7), world.screen());
    world.push(bulk, 100);
    world.pull(2);
    world.session.hold_egress(id(2), egress(&world, 2, 7));
    world.push(bulk, 500);
    let media = world.open_media(screen, 1);
    world.push(media, 1_000);
    world.pull(2);
    assert_eq!((world.stream(2, 1).bytes.len(), world.stream(2, 7).bytes.len()), (1_000, 100));
    world.session.release_egress(id(2), egress(&world, 2, 7));
    assert!(is_woken(&mut world, 2));
    world.pull(2);
    assert_eq!(world.stream(2, 7).bytes.len(), 600);
}

#[test]
fn media_and_bulk_have_a_room_each() {
    let mut world = World::with(2);
    let document = world.publish(1, TrackKind::Document, Audience::One(id(2)));
    let (bulk, screen) = (world.open(1, document, DeliveryClass::Bulk, 7), world.screen());
    let media = world.open_media(screen, 1);
    world.push(bulk, 100);
    world.push(media, 100);
    world.pull_with(2, WriteRoom { bulk_bytes: 60, ..NO_MEDIA });
    assert_eq!(world.stream(2, 7).bytes.len(), 100, "in two parts");
    assert!(world.inboxes[&id(2)].streams.values().all(|stream| stream.header.class == DeliveryClass::Bulk));
    world.push(bulk, 100);
    world.pull_with(2, WriteRoom { media_bytes: 60, ..NO_MEDIA });
    assert_eq!((world.stream(2, 1).bytes.len(), world.stream(2, 7).bytes.len()), (100, 100));
}

#[test]
fn a_newer_group_of_the_same_track_passes_a_held_one() {
    let mut world = World::with(2);
    let alias = world.screen();
    let old = world.open_media(alias, 1);
    world.push(old, 10);
    world.pull(2);
    world.session.hold_egress(id(2), egress(&world, 2, 1));
    world.wakes();
    world.push(old, 10);
    assert!(!is_woken(&mut world, 2), "there is nothing to do for a held stream");
    let new = world.open_media(alias, 2);
    world.push(new, 30);
    world.pull(2);
    assert_eq!((world.stream(2, 1).bytes.len(), world.stream(2, 2).bytes.len()), (10, 30));
}

#[test]
fn a_held_stream_still_gets_its_end() {
    let mut world = World::with(3);
    let alias = world.screen();
    let first = world.open_media(alias, 1);
    world.push(first, 10);
    [2, 3].iter().for_each(|who| world.pull(*who));
    [2, 3].iter().for_each(|who| world.session.hold_egress(id(*who), egress(&world, *who, 1)));
    assert_eq!(world.session.stats().streams_held, 2);
    world.finish(first);
    world.pull(2);
    assert_eq!(world.stream(2, 1).end, Some(End::Finish), "all bytes are with the shell");
    world.control(3, ClientMessage::Unsubscribe { alias });
    world.pull(3);
    assert_eq!(world.stream(3, 1).end, Some(End::Reset(ResetCode::Unsubscribed)));
    assert_eq!(world.session.stats().streams_held, 0);
}

#[test]
fn being_held_stops_no_budget() {
    let mut world = World::new(SessionLimits {
        media: ClassBudget { bytes_max: 1_000, ms_max: 50 },
        ..SessionLimits::default()
    });
    (1..=2).for_each(|n| drop(world.join(params(n))));
    let alias = world.screen();
    let media = world.open_media(alias, 1);
    world.pull(2);
    world.session.hold_egress(id(2), egress(&world, 2, 1));
    world.push(media, 10);
    world.later_ms(50);
    world.pull(2);
    assert_eq!(world.stream(2, 1).end, Some(End::Reset(ResetCode::OverBudget)));
    assert_eq!(world.resident(), 0);
}

#[test]
fn ids_that_are_gone_or_anothers_do_nothing() {
    let mut world = World::with(3);
    let alias = world.screen();
    let first = world.open_media(alias, 1);
    world.pull(2);
    let stream = egress(&world, 2, 1);
    world.session.hold_egress(id(3), stream);
    world.session.hold_egress(id(99), stream);
    world.push(first, 10);
    world.pull(2);
    assert_eq!(world.stream(2, 1).bytes.len(), 10, "nobody holds another's stream");
    world.session.hold_egress(id(2), stream);
    world.session.release_egress(id(3), stream);
    world.push(first, 10);
    world.pull(2);
    assert_eq!(world.stream(2, 1).bytes.len(), 10, "nor releases it");
    world.session.stream_stopped(world.now, id(2), stream);
    world.session.release_egress(id(2), stream);
    world.session.hold_egress(id(2), stream);
    assert_eq!(world.session.stats().streams_held, 0);
    assert_eq!(world.pull_one(2, WriteRoom::ALL), None);
}

#[test]
fn a_held_document_that_is_cut_lets_its_sender_go_on() {
    let mut world = World::with(3);
    let document = world.publish(1, TrackKind::Document, Audience::Everyone);
    [2, 3].iter().for_each(|who| world.subscribe(*who, document));
    let bulk = world.open(1, document, DeliveryClass::Bulk, 1);
    [2, 3].iter().for_each(|who| world.pull(*who));
    world.session.hold_egress(id(2), egress(&world, 2, 1));
    world.push(bulk, budgets::BULK.bytes_max);
    world.pull(3);
    assert_eq!(world.push_batch(bulk, &[1]).1, 1, "participant 2 takes nothing");
    world.wakes();
    world.later_ms(budgets::BULK.ms_max);
    assert!(world.wakes().contains(&Wake::Ingress(bulk)));
    world.push(bulk, 1);
}

#[test]
fn a_small_group_is_one_write() {
    let mut world = World::with(2);
    let alias = world.screen();
    world.pull(2);
    let ingress = world.open_media(alias, 1);
    world.push_all(ingress, &[10, 20, 30]);
    world.finish(ingress);
    let write = world.pull_one(2, WriteRoom::ALL);
    assert!(matches!(write, Some(Write::Stream { opens: true, bytes: 60, finishes: true, .. })), "{write:?}");
    assert_eq!(world.pull_one(2, WriteRoom::ALL), None);
}

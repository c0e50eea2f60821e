//! Bounds in bytes per participant: what one sender has in memory, and what waits for one receiver.

use super::world::{End, NO_MEDIA, World, id, params};
use crate::{ClassBudget, IngressId, PushOutcome, SessionLimits, Wake};
use bytes::Bytes;
use isi_wire::{Audience, ClientMessage, DeliveryClass, RelayMessage, ResetCode, TrackAlias, TrackKind};

fn world(limits: SessionLimits, count: u64) -> World {
    let mut world = World::new(limits);
    (1..=count).for_each(|n| drop(world.join(params(n))));
    world
}

fn per_publisher(bytes_max: usize) -> SessionLimits {
    SessionLimits { resident_bytes_per_publisher_max: bytes_max, ..SessionLimits::default() }
}

fn per_receiver(bytes_max: usize) -> SessionLimits {
    SessionLimits { waiting_bytes_per_receiver_max: bytes_max, ..SessionLimits::default() }
}

/// A group of `kind` from participant `from` for `to`, opened there.
fn group(world: &mut World, from: u64, to: u64, kind: TrackKind, number: u64) -> (TrackAlias, IngressId) {
    let alias = world.publish(from, kind, Audience::One(id(to)));
    let class = super::world::class_of(kind);
    let ingress = world.open(from, alias, class, number);
    world.pull(to);
    (alias, ingress)
}

fn is_reset(world: &mut World, who: u64, number: u64) -> bool {
    world.pull_with(who, NO_MEDIA);
    matches!(world.stream(who, number).end, Some(End::Reset(ResetCode::OverBudget | ResetCode::Stale)))
}

#[test]
fn a_sender_over_its_bound_loses_its_own_oldest_media_and_nobody_elses() {
    let mut world = world(per_publisher(1_000), 4);
    let (_, others) = group(&mut world, 3, 2, TrackKind::Screen, 1);
    let (_, oldest) = group(&mut world, 1, 2, TrackKind::Screen, 2);
    let (_, newest) = group(&mut world, 1, 4, TrackKind::Video, 3);
    world.push(others, 900);
    world.push(oldest, 600);
    world.now = world.now.plus_ms(1);
    world.push(newest, 400);
    assert_eq!(world.resident(), 1_900, "the bound may be reached");
    world.push(newest, 1);
    assert_eq!(world.resident(), 1_301);
    assert!(is_reset(&mut world, 2, 2));
    assert!(!is_reset(&mut world, 2, 1) && !is_reset(&mut world, 4, 3));
}

#[test]
fn a_sender_over_its_bound_is_held_in_bulk_at_half() {
    let mut world = world(per_publisher(1_000), 3);
    let (_, one) = group(&mut world, 1, 2, TrackKind::Document, 1);
    let (_, two) = group(&mut world, 1, 3, TrackKind::Document, 2);
    let (_, free) = group(&mut world, 3, 2, TrackKind::Document, 3);
    assert_eq!(world.push_batch(one, &[200, 200, 200]), (PushOutcome::Full, 1));
    assert_eq!(world.push_batch(two, &[101]), (PushOutcome::Full, 1), "whoever receives it");
    world.push(free, 400);
    world.wakes();
    world.pull(2);
    let wakes = world.wakes();
    assert!([one, two].iter().all(|ingress| wakes.contains(&Wake::Ingress(*ingress))), "{wakes:?}");
    world.push(two, 101);
}

#[test]
fn input_and_datagrams_that_find_no_room_at_their_sender_end_as_their_class_promises() {
    let mut world = world(per_publisher(1_000), 2);
    let (_, bulk) = group(&mut world, 1, 2, TrackKind::Document, 1);
    let (input, keys) = group(&mut world, 1, 2, TrackKind::Input, 2);
    let live = world.publish(1, TrackKind::Pointer, Audience::One(id(2)));
    world.push(bulk, 990);
    world.session.push_datagram(world.now, id(1), live, Bytes::from(vec![1; 20])).unwrap();
    assert_eq!(world.session.stats().datagrams_dropped, 1);
    assert_eq!(world.try_push(keys, 20), PushOutcome::Stop(ResetCode::OverBudget));
    let is_closed =
        |told: &RelayMessage| matches!(told, RelayMessage::TrackRemoved { alias, .. } if *alias == input);
    assert!(world.told(1).iter().any(is_closed));
}

#[test]
fn a_receiver_over_its_bound_loses_its_oldest_media_and_the_others_notice_nothing() {
    let mut world = world(per_receiver(1_000), 4);
    let [one, two] = [1, 3].map(|from| {
        let alias = world.publish(from, TrackKind::Screen, Audience::Everyone);
        [2, 4].iter().for_each(|who| world.subscribe(*who, alias));
        let ingress = world.open(from, alias, DeliveryClass::Media, from);
        [2, 4].iter().for_each(|who| world.pull(*who));
        ingress
    });
    world.push(one, 600);
    world.pull(4);
    world.now = world.now.plus_ms(1);
    world.push(two, 400);
    assert_eq!(world.resident(), 1_000, "the bound may be reached");
    world.push(two, 1);
    assert_eq!(world.resident(), 401);
    assert!(is_reset(&mut world, 2, 1) && !is_reset(&mut world, 2, 3));
    world.pull(4);
    assert_eq!((world.stream(4, 1).bytes.len(), world.stream(4, 3).bytes.len()), (600, 401));
    assert!(!is_reset(&mut world, 4, 1) && !is_reset(&mut world, 4, 3));
}

#[test]
fn bulk_waits_for_a_receiver_for_whom_half_of_its_bound_waits() {
    let mut world = world(per_receiver(1_000), 4);
    let (_, one) = group(&mut world, 1, 2, TrackKind::Document, 1);
    let (_, two) = group(&mut world, 3, 2, TrackKind::Document, 2);
    let (_, elsewhere) = group(&mut world, 3, 4, TrackKind::Document, 3);
    world.push(one, 400);
    assert_eq!(world.push_batch(two, &[100, 1]), (PushOutcome::Full, 1));
    world.push(elsewhere, 400);
    world.wakes();
    world.pull(2);
    assert!(world.wakes().contains(&Wake::Ingress(two)));
    world.push(two, 1);
}

#[test]
fn bulk_that_waited_for_a_receiver_goes_on_when_that_leaves() {
    let mut world = world(per_receiver(1_000), 3);
    let document = world.publish(1, TrackKind::Document, Audience::Everyone);
    [2, 3].iter().for_each(|who| world.subscribe(*who, document));
    let bulk = world.open(1, document, DeliveryClass::Bulk, 1);
    [2, 3].iter().for_each(|who| world.pull(*who));
    world.push(bulk, 500);
    world.pull(3);
    assert_eq!(world.push_batch(bulk, &[1]), (PushOutcome::Full, 1));
    world.control(2, ClientMessage::Leave);
    assert!(world.wakes().contains(&Wake::Ingress(bulk)));
    world.push(bulk, 1);
}

#[test]
fn a_receiver_with_no_media_to_lose_loses_bulk_then() {
    let mut world = world(per_receiver(1_000), 3);
    let (_, bulk) = group(&mut world, 1, 2, TrackKind::Document, 1);
    let (_, keys) = group(&mut world, 3, 2, TrackKind::Input, 2);
    world.push(bulk, 900);
    world.push(keys, 101);
    assert!(is_reset(&mut world, 2, 1));
    world.pull(2);
    assert_eq!(world.stream(2, 2).bytes.len(), 101, "input is last to go");
}

#[test]
fn the_smaller_bound_rules_and_a_batch_counts_as_a_whole() {
    let limits =
        SessionLimits { media: ClassBudget { bytes_max: 10_000, ms_max: 1_000 }, ..per_receiver(1_000) };
    let mut world = world(limits, 2);
    let (_, media) = group(&mut world, 1, 2, TrackKind::Screen, 1);
    assert_eq!(world.push_batch(media, &[300; 4]), (PushOutcome::Accepted, 0));
    assert_eq!(world.resident(), 0);
    assert!(is_reset(&mut world, 2, 1));
    assert_eq!(world.session.stats().classes.media.groups_reset, 1);
}

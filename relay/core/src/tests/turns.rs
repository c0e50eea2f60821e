//! Tracks of a class share a receiver's room by bytes.

use super::world::{World, id};
use crate::turns::TURN_BYTES;
use crate::{IngressId, Write, WriteRoom};
use isi_wire::{Audience, DeliveryClass, TrackKind};
use std::collections::BTreeMap;

/// What each group has been given after `total` bytes, with that room per turn of the writer.
fn shares(world: &mut World, total: usize, room: WriteRoom) -> BTreeMap<u64, usize> {
    let mut given = 0;
    while given < total {
        match world.pull_one(2, room) {
            Some(Write::Stream { bytes, .. }) => given += bytes,
            Some(_) => {}
            None => panic!("only {given} bytes are there"),
        }
    }
    let streams = world.inboxes[&id(2)].streams.values();
    streams.map(|stream| (stream.header.group, stream.bytes.len())).collect()
}

/// A group of large chunks, one of packets, one of crumbs; each has 256 KiB waiting.
fn three_groups(world: &mut World, kind: TrackKind, class: DeliveryClass) -> [IngressId; 3] {
    let groups = [(1, 64 * 1024), (2, 1_400), (3, 100)].map(|(group, chunk)| {
        let alias = world.publish(1, kind, Audience::One(id(2)));
        (world.open(1, alias, class, group), chunk)
    });
    for (ingress, chunk) in groups {
        world.push_all(ingress, &vec![chunk; (256 * 1024_usize).div_ceil(chunk)]);
    }
    groups.map(|(ingress, _)| ingress)
}

fn assert_fair(kind: TrackKind, class: DeliveryClass, room: WriteRoom) {
    let mut world = World::with(2);
    three_groups(&mut world, kind, class);
    let given = shares(&mut world, 600_000, room);
    let (least, most) = (given.values().min().unwrap(), given.values().max().unwrap());
    assert_eq!(given.len(), 3);
    assert!(most - least <= TURN_BYTES, "{class:?} with {room:?}: {given:?}");
}

#[test]
fn shares_are_equal_in_bytes_whatever_the_chunks_and_the_room() {
    for room_bytes in [usize::MAX, 64 * 1024, 5_000, 700] {
        let room = WriteRoom { media_bytes: room_bytes, bulk_bytes: room_bytes, datagram: true };
        assert_fair(TrackKind::Screen, DeliveryClass::Media, room);
        assert_fair(TrackKind::Document, DeliveryClass::Bulk, room);
    }
}

#[test]
fn a_track_that_waited_for_bytes_gets_no_more_than_its_share_afterwards() {
    let mut world = World::with(2);
    let [large, packets, _] = three_groups(&mut world, TrackKind::Screen, DeliveryClass::Media);
    let alias = world.publish(1, TrackKind::Screen, Audience::One(id(2)));
    let late = world.open(1, alias, DeliveryClass::Media, 4);
    shares(&mut world, 300_000, WriteRoom::ALL);
    world.push_all(late, &[64 * 1024; 4]);
    world.push_all(large, &[64 * 1024; 4]);
    world.push_all(packets, &[1_000; 256]);
    let before = shares(&mut world, 0, WriteRoom::ALL);
    let after = shares(&mut world, 200_000, WriteRoom::ALL);
    let got = |group| after[&group] - before.get(&group).unwrap_or(&0);
    for group in [1, 2, 3] {
        assert!(got(4) <= got(group) + TURN_BYTES, "{before:?} {after:?}");
    }
}

#[test]
fn whoever_is_alone_need_not_wait_for_its_turn() {
    let mut world = World::with(2);
    let alias = world.publish(1, TrackKind::Document, Audience::One(id(2)));
    let ingress = world.open(1, alias, DeliveryClass::Bulk, 1);
    world.pull(2);
    world.push_all(ingress, &[TURN_BYTES; 4]);
    let write = world.pull_one(2, WriteRoom::ALL);
    assert!(matches!(write, Some(Write::Stream { bytes, .. }) if bytes == 4 * TURN_BYTES), "{write:?}");
}

//! The order of a media track's groups: all of them for who keeps up, whole new ones for who does not.

use super::world::{End, NO_MEDIA, World, id, params};
use crate::budgets::{MEDIA, SUPERSEDED_MS_MIN};
use crate::{ClassBudget, EgressId, SessionLimits, WriteRoom};
use isi_wire::{ResetCode, TrackAlias};

const FRAME_BYTES: usize = 1_000;
const FRAME_MS: u64 = 33;

/// Groups as `who` has them, by number, with their bytes and end.
fn received(world: &World, who: u64) -> Vec<(u64, usize, Option<End>)> {
    let streams = world.inboxes[&id(who)].streams.values();
    let mut groups: Vec<_> =
        streams.map(|stream| (stream.header.group, stream.bytes.len(), stream.end)).collect();
    groups.sort_by_key(|(number, ..)| *number);
    groups
}

fn numbers(world: &World, who: u64) -> Vec<u64> {
    received(world, who).iter().map(|(number, ..)| *number).collect()
}

fn whole_group(world: &mut World, alias: TrackAlias, number: u64, bytes: usize) {
    let ingress = world.open_media(alias, number);
    world.push(ingress, bytes);
    world.finish(ingress);
}

fn begun(world: &World, who: u64, group: u64) -> EgressId {
    let streams = world.inboxes[&id(who)].streams.iter();
    *streams.into_iter().find(|(_, stream)| stream.header.group == group).unwrap().0
}

/// Takes up to `bytes`, in small parts.
fn take(world: &mut World, who: u64, bytes: usize) {
    for _ in 0..bytes / 10 {
        world.pull_one(who, WriteRoom { media_bytes: 10, ..WriteRoom::URGENT });
    }
}

/// Participant 2 takes a tenth of what is sent, participant 3 all.
fn at_a_tenth_of_the_rate(frames_per_group: u64, groups: u64) -> World {
    let mut world = World::with(3);
    let alias = world.screen();
    for number in 1..=groups {
        let ingress = world.open_media(alias, number);
        for frame in 1..=frames_per_group {
            world.push(ingress, FRAME_BYTES);
            if frame == frames_per_group {
                world.finish(ingress);
            }
            world.pull(3);
            take(&mut world, 2, FRAME_BYTES / 10);
            world.later_ms(FRAME_MS);
        }
    }
    world
}

#[test]
fn a_slow_receiver_gets_whole_groups_each_newer_than_the_last() {
    for (frames_per_group, groups) in [(1, 600), (8, 75)] {
        let world = at_a_tenth_of_the_rate(frames_per_group, groups);
        let (slow, bytes) = (received(&world, 2), FRAME_BYTES * usize::try_from(frames_per_group).unwrap());
        let (current, whole) = slow.split_last().unwrap();
        for (number, has, end) in whole {
            assert_eq!((*has, *end), (bytes, Some(End::Finish)), "group {number}");
        }
        assert_eq!(current.2.filter(|end| *end != End::Finish), None);
        // A turn is lost here and there, since a group begins and ends within one.
        let carried = groups / 10;
        assert!(slow.len() as u64 >= carried * 8 / 10, "{} of {carried}", slow.len());
        // What begins has waited for a bounded time.
        let behind = (SUPERSEDED_MS_MIN / FRAME_MS).div_ceil(frames_per_group);
        assert!(current.0 + 10 + behind + 1 >= groups, "{} of {groups}", current.0);
        assert!(received(&world, 3).iter().map(|(number, ..)| *number).eq(1..=groups));
        let all = |(_, has, end): &(u64, usize, _)| (*has, *end) == (bytes, Some(End::Finish));
        assert!(received(&world, 3).iter().all(all), "the other one loses nothing");
    }
}

#[test]
fn a_receiver_that_had_no_turn_yet_gets_all_groups_in_order() {
    let mut world = World::with(2);
    let alias = world.screen();
    world.pull(2);
    (1..=20).for_each(|number| whole_group(&mut world, alias, number, 100));
    world.later_ms(SUPERSEDED_MS_MIN - 1);
    world.pull(2);
    assert!(received(&world, 2).iter().all(|(_, has, end)| (*has, *end) == (100, Some(End::Finish))));
    assert!(numbers(&world, 2).into_iter().eq(1..=20));
    assert_eq!(world.session.stats().groups_reset, 0);
}

#[test]
fn of_groups_that_waited_too_long_only_the_newest_is_left() {
    let mut world = World::with(2);
    let alias = world.screen();
    world.pull(2);
    (1..=3).for_each(|number| whole_group(&mut world, alias, number, 100));
    world.later_ms(SUPERSEDED_MS_MIN - 1);
    (4..=5).for_each(|number| whole_group(&mut world, alias, number, 100));
    world.later_ms(1);
    world.pull(2);
    assert_eq!(received(&world, 2), [(5, 100, Some(End::Finish))]);
    assert_eq!((world.session.stats().groups_reset, world.resident()), (4, 0));
}

#[test]
fn one_that_waits_alone_is_not_superseded() {
    let mut world = World::with(2);
    let alias = world.screen();
    world.pull(2);
    whole_group(&mut world, alias, 1, 100);
    world.later_ms(MEDIA.ms_max - 1);
    world.pull(2);
    assert_eq!(received(&world, 2), [(1, 100, Some(End::Finish))]);
}

#[test]
fn what_is_held_is_passed_and_goes_on_later() {
    let mut world = World::with(2);
    let alias = world.screen();
    let first = world.open_media(alias, 1);
    world.push(first, 10);
    world.pull(2);
    let held = begun(&world, 2, 1);
    world.session.hold_egress(id(2), held);
    world.push(first, 10);
    (2..=3).for_each(|number| whole_group(&mut world, alias, number, 100));
    world.later_ms(SUPERSEDED_MS_MIN);
    world.pull(2);
    assert_eq!(received(&world, 2), [(1, 10, None), (3, 100, Some(End::Finish))]);
    world.session.release_egress(id(2), held);
    world.finish(first);
    world.pull(2);
    assert_eq!(world.stream(2, 1).end, Some(End::Finish));
}

#[test]
fn what_is_in_transfer_is_cut_when_its_time_is_over_and_the_newest_follows() {
    let mut world = World::with(2);
    let alias = world.screen();
    whole_group(&mut world, alias, 1, 1_000);
    take(&mut world, 2, 100);
    world.later_ms(MEDIA.ms_max - 1);
    (2..=3).for_each(|number| whole_group(&mut world, alias, number, 100));
    take(&mut world, 2, 100);
    assert_eq!(received(&world, 2), [(1, 200, None)], "it is still the first one's turn");
    world.later_ms(1);
    world.pull_with(2, NO_MEDIA);
    assert_eq!(world.stream(2, 1).end, Some(End::Reset(ResetCode::Stale)));
    world.pull(2);
    assert_eq!(numbers(&world, 2), [1, 2, 3], "those have only just come");
}

#[test]
fn over_its_bytes_a_receiver_loses_what_has_not_begun_before_what_has() {
    let media = ClassBudget { bytes_max: 1_000, ms_max: 3_000 };
    let mut world = World::new(SessionLimits { media, ..SessionLimits::default() });
    (1..=2).for_each(|n| drop(world.join(params(n))));
    let alias = world.screen();
    whole_group(&mut world, alias, 1, 400);
    take(&mut world, 2, 100);
    (2..=4).for_each(|number| whole_group(&mut world, alias, number, 300));
    assert_eq!(world.resident(), 700);
    world.pull(2);
    assert_eq!(received(&world, 2), [(1, 400, Some(End::Finish)), (4, 300, Some(End::Finish))]);
}

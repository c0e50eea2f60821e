//! Media: cut-through, a slow receiver loses its own picture and nobody else's.

use super::world::{End, NO_MEDIA, World, grants, id, params};
use crate::turns::TURN_BYTES;
use crate::{ClassBudget, GroupRefused, PushOutcome, SessionLimits, Wake, Write, WriteRoom, budgets};
use isi_wire::{Audience, ClientMessage, DeliveryClass, GroupHeader, RelayMessage, ResetCode, TrackKind};

fn small(bytes_max: usize) -> SessionLimits {
    SessionLimits { media: ClassBudget { bytes_max, ms_max: 1_000 }, ..SessionLimits::default() }
}

fn world(limits: SessionLimits, count: u64) -> World {
    let mut world = World::new(limits);
    (1..=count).for_each(|n| drop(world.join(params(n))));
    world
}

fn keyframes_wanted(world: &mut World) -> usize {
    world.told(1).iter().filter(|told| matches!(told, RelayMessage::KeyframeWanted { .. })).count()
}

#[test]
fn chunks_go_on_before_the_group_is_whole_and_are_freed_behind_the_last_cursor() {
    let mut world = World::with(3);
    let alias = world.screen();
    let ingress = world.open_media(alias, 1);
    world.push(ingress, 100);
    world.push(ingress, 50);
    assert_eq!(world.resident(), 150, "held once for both receivers");
    world.pull(2);
    assert_eq!(world.stream(2, 1).bytes.len(), 150);
    assert_eq!(world.stream(2, 1).end, None);
    assert_eq!(world.resident(), 150, "participant 3 has still to read it");
    world.pull(3);
    assert_eq!(world.resident(), 0);
    world.finish(ingress);
    world.pull(2);
    assert_eq!(world.stream(2, 1).end, Some(End::Finish));
    assert_eq!(world.stream(3, 1).end, None, "nobody waits for participant 3");
    world.pull(3);
    assert_eq!(world.stream(3, 1).end, Some(End::Finish));
}

#[test]
fn every_receiver_is_woken_once_until_its_writer_has_looked() {
    let mut world = World::with(3);
    let alias = world.screen();
    [2, 3].iter().for_each(|who| world.pull(*who));
    world.wakes();
    let ingress = world.open_media(alias, 1);
    world.push(ingress, 10);
    world.push(ingress, 10);
    assert_eq!(world.wakes(), [Wake::Writer(id(2)), Wake::Writer(id(3))]);
    world.push(ingress, 10);
    assert_eq!(world.wakes(), []);
    world.pull(2);
    world.push(ingress, 10);
    assert_eq!(world.wakes(), [Wake::Writer(id(2))]);
}

#[test]
fn a_late_joiner_begins_at_the_next_group_and_causes_one_request() {
    let mut world = World::with(2);
    let alias = world.screen();
    let first = world.open_media(alias, 1);
    world.push(first, 10);
    world.later_ms(budgets::KEYFRAME_INTERVAL_MS_MIN);
    for late in [3, 4, 5] {
        world.join(params(late));
        world.subscribe(late, alias);
    }
    for late in [3, 4, 5] {
        world.pull(late);
        assert!(world.inboxes[&id(late)].streams.is_empty(), "no old chunks: it could not open them");
    }
    assert_eq!(keyframes_wanted(&mut world), 1);
    let second = world.open_media(alias, 2);
    world.push(second, 20);
    for receiver in [2, 3, 4, 5] {
        world.pull(receiver);
        assert_eq!(world.stream(receiver, 2).bytes.len(), 20);
    }
    world.later_ms(10 * budgets::KEYFRAME_INTERVAL_MS_MIN);
    assert_eq!(keyframes_wanted(&mut world), 0, "the new group has answered it");
}

#[test]
fn keyframe_requests_are_coalesced_and_repeated_only_while_somebody_needs_one() {
    let mut world = World::with(3);
    let alias = world.screen();
    world.later_ms(budgets::KEYFRAME_INTERVAL_MS_MIN);
    for who in [2, 3, 2, 3] {
        world.control(who, ClientMessage::RequestKeyframe { alias });
    }
    assert_eq!(keyframes_wanted(&mut world), 1);
    world.later_ms(budgets::KEYFRAME_INTERVAL_MS_MIN - 1);
    assert_eq!(keyframes_wanted(&mut world), 0);
    world.later_ms(1);
    assert_eq!(keyframes_wanted(&mut world), 1, "no group came: asked again, once");
    world.later_ms(10 * budgets::KEYFRAME_INTERVAL_MS_MIN);
    assert_eq!(keyframes_wanted(&mut world), 0);
}

#[test]
fn over_its_bytes_a_receiver_loses_the_group_and_the_others_notice_nothing() {
    let mut world = world(small(1_000), 3);
    let alias = world.screen();
    let ingress = world.open_media(alias, 1);
    world.pull_one(2, WriteRoom::ALL);
    for _ in 0..20 {
        world.push(ingress, 100);
        world.pull(3);
        assert!(world.resident() <= 1_000, "resident {}", world.resident());
    }
    assert_eq!(world.stream(3, 1).bytes.len(), 2_000);
    assert_eq!(world.resident(), 0, "participant 2 holds nothing any more");
    world.pull(2);
    assert_eq!(world.stream(2, 1).end, Some(End::Reset(ResetCode::OverBudget)));
    assert_eq!(world.stream(2, 1).bytes.len(), 0, "no chunk after the reset was decided");
    assert!(world.inboxes[&id(2)].control.contains(&RelayMessage::Dropped { alias, count: 1 }));
    assert_eq!(world.session.stats().groups_reset, 1);
}

#[test]
fn a_receiver_that_takes_nothing_costs_the_others_no_keyframe() {
    let mut world = world(small(1_000), 3);
    let alias = world.screen();
    world.later_ms(budgets::KEYFRAME_INTERVAL_MS_MIN);
    let ingress = world.open_media(alias, 1);
    world.pull(2);
    (0..20).for_each(|_| world.push(ingress, 100));
    world.pull_with(2, NO_MEDIA);
    world.pull_with(3, NO_MEDIA);
    assert_eq!(keyframes_wanted(&mut world), 0, "no room, no keyframe");
    world.pull(2);
    world.pull(3);
    assert_eq!(keyframes_wanted(&mut world), 1, "both have room: one request for both");
}

#[test]
fn over_its_milliseconds_an_older_group_is_stale_and_the_newest_over_budget() {
    let mut world = world(small(1_000_000), 2);
    let alias = world.screen();
    let (first, second) = (world.open_media(alias, 1), world.open_media(alias, 2));
    world.pull(2);
    world.push(first, 100);
    world.later_ms(900);
    world.push(second, 100);
    world.later_ms(99);
    assert_eq!(world.resident(), 200);
    world.later_ms(1);
    assert_eq!(world.resident(), 100, "the older group's time is over");
    world.pull_with(2, NO_MEDIA);
    assert_eq!(world.stream(2, 1).end, Some(End::Reset(ResetCode::Stale)));
    world.later_ms(900);
    assert_eq!(world.resident(), 0);
    world.pull_with(2, NO_MEDIA);
    assert_eq!(world.stream(2, 2).end, Some(End::Reset(ResetCode::OverBudget)));
}

#[test]
fn the_group_in_transfer_is_finished_first_and_tracks_take_turns() {
    let mut world = World::with(2);
    let (one, two) = (world.screen(), world.screen());
    let groups = [(one, 1), (one, 2), (two, 1)].map(|(alias, group)| {
        let ingress = world.open_media(alias, group);
        (0..2).for_each(|_| world.push(ingress, TURN_BYTES));
        (alias, group)
    });
    let mut order = Vec::new();
    while let Some(write) = world.pull_one(2, WriteRoom::ALL) {
        if let Write::Stream { egress, .. } = write {
            let header = world.inboxes[&id(2)].streams[&egress].header;
            order.push((header.alias, header.group));
        }
    }
    let [first, second, other] = groups;
    assert_eq!(order, [first, other, first, other, second, second]);
}

#[test]
fn media_goes_only_as_far_as_there_is_room() {
    let mut world = World::with(2);
    let alias = world.screen();
    let ingress = world.open_media(alias, 1);
    world.push(ingress, 100);
    world.pull_with(2, NO_MEDIA);
    assert!(world.inboxes[&id(2)].streams.is_empty());
    let room = WriteRoom { media_bytes: 64, ..NO_MEDIA };
    let lens: Vec<_> = std::iter::from_fn(|| world.pull_one(2, room))
        .filter_map(|write| if let Write::Stream { bytes, .. } = write { Some(bytes) } else { None })
        .collect();
    assert_eq!(lens, [64, 36]);
    assert_eq!(world.resident(), 0);
}

#[test]
fn a_track_has_so_many_groups_and_the_oldest_makes_way_that_nobody_has_in_transfer() {
    let limits = SessionLimits { groups_per_track_max: 3, ..SessionLimits::default() };
    let mut world = world(limits, 2);
    let alias = world.screen();
    let first = world.open_media(alias, 1);
    world.pull(2);
    let [second, ..] = [2, 3, 4].map(|group| world.open_media(alias, group));
    world.pull(1);
    assert_eq!(world.inboxes[&id(1)].stopped, [(second, ResetCode::Stale)]);
    world.pull(2);
    assert_eq!(world.inboxes[&id(2)].streams.len(), 3);
    world.open_media(alias, 5);
    world.pull(1);
    assert_eq!(world.inboxes[&id(1)].stopped[1..], [(first, ResetCode::Stale)], "all are in transfer");
}

#[test]
fn few_groups_come_in_at_a_time_and_the_oldest_is_stopped() {
    let mut world = world(SessionLimits::default(), 2);
    let alias = world.screen();
    let [first, ..] = [1, 2, 3, 4].map(|group| world.open_media(alias, group));
    world.pull(1);
    assert_eq!(world.inboxes[&id(1)].stopped, []);
    world.open_media(alias, 5);
    world.pull(1);
    assert_eq!(world.inboxes[&id(1)].stopped, [(first, ResetCode::Stale)]);
}

#[test]
fn group_numbers_rise_and_one_that_was_overtaken_is_stale() {
    let mut world = World::with(2);
    let alias = world.screen();
    world.open_media(alias, 5);
    let mut open = |group, class| {
        let header = GroupHeader { alias, group, class, offset: 0 };
        world.session.open_group(world.now, id(1), header, bytes::Bytes::new())
    };
    assert_eq!(open(5, DeliveryClass::Media), Err(GroupRefused::Reset(ResetCode::BadHeader)));
    assert_eq!(open(4, DeliveryClass::Media), Err(GroupRefused::Reset(ResetCode::Stale)));
    assert_eq!(open(6, DeliveryClass::Bulk), Err(GroupRefused::Reset(ResetCode::BadHeader)));
}

#[test]
fn the_session_keeps_its_total_by_resetting_whoever_holds_the_oldest() {
    let limits = SessionLimits { resident_bytes_max: 1_000, ..SessionLimits::default() };
    let mut world = world(limits, 3);
    let (one, two) = (world.screen(), world.screen());
    let (first, second) = (world.open_media(one, 1), world.open_media(two, 1));
    world.pull(2);
    world.push(first, 400);
    world.now = world.now.plus_ms(1);
    world.push(second, 400);
    world.push(second, 400);
    assert_eq!(world.resident(), 800, "track one, the oldest, has made way");
    [2, 3].iter().for_each(|who| world.pull(*who));
    assert_eq!(world.stream(3, 1).bytes.len(), 800);
    assert_eq!(world.resident(), 0);
}

#[test]
fn a_stopped_stream_ends_there_and_the_next_group_flows() {
    let mut world = World::with(2);
    let alias = world.screen();
    let first = world.open_media(alias, 1);
    world.push(first, 10);
    world.pull(2);
    let egress = *world.inboxes[&id(2)].streams.keys().next().unwrap();
    world.session.stream_stopped(world.now, id(2), egress);
    world.inboxes.get_mut(&id(2)).unwrap().live_stream(egress).end = Some(End::Stopped);
    world.push(first, 10);
    world.finish(first);
    assert_eq!(world.resident(), 0);
    let second = world.open_media(alias, 2);
    world.push(second, 10);
    world.pull(2);
    assert_eq!(world.stream(2, 2).bytes.len(), 10);
}

#[test]
fn a_stranger_cannot_stop_another_receivers_stream() {
    let mut world = World::with(3);
    let alias = world.screen();
    let ingress = world.open_media(alias, 1);
    world.pull(2);
    let egress = *world.inboxes[&id(2)].streams.keys().next().unwrap();
    world.session.stream_stopped(world.now, id(3), egress);
    world.push(ingress, 10);
    world.pull(2);
    assert_eq!(world.stream(2, 1).bytes.len(), 10);
}

#[test]
fn a_reset_of_the_sender_reaches_the_receivers_and_frees_the_group() {
    let mut world = World::with(2);
    let alias = world.screen();
    let ingress = world.open_media(alias, 1);
    world.pull(2);
    world.push(ingress, 10);
    world.session.reset_group(world.now, ingress, ResetCode::Cancelled);
    assert_eq!(world.resident(), 0);
    world.pull(2);
    assert_eq!(world.stream(2, 1).end, Some(End::Reset(ResetCode::Cancelled)));
}

#[test]
fn a_sender_over_its_rate_waits_and_is_woken() {
    let mut world = World::with(1);
    let rate = crate::Grants { bits_per_second_max: Some(8 * 1_000_000), ..grants() };
    world.session.update_grants(world.now, id(1), rate);
    world.join(params(2));
    let alias = world.screen();
    world.pull(2);
    let ingress = world.open_media(alias, 1);
    world.push(ingress, 1_500_000);
    world.pull(2);
    world.wakes();
    assert_eq!(world.try_push(ingress, 10), PushOutcome::Full);
    world.later_ms(500);
    assert_eq!(world.wakes(), []);
    world.later_ms(1);
    assert_eq!(world.wakes(), [Wake::Ingress(ingress)]);
    world.push(ingress, 10);
    world.pull(2);
    assert_eq!(world.stream(2, 1).bytes.len(), 1_500_010);
}

#[test]
fn without_receivers_nothing_is_held() {
    let mut world = World::with(2);
    let alias = world.publish(1, TrackKind::Video, Audience::Everyone);
    let ingress = world.open_media(alias, 1);
    world.push(ingress, 1_000);
    assert_eq!(world.resident(), 0);
    world.finish(ingress);
    world.subscribe(2, alias);
    let ingress = world.open_media(alias, 2);
    world.push(ingress, 1_000);
    assert_eq!(world.resident(), 1_000);
}

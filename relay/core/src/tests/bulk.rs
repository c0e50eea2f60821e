//! Bulk: reliable, last in line, its sender feels the slowest receiver.

use super::world::{End, NO_MEDIA, World, header_bytes, id, params};
use crate::{GroupRefused, IngressId, PushOutcome, SessionLimits, Wake, Write, WriteRoom, budgets};
use isi_wire::{
    Audience, ClientMessage, DeliveryClass, GroupHeader, RelayMessage, ResetCode, TrackAlias, TrackKind,
};

fn document(world: &mut World) -> (TrackAlias, IngressId) {
    let alias = world.publish(1, TrackKind::Document, Audience::Everyone);
    [2, 3].iter().for_each(|who| world.subscribe(*who, alias));
    (alias, world.open(1, alias, DeliveryClass::Bulk, 1))
}

#[test]
fn the_sender_waits_for_the_slowest_and_is_woken_when_it_has_caught_up() {
    let mut world = World::with(3);
    let (_, ingress) = document(&mut world);
    let half = budgets::BULK.bytes_max / 2;
    world.push(ingress, half);
    world.push(ingress, half);
    assert_eq!(world.try_push(ingress, 1), PushOutcome::Full);
    assert_eq!(world.session.stats().backpressure, 1);
    world.pull(2);
    assert!(!world.wakes().contains(&Wake::Ingress(ingress)), "participant 3 has read nothing");
    world.pull_one(3, WriteRoom::ALL);
    world.pull_one(3, WriteRoom::ALL);
    world.pull_one(3, WriteRoom::ALL);
    let wakes = world.wakes().into_iter().filter(|wake| *wake == Wake::Ingress(ingress));
    assert_eq!(wakes.count(), 1, "once until served, however much was read");
    world.push(ingress, 1);
    world.finish(ingress);
    for who in [2, 3] {
        world.pull(who);
        assert_eq!(world.stream(who, 1).bytes.len(), 2 * half + 1);
        assert_eq!(world.stream(who, 1).end, Some(End::Finish));
    }
}

#[test]
fn a_receiver_that_takes_nothing_is_reset_so_that_the_others_go_on() {
    let mut world = World::with(3);
    let (alias, ingress) = document(&mut world);
    world.pull(2);
    world.pull(3);
    world.push(ingress, budgets::BULK.bytes_max);
    world.pull(2);
    assert_eq!(world.try_push(ingress, 1), PushOutcome::Full);
    world.wakes();
    world.later_ms(budgets::BULK.ms_max);
    assert_eq!(
        world.wakes(),
        [Wake::Ingress(ingress)],
        "participant 3 was woken before and has not looked yet"
    );
    world.pull_with(3, NO_MEDIA);
    assert_eq!(world.stream(3, 1).end, Some(End::Reset(ResetCode::OverBudget)));
    // It may ask for the rest, which comes as a stream of its own.
    world.told(1);
    world.later_ms(budgets::KEYFRAME_INTERVAL_MS_MIN);
    world.control(3, ClientMessage::RequestKeyframe { alias });
    assert_eq!(world.told(1), [RelayMessage::KeyframeWanted { alias }]);
    world.finish(ingress);
    let header = GroupHeader { alias, group: 1, class: DeliveryClass::Bulk, offset: 4_096 };
    assert!(world.session.open_group(world.now, id(1), header, header_bytes(header)).is_ok());
}

#[test]
fn bulk_goes_behind_media() {
    let mut world = World::with(3);
    let (_, ingress) = document(&mut world);
    world.push(ingress, 10);
    let screen = world.screen();
    let media = world.open_media(screen, 1);
    world.push(media, 10);
    let classes: Vec<_> = std::iter::from_fn(|| world.pull_one(2, WriteRoom::ALL))
        .filter_map(|write| if let Write::Stream { class, .. } = write { Some(class) } else { None })
        .collect();
    assert_eq!(classes, [DeliveryClass::Media, DeliveryClass::Bulk]);
}

#[test]
fn a_document_for_nobody_is_stopped() {
    let mut world = World::with(2);
    let alias = world.publish(1, TrackKind::Document, Audience::One(id(2)));
    let ingress = world.open(1, alias, DeliveryClass::Bulk, 1);
    world.control(2, ClientMessage::Unsubscribe { alias });
    world.pull(1);
    assert_eq!(world.inboxes[&id(1)].stopped, [(ingress, ResetCode::Unsubscribed)]);
    let header = GroupHeader { alias, group: 2, class: DeliveryClass::Bulk, offset: 0 };
    let refused = world.session.open_group(world.now, id(1), header, header_bytes(header));
    assert_eq!(refused, Err(GroupRefused::Reset(ResetCode::Unsubscribed)));
}

#[test]
fn unpublished_after_its_end_a_document_still_arrives_whole() {
    let mut world = World::with(3);
    let (alias, ingress) = document(&mut world);
    world.push(ingress, 1_000);
    world.finish(ingress);
    world.control(1, ClientMessage::Unpublish { alias });
    let is_removed = |told: &RelayMessage| matches!(told, RelayMessage::TrackRemoved { .. });
    assert!(!world.told(2).iter().any(is_removed), "not before its bytes");
    world.pull(2);
    world.pull(3);
    for who in [2, 3] {
        assert_eq!(world.stream(who, 1).bytes.len(), 1_000);
        assert_eq!(world.stream(who, 1).end, Some(End::Finish));
        assert!(world.told(who).iter().any(is_removed));
    }
    assert_eq!(world.session.stats().tracks, 0);
}

#[test]
fn bulk_leaves_half_of_the_sessions_memory_to_the_rest() {
    let mut world = World::new(SessionLimits { resident_bytes_max: 1_000, ..SessionLimits::default() });
    (1..=3).for_each(|n| drop(world.join(params(n))));
    let (_, one) = document(&mut world);
    let (_, two) = document(&mut world);
    world.push(one, 400);
    assert_eq!(world.try_push(two, 200), PushOutcome::Full);
    let screen = world.screen();
    let media = world.open_media(screen, 1);
    world.push(media, 600);
    assert_eq!(world.resident(), 1_000);
    world.wakes();
    [2, 3].iter().for_each(|who| world.pull(*who));
    assert!(world.wakes().contains(&Wake::Ingress(two)));
    world.push(two, 200);
}

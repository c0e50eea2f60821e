//! Input: reliable, ordered, one receiver, above everything; late or with holes is worse than not at all.

use super::world::{End, World, id, viewer};
use crate::{PushOutcome, Write, WriteRoom, budgets};
use isi_wire::{Audience, DeliveryClass, RelayMessage, ResetCode, TrackEndReason, TrackKind};

#[test]
fn input_reaches_the_one_it_is_for_without_subscription_and_before_media() {
    let mut world = World::with(3);
    let screen = world.screen();
    let input = world.publish(1, TrackKind::Input, Audience::One(id(2)));
    assert!(
        world.told(2).iter().any(|told| matches!(told, RelayMessage::TrackAdded(track) if track.directed))
    );
    assert!(
        !world
            .told(3)
            .iter()
            .any(|told| matches!(told, RelayMessage::TrackAdded(track) if track.alias == input))
    );
    let media = world.open_media(screen, 1);
    world.push(media, 10_000);
    let keys = world.open(1, input, DeliveryClass::Input, 1);
    world.push(keys, 10);
    let first = world.pull_one(2, WriteRoom::ALL);
    let is_input = |write: &Write| matches!(write, Write::Stream { class: DeliveryClass::Input, .. });
    assert!(first.is_some_and(|write| is_input(&write)));
    assert_eq!(world.stream(2, 1).bytes.len(), 10);
    world.pull(3);
    assert_eq!(world.inboxes[&id(3)].streams.len(), 1, "the screen only");
}

fn assert_closed(world: &mut World, alias: isi_wire::TrackAlias) {
    let removed = RelayMessage::TrackRemoved { alias, reason: TrackEndReason::OverBudget };
    assert!(world.told(1).contains(&removed));
    assert!(world.told(2).contains(&removed));
    assert_eq!(world.stream(2, 1).end, Some(End::Reset(ResetCode::OverBudget)));
    assert_eq!(world.resident(), 0);
    assert_eq!(world.session.stats().input_tracks_closed, 1);
    assert!(!world.told(3).contains(&removed), "nobody else's business");
}

#[test]
fn over_its_bytes_the_track_is_closed_and_both_sides_are_told() {
    let mut world = World::with(3);
    let alias = world.publish(1, TrackKind::Input, Audience::One(id(2)));
    let ingress = world.open(1, alias, DeliveryClass::Input, 1);
    world.pull(2);
    world.push(ingress, budgets::INPUT.bytes_max);
    assert_eq!(world.resident(), budgets::INPUT.bytes_max);
    world.push(ingress, 1);
    assert_eq!(world.try_push(ingress, 1), PushOutcome::Stop(ResetCode::OverBudget));
    assert_closed(&mut world, alias);
    assert_eq!(world.inboxes[&id(1)].stopped, [], "it was told by the push already");
}

#[test]
fn over_its_milliseconds_the_track_is_closed_too() {
    let mut world = World::with(3);
    let alias = world.publish(1, TrackKind::Input, Audience::One(id(2)));
    let ingress = world.open(1, alias, DeliveryClass::Input, 1);
    world.pull(2);
    world.push(ingress, 10);
    world.later_ms(budgets::INPUT.ms_max - 1);
    assert_eq!(world.resident(), 10);
    world.later_ms(1);
    assert_closed(&mut world, alias);
    assert_eq!(world.inboxes[&id(1)].stopped, [(ingress, ResetCode::OverBudget)]);
}

#[test]
fn it_ends_when_its_receiver_leaves_or_stops_it() {
    let mut world = World::with(3);
    let alias = world.publish(1, TrackKind::Input, Audience::One(id(2)));
    let ingress = world.open(1, alias, DeliveryClass::Input, 1);
    world.pull(2);
    let egress = *world.inboxes[&id(2)].streams.keys().next().unwrap();
    world.session.stream_stopped(world.now, id(2), egress);
    assert_eq!(world.try_push(ingress, 1), PushOutcome::Stop(ResetCode::Unsubscribed));
    let ingress = world.open(1, alias, DeliveryClass::Input, 2);
    world.session.leave(world.now, id(2), isi_wire::LeaveReason::Lost);
    assert_eq!(world.try_push(ingress, 1), PushOutcome::Stop(ResetCode::TrackEnded));
    let told = world.told(1);
    assert!(told.contains(&RelayMessage::TrackRemoved { alias, reason: TrackEndReason::ReceiverLeft }));
}

#[test]
fn it_needs_the_right_on_both_sides() {
    let mut world = World::with(1);
    let no_input = [TrackKind::Screen].into_iter().collect();
    let mut deaf = super::world::params(2);
    deaf.grants = crate::Grants { subscribe: no_input, publish: no_input, ..viewer() };
    world.join(deaf);
    let refused = world.try_publish(1, TrackKind::Input, DeliveryClass::Input, Audience::One(id(2)));
    assert!(matches!(refused, RelayMessage::Refused { reason: isi_wire::RefuseReason::Forbidden, .. }));
    let refused = world.try_publish(2, TrackKind::Input, DeliveryClass::Input, Audience::One(id(1)));
    assert!(matches!(refused, RelayMessage::Refused { reason: isi_wire::RefuseReason::Forbidden, .. }));
}

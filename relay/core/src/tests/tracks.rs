//! Which tracks there may be, who hears of them, how they end.

use super::world::{End, World, class_of, grants, header_bytes, id, params, viewer};
use crate::{Grants, GroupRefused, JoinParams, PushOutcome, SessionLimits, budgets};
use isi_wire::{
    Audience, ClientMessage, CloseCode, DeliveryClass, GroupHeader, LeaveReason, RefuseReason, RelayMessage,
    ResetCode, TrackAlias, TrackEndReason, TrackId, TrackKind,
};

fn reason(answer: &RelayMessage) -> Option<RefuseReason> {
    match answer {
        RelayMessage::Refused { reason, .. } => Some(*reason),
        _ => None,
    }
}

#[test]
fn kind_class_and_audience_go_together() {
    let mut world = World::with(2);
    for kind in TrackKind::ALL {
        for class in DeliveryClass::ALL {
            for audience in [Audience::Everyone, Audience::One(id(2)), Audience::Organizers] {
                let fits = *class == class_of(*kind)
                    && (*kind != TrackKind::Input || audience == Audience::One(id(2)));
                let refused = reason(&world.try_publish(1, *kind, *class, audience));
                assert_eq!(
                    refused,
                    (!fits).then_some(RefuseReason::Mismatch),
                    "{kind:?} {class:?} {audience:?}"
                );
            }
        }
    }
    let own = world.try_publish(1, TrackKind::Input, DeliveryClass::Input, Audience::One(id(1)));
    assert_eq!(reason(&own), Some(RefuseReason::Mismatch));
    let nobody = world.try_publish(1, TrackKind::Input, DeliveryClass::Input, Audience::One(id(9)));
    assert_eq!(reason(&nobody), Some(RefuseReason::NotFound));
}

#[test]
fn publishing_needs_the_right_a_free_id_and_room() {
    let mut world = World::with(1);
    let grants = Grants { publish: [TrackKind::Screen].into_iter().collect(), tracks_max: 2, ..viewer() };
    world.join(JoinParams { grants, ..params(2) });
    let mut publish = |kind, track| {
        let request = world.request();
        let (track, class, audience) = (TrackId(track), class_of(kind), Audience::Everyone);
        world.control(2, ClientMessage::Publish { request, track, kind, class, audience });
        reason(&world.answer(2, request))
    };
    assert_eq!(publish(TrackKind::Video, 1), Some(RefuseReason::Forbidden));
    assert_eq!(publish(TrackKind::Screen, 1), None);
    assert_eq!(publish(TrackKind::Screen, 1), Some(RefuseReason::Duplicate));
    assert_eq!(publish(TrackKind::Screen, 2), None);
    assert_eq!(publish(TrackKind::Screen, 3), Some(RefuseReason::Limit));
}

#[test]
fn the_session_has_so_many_tracks_and_announcements_are_paced() {
    let mut world = World::new(SessionLimits { tracks_max: 1, ..SessionLimits::default() });
    world.join(params(1));
    let alias = world.publish(1, TrackKind::Screen, Audience::Everyone);
    let full = world.try_publish(1, TrackKind::Screen, DeliveryClass::Media, Audience::Everyone);
    assert_eq!(reason(&full), Some(RefuseReason::Limit));
    world.control(1, ClientMessage::Unpublish { alias });
    let churn = |world: &mut World| {
        (0..1_000)
            .take_while(|_| {
                let answer =
                    world.try_publish(1, TrackKind::Screen, DeliveryClass::Media, Audience::Everyone);
                if let RelayMessage::Published { alias, .. } = answer {
                    world.control(1, ClientMessage::Unpublish { alias });
                }
                reason(&answer).is_none()
            })
            .count() as u64
    };
    assert_eq!(churn(&mut world), budgets::ANNOUNCEMENTS_BURST_MAX - 1);
    world.later_ms(1_000);
    assert_eq!(churn(&mut world), budgets::ANNOUNCEMENTS_PER_SECOND_MAX);
}

#[test]
fn aliases_are_never_given_twice() {
    let mut world = World::with(1);
    let first = world.publish(1, TrackKind::Screen, Audience::Everyone);
    world.control(1, ClientMessage::Unpublish { alias: first });
    assert_ne!(world.publish(1, TrackKind::Screen, Audience::Everyone), first);
}

#[test]
fn only_those_who_may_receive_a_track_hear_of_it() {
    let mut world = World::with(1);
    let deaf = Grants { subscribe: [TrackKind::Audio].into_iter().collect(), ..viewer() };
    world.join(JoinParams { grants: viewer(), ..params(2) });
    world.join(JoinParams { grants: deaf, ..params(3) });
    world.told(2);
    let screen = world.publish(1, TrackKind::Screen, Audience::Everyone);
    let staff = world.publish(1, TrackKind::Screen, Audience::Organizers);
    let private = world.publish(1, TrackKind::Document, Audience::One(id(2)));
    let heard: Vec<_> = world
        .told(2)
        .into_iter()
        .filter_map(|told| if let RelayMessage::TrackAdded(track) = told { Some(track.alias) } else { None })
        .collect();
    assert_eq!(heard, [screen, private]);
    assert_eq!(world.told(3), []);
    let listed = |joined: isi_wire::Joined| joined.tracks.iter().map(|track| track.alias).collect::<Vec<_>>();
    assert_eq!(listed(world.join(params(4))), [screen, staff]);
    assert_eq!(listed(world.join(JoinParams { grants: deaf, ..params(5) })), []);
    for (who, alias, expected) in [
        (3, screen, RefuseReason::Forbidden),
        (2, staff, RefuseReason::NotFound),
        (4, private, RefuseReason::NotFound),
        (1, screen, RefuseReason::NotFound),
    ] {
        let request = world.request();
        world.control(who, ClientMessage::Subscribe { request, alias });
        assert_eq!(reason(&world.answer(who, request)), Some(expected));
    }
}

#[test]
fn unsubscribing_resets_what_is_on_its_way_and_nothing_follows() {
    let mut world = World::with(3);
    let alias = world.screen();
    let ingress = world.open_media(alias, 1);
    [2, 3].iter().for_each(|who| world.pull(*who));
    world.push(ingress, 10);
    world.control(2, ClientMessage::Unsubscribe { alias });
    [2, 3].iter().for_each(|who| world.pull(*who));
    assert_eq!(world.stream(2, 1).end, Some(End::Reset(ResetCode::Unsubscribed)));
    world.open_media(alias, 2);
    [2, 3].iter().for_each(|who| world.pull(*who));
    assert_eq!(world.inboxes[&id(2)].streams.len(), 1);
    assert_eq!(world.inboxes[&id(3)].streams.len(), 2);
}

#[test]
fn unpublishing_ends_open_groups_for_both_sides() {
    let mut world = World::with(2);
    let alias = world.screen();
    let ingress = world.open_media(alias, 1);
    world.pull(2);
    world.push(ingress, 10);
    world.control(1, ClientMessage::Unpublish { alias });
    assert_eq!(world.resident(), 0);
    world.pull(2);
    assert_eq!(world.stream(2, 1).end, Some(End::Reset(ResetCode::TrackEnded)));
    let removed = RelayMessage::TrackRemoved { alias, reason: TrackEndReason::Unpublished };
    assert!(world.told(2).contains(&removed));
    assert!(!world.told(1).contains(&removed), "it knows");
    assert_eq!(world.inboxes[&id(1)].stopped, [(ingress, ResetCode::TrackEnded)]);
    let header = GroupHeader { alias, group: 2, class: DeliveryClass::Media, offset: 0 };
    let late = world.session.open_group(world.now, id(1), header, header_bytes(header));
    assert_eq!(late, Err(GroupRefused::Reset(ResetCode::TrackEnded)), "a race, not a violation");
}

#[test]
fn when_a_publisher_leaves_its_tracks_end() {
    let mut world = World::with(2);
    let alias = world.screen();
    let ingress = world.open_media(alias, 1);
    world.pull(2);
    world.push(ingress, 10);
    world.session.leave(world.now, id(1), LeaveReason::Lost);
    assert_eq!(world.try_push(ingress, 10), PushOutcome::Stop(ResetCode::TrackEnded));
    let told = world.told(2);
    assert!(told.contains(&RelayMessage::TrackRemoved { alias, reason: TrackEndReason::PublisherLeft }));
    assert!(told.contains(&RelayMessage::ParticipantLeft { participant: id(1), reason: LeaveReason::Lost }));
    assert_eq!(world.stream(2, 1).end, Some(End::Reset(ResetCode::TrackEnded)));
    assert_eq!((world.resident(), world.session.stats().tracks), (0, 0));
}

#[test]
fn fewer_rights_end_what_they_no_longer_cover() {
    let mut world = World::with(2);
    let (alias, ingress) = {
        let alias = world.screen();
        (alias, world.open_media(alias, 1))
    };
    world.pull(2);
    let none = Grants { publish: crate::KindSet::NONE, subscribe: crate::KindSet::NONE, ..grants() };
    world.session.update_grants(world.now, id(2), none);
    world.pull(2);
    assert_eq!(world.stream(2, 1).end, Some(End::Reset(ResetCode::Unsubscribed)));
    world.session.update_grants(world.now, id(1), none);
    assert_eq!(world.try_push(ingress, 1), PushOutcome::Stop(ResetCode::TrackEnded));
    let request = world.request();
    world.control(2, ClientMessage::Subscribe { request, alias });
    assert_eq!(reason(&world.answer(2, request)), Some(RefuseReason::NotFound));
}

#[test]
fn what_cannot_be_is_a_violation_of_its_sender_alone() {
    let mut world = World::with(2);
    let alias = world.screen();
    let never = TrackAlias(1_000);
    let (request, now) = (world.request(), world.now);
    for (message, code) in [
        (ClientMessage::Unpublish { alias }, CloseCode::Forbidden),
        (ClientMessage::Unpublish { alias: never }, CloseCode::ProtocolViolation),
        (ClientMessage::Subscribe { request, alias: never }, CloseCode::ProtocolViolation),
        (ClientMessage::Unsubscribe { alias: never }, CloseCode::ProtocolViolation),
        (ClientMessage::RequestKeyframe { alias: never }, CloseCode::ProtocolViolation),
        (ClientMessage::Hello { nonce: isi_wire::ConnectionNonce([0; 32]) }, CloseCode::ProtocolViolation),
    ] {
        let refused = world.session.handle_control(now, id(2), message.clone()).unwrap_err();
        assert_eq!(refused.code, code, "{message:?}");
    }
    for (alias, code) in [(alias, CloseCode::Forbidden), (never, CloseCode::ProtocolViolation)] {
        let header = GroupHeader { alias, group: 1, class: DeliveryClass::Media, offset: 0 };
        let refused = world.session.open_group(now, id(2), header, header_bytes(header)).unwrap_err();
        assert!(matches!(refused, GroupRefused::Violation(violation) if violation.code == code));
    }
    let ingress = world.open_media(alias, 1);
    world.push(ingress, 1);
}

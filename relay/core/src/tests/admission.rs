//! Who comes in, who goes, who is made to go.

use super::world::{World, id, params, viewer};
use crate::budgets::{ARRIVALS_TOLD_MS, CROWD_MIN};
use crate::{JoinParams, JoinRefused, SessionLimits, Wake, Write, WriteRoom};
use isi_wire::{
    Audience, ClientMessage, CloseCode, EntryKind, LeaveReason, LogUpload, ParticipantId, RefuseReason,
    RelayMessage, TrackKind,
};

fn kick(world: &mut World, by: u64, whom: u64) -> RelayMessage {
    let request = world.request();
    world.control(by, ClientMessage::Kick { request, participant: id(whom) });
    world.answer(by, request)
}

#[test]
fn the_others_hear_who_comes_and_goes() {
    let mut world = World::with(2);
    let joined = world.join(params(3));
    assert_eq!(joined.participants, [id(1), id(2)]);
    assert_eq!(world.told(1), [RelayMessage::ParticipantJoined { participant: id(3) }]);
    world.control(3, ClientMessage::Leave);
    assert_eq!(
        world.told(2)[1..],
        [RelayMessage::ParticipantLeft { participant: id(3), reason: LeaveReason::Left }]
    );
    world.pull(3);
    assert_eq!(world.inboxes[&id(3)].closed, Some(CloseCode::Done));
    world.session.leave(world.now, id(3), LeaveReason::Lost);
    assert_eq!(world.told(2), [], "told once");
    assert_eq!(world.session.stats().participants, 2);
}

#[test]
fn in_a_crowd_arrivals_are_told_together() {
    let crowd = u64::try_from(CROWD_MIN).unwrap();
    let mut world = World::with(crowd);
    (1..=crowd).for_each(|n| world.pull(n));
    let mut wakes = Vec::new();
    world.session.drain_wakeups(&mut wakes);
    wakes.clear();
    for newcomer in 1..=3 {
        world.session.join(world.now, params(crowd + newcomer)).unwrap();
    }
    world.session.drain_wakeups(&mut wakes);
    assert_eq!(wakes, [], "nobody is woken for one of them");
    let told_at = world.now.plus_us(ARRIVALS_TOLD_MS * 1_000);
    assert_eq!(world.session.next_deadline(), Some(told_at));
    world.session.handle_deadline(told_at);
    world.session.drain_wakeups(&mut wakes);
    assert!(wakes.contains(&Wake::Writer(id(1))));
    world.inboxes.get_mut(&id(1)).unwrap().control.clear();
    world.pull(1);
    let joined = [1, 2, 3].map(|n| RelayMessage::ParticipantJoined { participant: id(crowd + n) });
    assert_eq!(world.inboxes[&id(1)].control, joined);
    // Whoever has something to write anyway takes it along, before what came later.
    world.session.join(world.now, params(crowd + 4)).unwrap();
    world.control(2, ClientMessage::Leave);
    world.inboxes.get_mut(&id(1)).unwrap().control.clear();
    world.pull(1);
    assert!(matches!(
        world.inboxes[&id(1)].control[..],
        [RelayMessage::ParticipantJoined { .. }, RelayMessage::ParticipantLeft { .. }]
    ));
}

#[test]
fn a_kick_closes_bars_the_subject_and_stays() {
    let mut world = World::with(3);
    let twin = JoinParams { subject: params(3).subject, ..params(30) };
    world.join(twin.clone());
    assert!(matches!(kick(&mut world, 1, 3), RelayMessage::Done { .. }));
    for gone in [3, 30] {
        world.pull(gone);
        assert_eq!(world.inboxes[&id(gone)].closed, Some(CloseCode::Kicked));
        let left = RelayMessage::ParticipantLeft { participant: id(gone), reason: LeaveReason::Kicked };
        assert!(world.told(2).contains(&left) || world.inboxes[&id(2)].control.contains(&left) || gone == 30);
    }
    world.session.leave(world.now, id(3), LeaveReason::Lost);
    world.session.leave(world.now, id(30), LeaveReason::Lost);
    let again = world.session.join(world.now, JoinParams { participant: ParticipantId(31), ..twin });
    assert_eq!(again, Err(JoinRefused::Barred));
    assert_eq!(JoinRefused::Barred.close_code(), CloseCode::Kicked);
    assert!(matches!(kick(&mut world, 1, 3), RelayMessage::Refused { reason: RefuseReason::NotFound, .. }));
}

#[test]
fn kicking_and_closing_need_the_right() {
    let mut world = World::with(1);
    world.join(JoinParams { grants: viewer(), ..params(2) });
    assert!(matches!(kick(&mut world, 2, 1), RelayMessage::Refused { reason: RefuseReason::Forbidden, .. }));
    let request = world.request();
    world.control(2, ClientMessage::CloseSession { request });
    assert!(matches!(
        world.answer(2, request),
        RelayMessage::Refused { reason: RefuseReason::Forbidden, .. }
    ));
    assert!(!world.session.is_closed());
}

#[test]
fn whoever_is_kicked_can_do_nothing_more() {
    let mut world = World::with(3);
    let alias = world.screen();
    kick(&mut world, 2, 1);
    world.told(3);
    world.control(1, ClientMessage::Unpublish { alias });
    let request = world.request();
    let (kind, audience) = (EntryKind::Message, Audience::Everyone);
    world.upload(1, LogUpload::Append { request, kind, audience, payload: bytes::Bytes::new() });
    world.pull(3);
    assert!(world.inboxes[&id(3)].log.is_empty());
    assert_eq!(world.pull_one(1, WriteRoom::ALL), Some(Write::Close(CloseCode::Kicked)));
    assert_eq!(world.pull_one(1, WriteRoom::ALL), None);
}

#[test]
fn closing_ends_it_for_everybody() {
    let mut world = World::with(3);
    let alias = world.screen();
    let ingress = world.open_media(alias, 1);
    world.push(ingress, 10);
    let (request, kind, audience) = (world.request(), EntryKind::Message, Audience::Everyone);
    world.upload(1, LogUpload::Append { request, kind, audience, payload: bytes::Bytes::new() });
    let request = world.request();
    world.control(1, ClientMessage::CloseSession { request });
    for who in [1, 2, 3] {
        assert_eq!(world.pull_one(who, WriteRoom::ALL), Some(Write::Close(CloseCode::SessionClosed)));
        world.session.leave(world.now, id(who), LeaveReason::Lost);
    }
    assert!(world.session.is_empty() && world.session.is_closed());
    assert_eq!(world.session.join(world.now, params(9)), Err(JoinRefused::Closed));
    assert_eq!((world.resident(), world.session.stats().log_bytes), (0, 0));
    assert_eq!(world.session.next_deadline(), None);
}

#[test]
fn a_session_has_so_many_places_and_ids_are_unique() {
    let mut world = World::new(SessionLimits { participants_max: 2, ..SessionLimits::default() });
    world.join(params(1));
    assert_eq!(world.session.join(world.now, params(1)), Err(JoinRefused::DuplicateParticipant));
    world.join(params(2));
    assert_eq!(world.session.join(world.now, params(3)), Err(JoinRefused::Full));
    world.session.leave(world.now, id(2), LeaveReason::Left);
    world.join(params(3));
}

#[test]
fn whoever_lets_control_messages_lie_is_closed_alone() {
    let mut world = World::new(SessionLimits { control_messages_max: 10, ..SessionLimits::default() });
    (1..=2).for_each(|n| drop(world.join(params(n))));
    for n in 3..=20 {
        world.join(params(n));
        world.pull(1);
        world.session.leave(world.now, id(n), LeaveReason::Left);
        world.pull(1);
    }
    world.pull(2);
    assert_eq!(world.inboxes[&id(2)].closed, Some(CloseCode::Flood));
    assert_eq!(world.inboxes[&id(2)].control, [], "what waited is forgotten");
    assert_eq!(world.inboxes[&id(1)].closed, None);
    world.session.leave(world.now, id(2), LeaveReason::Violation);
    let left = RelayMessage::ParticipantLeft { participant: id(2), reason: LeaveReason::Violation };
    assert_eq!(world.told(1).last(), Some(&left));
}

#[test]
fn messages_of_the_shell_keep_their_place() {
    let mut world = World::with(1);
    let request = world.request();
    world.control(1, ClientMessage::Kick { request, participant: id(9) });
    world.session.send_control(id(1), RelayMessage::Done { request });
    world.session.send_control(id(9), RelayMessage::Done { request });
    assert_eq!(world.wakes().len(), 1);
    let told = world.told(1);
    assert!(matches!(told[..], [RelayMessage::Refused { .. }, RelayMessage::Done { .. }]));
    assert_eq!(world.wakes(), Vec::<Wake>::new());
}

#[test]
fn a_track_of_messages_may_be_announced() {
    let mut world = World::with(2);
    let alias = world.publish(1, TrackKind::Message, Audience::Everyone);
    world.subscribe(2, alias);
    world.pull(2);
}

//! The log: one order for all, compare-and-set, gaps told, Welcomes kept, resume.

use super::world::{INCARNATION, World, id, params, viewer};
use crate::{ClassBudget, Grants, JoinParams, KindSet, SessionLimits, SubjectId, budgets};
use bytes::Bytes;
use isi_wire::{
    Audience, ClientMessage, CloseCode, EntryKind, Incarnation, LeaveReason, LogPosition, LogUpload,
    RefuseReason, RelayMessage, TrackKind, Welcome,
};

fn position(last_handshake: u64) -> LogPosition {
    LogPosition { incarnation: INCARNATION, last_handshake }
}

fn append(world: &mut World, from: u64, kind: EntryKind, audience: Audience, len: usize) -> RelayMessage {
    let request = world.request();
    world.upload(from, LogUpload::Append { request, kind, audience, payload: vec![0xc5; len].into() });
    world.answer(from, request)
}

fn say(world: &mut World, from: u64, audience: Audience) -> u64 {
    sequence_of(&append(world, from, EntryKind::Message, audience, 10))
}

fn commit(world: &mut World, from: u64, expected: LogPosition, welcomes: &[u64]) -> RelayMessage {
    let request = world.request();
    let commit = Bytes::from_static(b"commit");
    let participants = welcomes.iter().map(|who| id(*who)).collect();
    let welcome = Some(Welcome { participants, payload: Bytes::from_static(b"welcome") });
    world.upload(from, LogUpload::Commit { request, expected, commit, welcome });
    world.answer(from, request)
}

fn sequence_of(answer: &RelayMessage) -> u64 {
    match answer {
        RelayMessage::Appended { sequence, .. } => *sequence,
        other => panic!("not appended: {other:?}"),
    }
}

fn refusal(answer: &RelayMessage) -> (RefuseReason, Option<LogPosition>) {
    match answer {
        RelayMessage::Refused { reason, position, .. } => (*reason, *position),
        other => panic!("not refused: {other:?}"),
    }
}

fn read(world: &mut World, who: u64) -> Vec<u64> {
    world.pull(who);
    world.inboxes[&id(who)].log.iter().map(|entry| entry.sequence).collect()
}

fn gaps(world: &World, who: u64) -> Vec<(u64, u64)> {
    let control = world.inboxes[&id(who)].control.iter();
    control
        .filter_map(|told| match told {
            RelayMessage::LogGap { first, last } => Some((*first, *last)),
            _ => None,
        })
        .collect()
}

#[test]
fn everybody_sees_one_order_and_directed_entries_reach_their_reader_only() {
    let mut world = World::with(3);
    assert_eq!(say(&mut world, 1, Audience::Everyone), 1);
    assert_eq!(say(&mut world, 2, Audience::One(id(3))), 2);
    assert_eq!(say(&mut world, 3, Audience::Everyone), 3);
    assert_eq!(read(&mut world, 1), [1, 3]);
    assert_eq!(read(&mut world, 2), [1, 3], "the sender of a directed entry has its sequence from Appended");
    assert_eq!(read(&mut world, 3), [1, 2, 3]);
    let entry = &world.inboxes[&id(3)].log[1];
    assert_eq!((entry.sender, entry.directed, entry.payload.len()), (id(2), true, 10));
    assert!(!world.inboxes[&id(3)].log[0].directed);
}

#[test]
fn who_writes_may_have_fresh_keys_and_lets_nobody_in() {
    let mut world = World::with(2);
    world.join(JoinParams { grants: viewer(), ..params(3) });
    let rotate = |world: &mut World, from, last| {
        let request = world.request();
        let commit = Bytes::from_static(b"commit");
        world.upload(from, LogUpload::Commit { request, expected: position(last), commit, welcome: None });
        world.answer(from, request)
    };
    assert_eq!(refusal(&commit(&mut world, 3, position(0), &[2])).0, RefuseReason::Forbidden);
    for last in 0..budgets::MEMBER_COMMITS_BURST_MAX {
        assert_eq!(sequence_of(&rotate(&mut world, 3, last)), last + 1);
    }
    let last = budgets::MEMBER_COMMITS_BURST_MAX;
    assert_eq!(refusal(&rotate(&mut world, 3, last)).0, RefuseReason::Limit);
    assert_eq!(refusal(&rotate(&mut world, 3, 0)).0, RefuseReason::Conflict, "told first: it has to read on");
    sequence_of(&commit(&mut world, 1, position(last), &[]));
    world.later_ms(1_001);
    assert_eq!(sequence_of(&rotate(&mut world, 3, last + 1)), last + 2);
}

#[test]
fn join_requests_reach_organizers_and_nobody_else() {
    let mut world = World::with(2);
    world.join(JoinParams { grants: Grants { publish: KindSet::NONE, ..viewer() }, ..params(3) });
    let asked = append(&mut world, 3, EntryKind::JoinRequest, Audience::Organizers, 5);
    assert_eq!(sequence_of(&asked), 1, "needs no right");
    assert_eq!([1, 2, 3].map(|who| read(&mut world, who).len()), [1, 1, 0]);
    let loud = append(&mut world, 3, EntryKind::JoinRequest, Audience::Everyone, 5);
    assert_eq!(refusal(&loud).0, RefuseReason::Mismatch);
    let message = append(&mut world, 3, EntryKind::Message, Audience::Everyone, 5);
    assert_eq!(refusal(&message).0, RefuseReason::Forbidden);
    assert_eq!(refusal(&commit(&mut world, 3, position(0), &[])).0, RefuseReason::Forbidden);
    sequence_of(&append(&mut world, 3, EntryKind::Proposal, Audience::Everyone, 5));
}

#[test]
fn only_organizers_answer_join_requests_and_one_applicant_at_a_time() {
    let mut world = World::with(2);
    world.join(JoinParams { grants: viewer(), ..params(3) });
    let answer = |world: &mut World, from, audience| append(world, from, EntryKind::JoinAnswer, audience, 34);
    assert_eq!(refusal(&answer(&mut world, 3, Audience::One(id(2)))).0, RefuseReason::Forbidden);
    for audience in [Audience::Everyone, Audience::Organizers] {
        assert_eq!(refusal(&answer(&mut world, 1, audience)).0, RefuseReason::Mismatch);
    }
    assert_eq!(sequence_of(&answer(&mut world, 1, Audience::One(id(3)))), 1);
    assert_eq!([1, 2, 3].map(|who| read(&mut world, who).len()), [0, 0, 1]);
    let entry = &world.inboxes[&id(3)].log[0];
    assert_eq!((entry.sender, entry.kind, entry.directed), (id(1), EntryKind::JoinAnswer, true));
}

#[test]
fn messages_need_the_right_to_read_them() {
    let mut world = World::with(1);
    let deaf = Grants { subscribe: [TrackKind::Screen].into_iter().collect(), ..viewer() };
    world.join(JoinParams { grants: deaf, ..params(2) });
    say(&mut world, 1, Audience::Everyone);
    append(&mut world, 1, EntryKind::Proposal, Audience::Everyone, 5);
    assert_eq!(read(&mut world, 2), [2]);
}

#[test]
fn of_two_commits_for_the_same_position_one_wins() {
    let mut world = World::with(3);
    say(&mut world, 3, Audience::Everyone);
    assert_eq!(sequence_of(&commit(&mut world, 1, position(0), &[])), 2);
    let lost = commit(&mut world, 2, position(0), &[3]);
    assert_eq!(refusal(&lost), (RefuseReason::Conflict, Some(position(2))));
    assert_eq!(sequence_of(&commit(&mut world, 2, position(2), &[])), 3);
    let other_life = LogPosition { incarnation: Incarnation([9; 16]), last_handshake: 3 };
    let lost = commit(&mut world, 1, other_life, &[]);
    assert_eq!(refusal(&lost), (RefuseReason::WrongIncarnation, Some(position(3))));
    world.pull(3);
    let before: Vec<_> = world.inboxes[&id(3)].log.iter().map(|entry| entry.last_handshake).collect();
    assert_eq!(before, [0, 0, 2], "each entry names the commit before it");
}

#[test]
fn a_commit_and_its_welcomes_are_one_step() {
    let mut world = World::with(3);
    let nobody = commit(&mut world, 1, position(0), &[2, 99]);
    assert_eq!(refusal(&nobody), (RefuseReason::NotFound, Some(position(0))));
    assert_eq!(read(&mut world, 2), [], "nothing of it was sequenced");
    assert_eq!(sequence_of(&commit(&mut world, 1, position(0), &[2, 3])), 1);
    assert_eq!(say(&mut world, 1, Audience::Everyone), 4);
    assert_eq!(read(&mut world, 2), [1, 2, 4]);
    assert_eq!(read(&mut world, 3), [1, 3, 4]);
    let welcome = &world.inboxes[&id(2)].log[1];
    assert_eq!((welcome.kind, welcome.last_handshake, welcome.directed), (EntryKind::Welcome, 1, true));
}

#[test]
fn a_welcome_is_kept_until_acknowledged_or_for_its_time() {
    let log_recent = ClassBudget { bytes_max: 0, ms_max: 60_000 };
    let mut world = World::new(SessionLimits { log_recent, ..SessionLimits::default() });
    (1..=3).for_each(|n| drop(world.join(params(n))));
    commit(&mut world, 1, position(0), &[2, 3]);
    let both = world.session.stats().log_bytes;
    world.control(3, ClientMessage::AcknowledgeWelcome { sequence: 2 });
    assert_eq!(world.session.stats().log_bytes, both, "it is another's");
    world.control(2, ClientMessage::AcknowledgeWelcome { sequence: 2 });
    let one = world.session.stats().log_bytes;
    assert!(0 < one && one < both, "{one} of {both}");
    world.later_ms(budgets::WELCOMES.ms_max - 1);
    assert_eq!(world.session.stats().log_bytes, one);
    world.later_ms(1);
    assert_eq!(world.session.stats().log_bytes, 0);
}

#[test]
fn a_welcome_is_held_once_for_all_whom_it_lets_in() {
    let mut world = World::with(4);
    let (request, payload) = (world.request(), Bytes::from(vec![7; 100_000]));
    let participants = [2, 3, 4].map(id).to_vec();
    let welcome = Some(Welcome { participants, payload: payload.clone() });
    let upload = LogUpload::Commit { request, expected: position(0), commit: Bytes::new(), welcome };
    world.upload(1, upload);
    let held = world.session.stats().log_bytes;
    assert!((100_000..100_400).contains(&held), "{held}");
    let pieces = [2, 3, 4].map(|who| {
        let (session, mut chunks) = (&mut world.session, Vec::new());
        let next = || session.next_write(world.now, id(who), crate::WriteRoom::ALL, &mut chunks);
        let written = std::iter::from_fn(next).filter_map(|write| match write {
            crate::Write::Log(bytes) => Some(bytes),
            _ => None,
        });
        // The commit, the Welcome's head, and its payload.
        let [_, head, piece] = &written.collect::<Vec<_>>()[..] else { panic!("three pieces") };
        assert!(head.len() < 48);
        piece.as_ptr()
    });
    assert_eq!(pieces, [payload.as_ptr(); 3]);
    for (sequence, who) in [(2, 2), (3, 3)] {
        world.control(who, ClientMessage::AcknowledgeWelcome { sequence });
        assert!(world.session.stats().log_bytes > 100_000, "others have not acknowledged it");
    }
    world.control(4, ClientMessage::AcknowledgeWelcome { sequence: 4 });
    assert!(world.session.stats().log_bytes < 100);
}

#[test]
fn welcomes_have_a_bound_of_their_own() {
    let welcomes = ClassBudget { bytes_max: 130, ms_max: 30_000 };
    let mut world = World::new(SessionLimits { welcomes, ..SessionLimits::default() });
    (1..=3).for_each(|n| drop(world.join(params(n))));
    let first = sequence_of(&commit(&mut world, 1, position(0), &[2, 3]));
    let full = commit(&mut world, 1, position(first), &[2, 3]);
    assert_eq!(refusal(&full), (RefuseReason::Limit, Some(position(first))));
    world.control(2, ClientMessage::AcknowledgeWelcome { sequence: first + 1 });
    sequence_of(&commit(&mut world, 1, position(first), &[2]));
}

#[test]
fn whoever_comes_back_gets_what_it_missed_directed_entries_too() {
    let mut world = World::with(3);
    say(&mut world, 1, Audience::Everyone);
    assert_eq!(read(&mut world, 2), [1]);
    say(&mut world, 1, Audience::One(id(2)));
    say(&mut world, 1, Audience::One(id(3)));
    world.session.leave(world.now, id(2), LeaveReason::Lost);
    say(&mut world, 1, Audience::Everyone);
    let subject = params(2).subject;
    let joined = world.join(JoinParams { subject, resume: Some((INCARNATION, 2)), ..params(12) });
    assert_eq!(joined.next_sequence, 5);
    assert_eq!(read(&mut world, 12), [2, 4]);
    assert_eq!(gaps(&world, 12), []);
    // Another subject cannot ask for it.
    world.join(JoinParams { subject: SubjectId([0xee; 32]), resume: Some((INCARNATION, 1)), ..params(13) });
    assert_eq!(read(&mut world, 13), [1, 4]);
    // Nor can another connection of the subject while the one it was for is there.
    let subject = params(3).subject;
    world.join(JoinParams { subject, resume: Some((INCARNATION, 1)), ..params(14) });
    assert_eq!(read(&mut world, 14), [1, 4]);
}

#[test]
fn a_welcome_waits_for_a_joiner_who_lost_its_connection() {
    let mut world = World::with(2);
    commit(&mut world, 1, position(0), &[2]);
    world.session.leave(world.now, id(2), LeaveReason::Lost);
    let subject = params(2).subject;
    world.join(JoinParams { subject, resume: Some((INCARNATION, 1)), ..params(12) });
    assert_eq!(read(&mut world, 12), [1, 2]);
    world.control(12, ClientMessage::AcknowledgeWelcome { sequence: 2 });
    assert!(world.session.log.welcome(2).is_none());
}

#[test]
fn without_resume_the_log_begins_now_and_with_that_of_another_life_at_its_beginning() {
    let mut world = World::with(1);
    say(&mut world, 1, Audience::Everyone);
    let joined = world.join(params(2));
    assert_eq!((joined.next_sequence, joined.position), (2, position(0)));
    let other = Some((Incarnation([9; 16]), 7));
    world.join(JoinParams { resume: other, ..params(3) });
    world.join(JoinParams { resume: Some((INCARNATION, u64::MAX)), ..params(4) });
    for (who, entries) in [(2, &[][..]), (3, &[1]), (4, &[])] {
        assert_eq!(read(&mut world, who), entries);
        assert_eq!(gaps(&world, who), []);
    }
}

#[test]
fn what_is_gone_when_somebody_comes_back_is_told() {
    let log_recent = ClassBudget { bytes_max: 100, ms_max: 1_000 };
    let mut world = World::new(SessionLimits { log_recent, ..SessionLimits::default() });
    world.join(params(1));
    for _ in 0..6 {
        say(&mut world, 1, Audience::Everyone);
    }
    world.pull(1);
    assert!(world.session.stats().log_bytes <= 100);
    world.join(JoinParams { resume: Some((INCARNATION, 2)), ..params(2) });
    let got = read(&mut world, 2);
    assert_eq!(gaps(&world, 2), [(2, got[0] - 1)]);
    assert_eq!(got.last(), Some(&6));
    world.later_ms(1_000);
    assert_eq!(world.session.stats().log_bytes, 0, "old entries go without traffic");
    world.join(JoinParams { resume: Some((INCARNATION, 7)), ..params(3) });
    world.pull(3);
    assert_eq!(gaps(&world, 3), [], "it has missed nothing");
}

#[test]
fn a_receiver_over_its_budget_is_told_the_gap_before_the_next_entry() {
    let mut world = World::new(SessionLimits { log_receiver_bytes_max: 100, ..SessionLimits::default() });
    (1..=2).for_each(|n| drop(world.join(params(n))));
    for _ in 0..10 {
        say(&mut world, 1, Audience::Everyone);
        world.pull(1);
    }
    let got = read(&mut world, 2);
    assert_eq!(gaps(&world, 2), [(1, got[0] - 1)]);
    assert_eq!(got, (got[0]..=10).collect::<Vec<_>>());
    assert_eq!(world.session.stats().log_entries_skipped, got[0] - 1);
    assert_eq!(read(&mut world, 1), (1..=10).collect::<Vec<_>>(), "the others have everything");
}

#[test]
fn entries_that_grew_old_while_a_receiver_stood_still_are_a_gap_and_no_others() {
    let log_recent = ClassBudget { bytes_max: 1_000_000, ms_max: 1_000 };
    let mut world = World::new(SessionLimits { log_recent, ..SessionLimits::default() });
    (1..=3).for_each(|n| drop(world.join(params(n))));
    say(&mut world, 1, Audience::Everyone);
    say(&mut world, 1, Audience::One(id(3)));
    world.later_ms(1_000);
    say(&mut world, 1, Audience::Everyone);
    assert_eq!(read(&mut world, 2), [3]);
    assert_eq!(gaps(&world, 2), [(1, 1)], "entry 2 was not for it");
}

#[test]
fn a_commit_as_a_plain_entry_is_a_violation() {
    let mut world = World::with(1);
    for kind in [EntryKind::Commit, EntryKind::Welcome] {
        let request = world.request();
        let upload = LogUpload::Append { request, kind, audience: Audience::Everyone, payload: Bytes::new() };
        let refused = world.session.handle_log(world.now, id(1), upload).unwrap_err();
        assert_eq!(refused.code, CloseCode::ProtocolViolation);
    }
}

#[test]
fn an_entry_is_encoded_once_for_all() {
    let mut world = World::with(2);
    let (request, kind, audience) = (world.request(), EntryKind::Message, Audience::Everyone);
    world.upload(1, LogUpload::Append { request, kind, audience, payload: Bytes::from_static(b"hello") });
    let frames = [1, 2].map(|who| {
        let (session, mut chunks) = (&mut world.session, Vec::new());
        std::iter::from_fn(|| session.next_write(world.now, id(who), crate::WriteRoom::ALL, &mut chunks))
            .find_map(|write| if let crate::Write::Log(bytes) = write { Some(bytes) } else { None })
            .unwrap()
    });
    assert_eq!(frames[0].as_ptr(), frames[1].as_ptr());
}

//! Limits of invitations, what applicants are told, and several organizers who count together.

use crate::world::{AT, NOW, SESSION, admit, assert_in_step, follow, issuer, organizer, pending};
use isi_e2ee::{
    DenyReason, Group, INVITATION_USES_MAX, Invitation, InvitationStatus, InviteError, InviteOptions,
    JoinRequestRefused, MonotonicMs, PendingMember, StageError, UnixSeconds,
};

const LATER: UnixSeconds = UnixSeconds(NOW.0 + 60);

fn uses(uses_max: u32) -> InviteOptions {
    InviteOptions { uses_max: Some(uses_max), ..InviteOptions::default() }
}

fn refused(group: &Group, applicant: &PendingMember, now: UnixSeconds) -> JoinRequestRefused {
    group.check_join_request(&applicant.join_request(), now).unwrap_err()
}

/// `by` lets somebody in, the others follow.
fn let_in(by: &mut Group, others: &mut [&mut Group], who: &mut PendingMember) -> Group {
    let applicant = by.check_join_request(&who.join_request(), NOW).unwrap();
    let staged = by.admit(&[applicant], NOW).unwrap();
    follow(by, others, &staged);
    who.join(staged.welcome.as_deref().unwrap(), NOW, AT).unwrap()
}

/// Root and a second organizer, who knows what the root knows.
fn two_organizers() -> (Group, Group) {
    let mut root = organizer();
    let mut second = admit(&mut root, &mut [], "second", "organizer");
    let staged = root.set_organizers(&[root.own_leaf(), second.own_leaf()], NOW).unwrap();
    follow(&mut root, &mut [&mut second], &staged);
    tell(&root, &mut second);
    (root, second)
}

fn tell(from: &Group, to: &mut Group) {
    assert!(from.export_invitations(None).iter().all(|list| to.import_invitations(list, NOW)));
}

fn count(group: &Group, invitation: &Invitation) -> (u32, InvitationStatus) {
    let states = group.invitations(NOW);
    let state = states.iter().find(|state| state.id == invitation.id()).unwrap();
    (state.uses, state.status)
}

#[test]
fn one_use_lets_in_one_person_who_may_come_again() {
    let mut root = organizer();
    let invitation = root.invite_with(uses(1), NOW).unwrap();
    let mut ann = pending("ann", "viewer", &invitation);
    let bob = pending("bob", "viewer", &invitation);
    let first = let_in(&mut root, &mut [], &mut ann);
    assert_eq!(count(&root, &invitation), (1, InvitationStatus::UsedUp));
    assert_eq!(refused(&root, &bob, NOW), JoinRequestRefused::UsedUp);
    // With another key, as after losing everything: the old leaf goes, the use is the same.
    let mut again = pending("ann", "viewer", &invitation);
    let second = let_in(&mut root, &mut [], &mut again);
    assert_in_step(&[&root, &second]);
    assert_eq!(root.members().len(), 2);
    assert_ne!(first.epoch(), second.epoch());
    assert_eq!(count(&root, &invitation), (1, InvitationStatus::UsedUp));
    assert_eq!(refused(&root, &bob, NOW), JoinRequestRefused::UsedUp);
}

#[test]
fn a_limit_holds_within_one_commit() {
    let mut root = organizer();
    let invitation = root.invite_with(uses(2), NOW).unwrap();
    let asking = ["ann", "bob", "cid"].map(|subject| pending(subject, "viewer", &invitation));
    let applicants = asking.each_ref().map(|who| root.check_join_request(&who.join_request(), NOW).unwrap());
    let verdicts = root.judge(&applicants, NOW);
    assert_eq!(verdicts, [Ok(()), Ok(()), Err(JoinRequestRefused::UsedUp)]);
    assert_eq!(root.admit(&applicants, NOW), Err(StageError::Applicant(JoinRequestRefused::UsedUp)));
    // A person who asks twice counts once.
    let twice = [pending("ann", "viewer", &invitation), pending("ann", "viewer", &invitation)]
        .map(|who| root.check_join_request(&who.join_request(), NOW).unwrap());
    assert_eq!(root.judge(&twice, NOW), [Ok(()), Err(JoinRequestRefused::AskedTwice)]);
}

#[test]
fn every_limit_has_its_own_refusal_and_the_applicant_is_told() {
    let mut root = organizer();
    let only = InviteOptions { subject: Some("ann".into()), ..InviteOptions::default() };
    let only = root.invite_with(only, NOW).unwrap();
    let ends = InviteOptions { expires_at: Some(LATER), ..InviteOptions::default() };
    let ends = root.invite_with(ends, NOW).unwrap();
    let revoked = root.invite().unwrap();
    let cases = [
        (&only, LATER, JoinRequestRefused::OtherPerson, DenyReason::OtherPerson),
        (&ends, LATER, JoinRequestRefused::Expired, DenyReason::Expired),
        (&revoked, NOW, JoinRequestRefused::Revoked, DenyReason::Revoked),
    ];
    let bob = pending("bob", "viewer", &ends);
    root.check_join_request(&bob.join_request(), NOW).unwrap();
    assert!(root.revoke(revoked.id()));
    for (invitation, now, why, told) in cases {
        let bob = pending("bob", "viewer", invitation);
        assert_eq!(refused(&root, &bob, now), why);
        assert_eq!(why.told_as(), Some(told));
        let applicant = root.read_join_request(&bob.join_request()).unwrap();
        assert_eq!(root.judge([&applicant], now), [Err(why)]);
        let answer = root.join_answer(&applicant, told).unwrap();
        assert_eq!(bob.read_answer(&answer), Some(told));
    }
    root.check_join_request(&pending("ann", "viewer", &only).join_request(), LATER).unwrap();
}

#[test]
fn nobody_without_the_invitation_answers_and_no_answer_serves_twice() {
    let mut root = organizer();
    let invitation = root.invite().unwrap();
    let mut ann = pending("ann", "viewer", &invitation);
    let applicant = root.read_join_request(&ann.join_request()).unwrap();
    let answer = root.join_answer(&applicant, DenyReason::Declined).unwrap();
    assert_eq!(ann.read_answer(&answer), Some(DenyReason::Declined));
    for at in 0..answer.len() {
        let mut altered = answer.clone();
        altered[at] ^= 1;
        assert_eq!(ann.read_answer(&altered), None, "byte {at}");
        assert_eq!(ann.read_answer(&answer[..at]), None);
    }
    let other = pending("ann", "viewer", &invitation);
    assert_eq!(other.read_answer(&answer), None, "it answers one request");
    // The same key package by another secret, as somebody with a link of his own would have to.
    let mut stranger = organizer();
    let foreign = stranger.invite().unwrap();
    let bob = pending("bob", "viewer", &foreign);
    let applicant = stranger.read_join_request(&bob.join_request()).unwrap();
    assert_eq!(ann.read_answer(&stranger.join_answer(&applicant, DenyReason::Declined).unwrap()), None);
    ann.renew().unwrap();
    assert_eq!(ann.read_answer(&answer), None);
}

#[test]
fn two_organizers_do_not_pass_a_limit_together() {
    let (mut root, mut second) = two_organizers();
    let invitation = root.invite_with(uses(1), NOW).unwrap();
    tell(&root, &mut second);
    let mut ann = pending("ann", "viewer", &invitation);
    let bob = pending("bob", "viewer", &invitation);
    // Both stage, the root's commit comes first.
    let ann_at_root = root.check_join_request(&ann.join_request(), NOW).unwrap();
    let bob_at_second = second.check_join_request(&bob.join_request(), NOW).unwrap();
    let first = root.admit(&[ann_at_root], NOW).unwrap();
    let lost = second.admit(std::slice::from_ref(&bob_at_second), NOW).unwrap();
    follow(&mut root, &mut [&mut second], &first);
    assert!(second.handle_commit(&lost.commit, AT).is_err());
    assert_eq!(second.judge([&bob_at_second], NOW), [Err(JoinRequestRefused::UsedUp)]);
    assert_eq!(refused(&root, &bob, NOW), JoinRequestRefused::UsedUp);
    ann.join(first.welcome.as_deref().unwrap(), NOW, AT).unwrap();
}

#[test]
fn organizers_agree_whatever_they_hear_first() {
    let (mut root, mut second) = two_organizers();
    let invitation = root.invite_with(uses(2), NOW).unwrap();
    // Told late: the second saw the commits, but knew no invitation.
    let_in(&mut root, &mut [&mut second], &mut pending("ann", "viewer", &invitation));
    let before = root.export_invitations(Some(invitation.id()));
    let_in(&mut root, &mut [&mut second], &mut pending("bob", "viewer", &invitation));
    assert!(before.iter().all(|list| second.import_invitations(list, NOW)));
    assert_eq!(count(&second, &invitation), (2, InvitationStatus::UsedUp));
    assert_eq!(count(&root, &invitation), (2, InvitationStatus::UsedUp));
    // Revoked at one, told in both directions; an older state changes nothing.
    assert!(second.revoke(invitation.id()));
    tell(&second, &mut root);
    tell(&root, &mut second);
    assert!(before.iter().all(|list| root.import_invitations(list, NOW)));
    for group in [&root, &second] {
        assert_eq!(count(group, &invitation), (2, InvitationStatus::Revoked));
    }
}

#[test]
fn a_list_that_is_cut_or_of_another_session_is_not_taken() {
    let mut root = organizer();
    root.invite_with(InviteOptions::for_person("ann".into(), LATER), NOW).unwrap();
    root.invite().unwrap();
    let [list] = &root.export_invitations(None)[..] else { panic!("one list") };
    let mut other = organizer();
    // Where a record ends, what is before it is a list.
    let whole = (1..=list.len()).filter(|end| other.import_invitations(&list[..*end], NOW)).count();
    assert_eq!(whole, 2);
    assert_eq!(other.invitations(NOW).len(), 2);
    let session = isi_wire::SessionId([8; 16]);
    assert_ne!(session, SESSION);
    let key = isi_e2ee::MemberKey::generate();
    let mut draft = issuer().draft("root", "organizer", &key.thumbprint());
    draft.claims["isi"]["s"] = serde_json::json!("CAgICAgICAgICAgICAgICA");
    let identity = isi_e2ee::MemberIdentity::new(key, issuer().sign(&draft)).unwrap();
    let mut elsewhere = Group::create(identity, issuer().keys(), session, NOW).unwrap();
    assert!(!elsewhere.import_invitations(list, NOW));
    assert!(elsewhere.invitations(NOW).is_empty());
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    let mut root = organizer();
    let nobody = InviteOptions { subject: Some(String::new()), ..InviteOptions::default() };
    let long = InviteOptions { subject: Some("x".repeat(129)), ..InviteOptions::default() };
    for options in [uses(0), uses(INVITATION_USES_MAX + 1), nobody, long] {
        assert_eq!(root.invite_with(options, NOW), Err(InviteError::Options));
    }
    root.invite_with(uses(INVITATION_USES_MAX), NOW).unwrap();
}

#[test]
fn who_has_used_much_is_told_in_several_lists() {
    let (mut root, mut second) = two_organizers();
    let invitation = root.invite_with(uses(3000), NOW).unwrap();
    tell(&root, &mut second);
    for batch in 0..4 {
        let asking: Vec<_> = (0..250)
            .map(|number| pending(&format!("{batch}-{number}"), "viewer", &invitation))
            .map(|who| root.check_join_request(&who.join_request(), NOW).unwrap())
            .collect();
        let staged = root.admit(&asking, NOW).unwrap();
        root.handle_commit(&staged.commit, MonotonicMs(1)).unwrap();
    }
    let lists = root.export_invitations(None);
    assert!(lists.iter().all(|list| list.len() <= 32 * 1024));
    tell(&root, &mut second);
    assert_eq!(count(&second, &invitation), (1000, InvitationStatus::Open));
}

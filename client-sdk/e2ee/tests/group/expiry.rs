//! Statements that end while the session goes on, and clocks that differ.

use crate::rogue::{Leaf, Rogue, commit_data, with_rogue};
use crate::world::{AT, Draft, NOW, SESSION, assert_in_step, follow, issuer, organizer, three};
use isi_e2ee::{
    CLOCK_SKEW_SECONDS_MAX, CommitReason, CreateError, Group, HandshakeError, IdentityError,
    JoinRequestRefused, LeafIndex, MemberIdentity, MemberKey, PendingMember, RuleViolation, StageError,
    StatementError, UnixSeconds, WelcomeRefused,
};
use serde_json::json;

const SECRET: [u8; 32] = [77; 32];

fn later(seconds: u64) -> UnixSeconds {
    UnixSeconds(NOW.0 + seconds)
}

fn statement(subject: &str, edit: impl Fn(&mut Draft)) -> String {
    let mut draft = issuer().draft(subject, "participant", &MemberKey::from_secret(&SECRET).thumbprint());
    edit(&mut draft);
    issuer().sign(&draft)
}

fn until(end: UnixSeconds) -> String {
    statement("ann", |draft| draft.claims["exp"] = json!(end.0))
}

/// Root and Ann, whose statement ends ten minutes from now; everybody else's in an hour.
fn with_short_statement() -> (Group, Group) {
    let mut root = organizer();
    let identity = MemberIdentity::new(MemberKey::from_secret(&SECRET), until(later(600))).unwrap();
    let mut ann = PendingMember::new(identity, SESSION, issuer().keys(), &root.invite().unwrap()).unwrap();
    let applicant = root.check_join_request(&ann.join_request(), NOW).unwrap();
    let staged = root.admit(&[applicant], NOW).unwrap();
    root.handle_commit(&staged.commit, AT).unwrap();
    let ann = ann.join(staged.welcome.as_deref().unwrap(), NOW, AT).unwrap();
    (root, ann)
}

#[test]
fn the_expired_are_known_and_removed_by_a_commit_that_says_why() {
    let (mut root, mut ann) = with_short_statement();
    assert_eq!(root.next_expiry(NOW), Some(later(600)));
    assert_eq!(ann.own_expiry(), Some(later(600)));
    assert_eq!(root.expired(later(599)), []);
    assert_eq!(root.expired(later(600)), [LeafIndex(1)]);
    assert_eq!(root.next_expiry(later(600)), None);
    assert_eq!(ann.expired(later(3600)), [LeafIndex(0), LeafIndex(1)], "everybody can see it");
    // Until an organizer says so it is a member: no clock splits the group.
    let staged = ann.rotate(later(700)).unwrap();
    follow(&mut ann, &mut [&mut root], &staged);
    let staged = root.remove(&[LeafIndex(1)], later(700)).unwrap();
    let changes = follow(&mut root, &mut [&mut ann], &staged);
    assert!(changes[1].self_removed);
    assert_eq!(changes[1].reason, CommitReason::Expired);
    assert_eq!(root.expired(later(700)), []);
}

#[test]
fn a_remove_for_another_reason_says_so() {
    let (mut root, mut ann) = with_short_statement();
    let staged = root.remove(&[LeafIndex(1)], NOW).unwrap();
    assert_eq!(follow(&mut root, &mut [&mut ann], &staged)[0].reason, CommitReason::Remove);
}

#[test]
fn a_member_renews_its_statement_and_stays() {
    let (mut root, mut ann) = with_short_statement();
    let staged = ann.renew(until(later(6000)), later(550)).unwrap();
    let changes = follow(&mut ann, &mut [&mut root], &staged);
    assert!(changes.iter().all(|change| change.updated && change.added.is_empty()));
    assert_in_step(&[&root, &ann]);
    assert_eq!(ann.own_expiry(), Some(later(6000)));
    assert_eq!(root.expired(later(5999)), [LeafIndex(0)], "Ann no more");
    // Later updates keep the new one, and what was lost in a race is made again.
    let lost = ann.renew(until(later(7000)), later(560)).unwrap();
    let won = root.rotate(later(560)).unwrap();
    follow(&mut root, &mut [&mut ann], &won);
    assert!(ann.handle_commit(&lost.commit, AT).is_err());
    assert_eq!(ann.own_expiry(), Some(later(6000)));
    let staged = ann.rotate(later(570)).unwrap();
    follow(&mut ann, &mut [&mut root], &staged);
    assert_eq!(root.expired(later(5999)), [LeafIndex(0)]);
    let staged = ann.renew(until(later(7000)), later(580)).unwrap();
    follow(&mut ann, &mut [&mut root], &staged);
    assert_eq!(ann.own_expiry(), Some(later(7000)));
    assert_in_step(&[&root, &ann]);
}

#[test]
fn a_statement_that_does_not_fit_renews_nothing() {
    let (_, mut ann) = with_short_statement();
    let refused = |ann: &mut Group, jws: String| ann.renew(jws, NOW).unwrap_err();
    let other_key = issuer().sign(&issuer().draft("ann", "participant", &MemberKey::generate().thumbprint()));
    assert_eq!(refused(&mut ann, other_key), StageError::Identity(IdentityError::OtherKey));
    assert_eq!(
        refused(&mut ann, statement("eve", |_| ())),
        StageError::Identity(IdentityError::OtherSubject)
    );
    let unsigned = until(later(9000));
    let unsigned = format!("{}.{}", unsigned.rsplit_once('.').unwrap().0, "A".repeat(86));
    let broken = |why| StageError::Refused(RuleViolation::Statement(why));
    assert_eq!(refused(&mut ann, unsigned), broken(StatementError::BadSignature));
    assert_eq!(refused(&mut ann, until(NOW)), broken(StatementError::Expired));
    let elsewhere = statement("ann", |draft| draft.claims["isi"]["s"] = json!("CAgICAgICAgICAgICAgICA"));
    assert_eq!(refused(&mut ann, elsewhere), broken(StatementError::WrongSession));
    ann.rotate(NOW).unwrap();
}

#[test]
fn a_listed_organizer_cannot_renew_itself_to_less() {
    let key = MemberKey::from_secret(&SECRET);
    let statement = |role: &str| issuer().sign(&issuer().draft("ann", role, &key.thumbprint()));
    let identity = MemberIdentity::new(MemberKey::from_secret(&SECRET), statement("organizer")).unwrap();
    let mut group = Group::create(identity, issuer().keys(), SESSION, NOW).unwrap();
    let refused = group.renew(statement("viewer"), NOW).unwrap_err();
    assert_eq!(refused, StageError::Refused(RuleViolation::OrganizerRole));
    group.renew(statement("organizer"), NOW).unwrap();
}

#[test]
fn a_clock_that_is_wrong_is_told_and_splits_nothing() {
    let [mut root, mut ann, mut bob] = three();
    for (stated, skew) in [
        (later(60), None),
        (later(61), Some(61)),
        (UnixSeconds(NOW.0 - 61), Some(-61)),
        (UnixSeconds(u64::MAX), Some(i64::MAX)),
        (UnixSeconds(0), Some(-1_800_000_000)),
    ] {
        let staged = ann.rotate(stated).unwrap();
        for change in follow(&mut ann, &mut [&mut root, &mut bob], &staged) {
            assert_eq!((change.committer, change.clock_skew(NOW)), (LeafIndex(1), skew));
        }
        assert_in_step(&[&root, &ann, &bob]);
    }
    // However wrong a member's clock was: nobody else is kept from removing it.
    let staged = root.remove(&[LeafIndex(1)], NOW).unwrap();
    follow(&mut root, &mut [&mut bob, &mut ann], &staged);
}

/// A statement of an account service whose clock is this far ahead.
fn of_the_future(seconds: u64) -> impl Fn(&mut Draft) {
    move |draft| draft.claims["iat"] = json!(NOW.0 + seconds)
}

#[test]
fn a_statement_of_the_future_is_refused_by_name_at_every_door() {
    let early = statement("ann", of_the_future(CLOCK_SKEW_SECONDS_MAX + 1));
    let identity = || MemberIdentity::new(MemberKey::from_secret(&SECRET), early.clone()).unwrap();
    let skew = RuleViolation::Statement(StatementError::ClockSkew);

    // Who creates a session.
    let organizer_statement = statement("ann", |draft| {
        of_the_future(61)(draft);
        draft.claims["isi"]["role"] = json!("organizer");
    });
    let own = MemberIdentity::new(MemberKey::from_secret(&SECRET), organizer_statement).unwrap();
    let refused = Group::create(own, issuer().keys(), SESSION, NOW).unwrap_err();
    assert_eq!(refused, CreateError::Statement(StatementError::ClockSkew));

    // Who lets in; a second later it is in order.
    let mut root = organizer();
    let mut ann = PendingMember::new(identity(), SESSION, issuer().keys(), &root.invite().unwrap()).unwrap();
    let refused = root.check_join_request(&ann.join_request(), NOW).unwrap_err();
    assert_eq!(refused, JoinRequestRefused::Refused(skew));
    let applicant = root.check_join_request(&ann.join_request(), later(1)).unwrap();
    let staged = root.admit(&[applicant], later(1)).unwrap();

    // Who comes in with a clock that is behind.
    let refused = ann.join(staged.welcome.as_deref().unwrap(), NOW, AT).unwrap_err();
    assert_eq!(refused, WelcomeRefused::Member(skew));
    assert!(refused.to_string().contains("clock"), "{refused}");
}

#[test]
fn a_commit_that_adds_somebody_of_the_future_is_refused_by_all() {
    let (mut root, mut ann, mut rogue) = with_rogue(true);
    let key = Leaf::good(10, "", "viewer").key;
    let mut draft = issuer().draft("cid", "viewer", &isi_e2ee::thumbprint(&key.public()));
    of_the_future(3000)(&mut draft);
    let add = Leaf::with_statement(key, issuer().sign(&draft)).key_package(&rogue.provider);
    let mut data = commit_data(NOW.0);
    data.extend_from_slice(&[1; 16]);
    let commit =
        rogue.commit_with(data, |builder| builder.propose_adds([add]).leaf_node_parameters(Rogue::fresh(20)));
    let skew = HandshakeError::Refused(RuleViolation::Statement(StatementError::ClockSkew));
    for group in [&mut root, &mut ann] {
        assert_eq!(group.handle_commit(&commit, AT), Err(skew));
    }
}

#[test]
fn every_refusal_says_what_to_do() {
    let next_steps = [
        (StatementError::Expired.to_string(), "get a new one"),
        (StatementError::ClockSkew.to_string(), "clock"),
        (StatementError::BadSignature.to_string(), "altered"),
        (StatementError::UnknownIssuer.to_string(), "use the session's account service"),
        (StatementError::WrongAlgorithm.to_string(), "must sign with Ed25519"),
        (RuleViolation::TooManyMembers(100).to_string(), "remove somebody"),
        (RuleViolation::ForeignCredential.to_string(), "statement of an account service"),
        (JoinRequestRefused::OtherSuite.to_string(), "use a link made for this session"),
        (WelcomeRefused::OtherSuite.to_string(), "ask for a new link"),
    ];
    for (text, step) in next_steps {
        assert!(text.contains(step), "{text}");
    }
}

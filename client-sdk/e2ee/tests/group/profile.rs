//! The post-quantum profile: a session's whole life in it, and what does not fit it.

use crate::rogue::{ORGANIZERS, PARAMETERS, Rogue, with_rogue};
use crate::world::{AT, NOW, SESSION, admit, assert_in_step, follow, issuer, organizer, pending};
use isi_e2ee::{
    Expected, Group, GroupProfile, HandshakeError, Invitation, JoinRequestRefused, MonotonicMs, Opener,
    POST_QUANTUM_MEMBERS_MAX, PendingMember, RuleViolation, SealMeta, Sealer, StageError, Transport,
    WelcomeRefused,
};
use isi_wire::{TrackId, TrackKind};

/// Version, invitation id, HMAC, length of the key package (a varint of two bytes), MLS version.
const SUITE_AT: usize = 1 + 16 + 32 + 2 + 2;

fn quantum_organizer() -> Group {
    let identity = issuer().identity("root", "organizer");
    Group::create_with_profile(identity, issuer().keys(), SESSION, GroupProfile::PostQuantum, NOW).unwrap()
}

#[test]
fn the_suites_are_those_of_the_specification() {
    assert_eq!(GroupProfile::default(), GroupProfile::Classic);
    assert_eq!(GroupProfile::Classic.suite(), 0x0003);
    assert_eq!(GroupProfile::PostQuantum.suite(), 0x004F);
}

#[test]
fn a_post_quantum_session_from_its_first_member_to_a_remove() {
    let mut root = quantum_organizer();
    let mut ann = admit(&mut root, &mut [], "ann", "participant");
    let mut bob = admit(&mut root, &mut [&mut ann], "bob", "viewer");
    assert_in_step(&[&root, &ann, &bob]);
    assert_eq!(bob.profile(), GroupProfile::PostQuantum);
    let staged = ann.rotate(NOW).unwrap();
    follow(&mut ann, &mut [&mut root, &mut bob], &staged);
    assert_in_step(&[&root, &ann, &bob]);
    assert_eq!(root.export_private_psk(&[1]).unwrap(), bob.export_private_psk(&[1]).unwrap());

    let mut sealer = Sealer::new(&ann.keyring(), TrackId(1), TrackKind::Message).unwrap();
    let later = MonotonicMs(AT.0 + 1_000);
    let expected = Expected { group: Some(0), transport: Transport::Log };
    let meta = SealMeta { group: 0, keyframe: true };
    let sender = ann.own_leaf();
    let open = |group: &Group, object| {
        let mut opener = Opener::new(&group.keyring(), sender, TrackId(1), TrackKind::Message);
        opener.open(later, expected, object).map(|opened| opened.plaintext)
    };
    let object = sealer.seal(later, meta, b"hello").unwrap();
    assert_eq!(open(&bob, object).unwrap(), b"hello");
    let keyring = ann.keyring();
    let staged = root.remove(&[bob.own_leaf()], NOW).unwrap();
    root.handle_commit(&staged.commit, AT).unwrap();
    ann.handle_commit(&staged.commit, AT).unwrap();
    let object = sealer.seal(later, meta, b"without bob").unwrap();
    assert_eq!(open(&root, object.clone()).unwrap(), b"without bob");
    assert!(open(&bob, object).is_err());
    assert_eq!(keyring.epoch(), Some(root.epoch()));
}

#[test]
fn the_invitation_says_which_profile() {
    for (mut group, profile) in
        [(organizer(), GroupProfile::Classic), (quantum_organizer(), GroupProfile::PostQuantum)]
    {
        let link = group.invite().unwrap().to_fragment();
        assert_eq!(Invitation::from_fragment(&link).unwrap().profile(), profile);
    }
}

/// An invitation altered to promise the other profile, as a joiner with an old link would have.
fn of_the_other_profile(invitation: &Invitation) -> Invitation {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut bytes = URL_SAFE_NO_PAD.decode(invitation.to_fragment().as_bytes()).unwrap();
    *bytes.last_mut().unwrap() ^= 3;
    Invitation::from_fragment(&URL_SAFE_NO_PAD.encode(bytes)).unwrap()
}

#[test]
fn a_key_package_of_another_suite_is_refused_by_name() {
    for mut root in [organizer(), quantum_organizer()] {
        let invitation = root.invite().unwrap();
        let request = pending("ann", "viewer", &of_the_other_profile(&invitation)).join_request();
        assert_eq!(root.check_join_request(&request, NOW).unwrap_err(), JoinRequestRefused::OtherSuite);
        // Unknown to everybody, and known to MLS but used by no session.
        let mut request = pending("ann", "viewer", &invitation).join_request();
        for suite in [0x0a0a_u16, 0x0001] {
            request[SUITE_AT..SUITE_AT + 2].copy_from_slice(&suite.to_be_bytes());
            assert_eq!(root.check_join_request(&request, NOW).unwrap_err(), JoinRequestRefused::OtherSuite);
        }
    }
}

#[test]
fn a_welcome_of_another_suite_is_refused_by_name_and_costs_nothing() {
    let (mut classic, mut quantum) = (organizer(), quantum_organizer());
    let mut waits = pending("cid", "viewer", &classic.invite().unwrap());
    let invitation = quantum.invite().unwrap();
    let other = pending("dan", "viewer", &invitation);
    let applicant = quantum.check_join_request(&other.join_request(), NOW).unwrap();
    let welcome = quantum.admit(&[applicant], NOW).unwrap().welcome.unwrap();
    assert_eq!(waits.join(&welcome, NOW, AT).unwrap_err(), WelcomeRefused::OtherSuite);
    let applicant = classic.check_join_request(&waits.join_request(), NOW).unwrap();
    let staged = classic.admit(&[applicant], NOW).unwrap();
    classic.handle_commit(&staged.commit, AT).unwrap();
    assert_in_step(&[&classic, &waits.join(staged.welcome.as_deref().unwrap(), NOW, AT).unwrap()]);
}

#[test]
fn the_profile_of_a_session_never_changes() {
    let (mut root, mut ann, mut rogue) = with_rogue(true);
    let own = rogue.mls.extensions().unknown(PARAMETERS).unwrap().0.clone();
    for (suite, why) in [(0x004F_u16, RuleViolation::ParametersChanged), (0x0001, RuleViolation::BadContext)]
    {
        let mut parameters = own.clone();
        parameters[1..3].copy_from_slice(&suite.to_be_bytes());
        let context = rogue.context_with(PARAMETERS, parameters);
        let commit = rogue.commit(|builder| {
            builder.propose_group_context_extensions(context).unwrap().leaf_node_parameters(Rogue::fresh(20))
        });
        for group in [&mut root, &mut ann] {
            assert_eq!(group.handle_commit(&commit, AT), Err(HandshakeError::Refused(why)));
        }
    }
    assert!(rogue.mls.extensions().unknown(ORGANIZERS).is_some());
}

#[test]
fn a_post_quantum_session_has_at_most_a_hundred_members() {
    let mut root = quantum_organizer();
    let invitation = root.invite().unwrap();
    let mut waiting: Vec<PendingMember> = (0..POST_QUANTUM_MEMBERS_MAX)
        .map(|number| pending(&format!("member-{number}"), "viewer", &invitation))
        .collect();
    let mut applicants: Vec<_> =
        waiting.iter().map(|waits| root.check_join_request(&waits.join_request(), NOW).unwrap()).collect();
    let full = RuleViolation::TooManyMembers(POST_QUANTUM_MEMBERS_MAX);
    let full = StageError::Applicant(JoinRequestRefused::Refused(full));
    assert_eq!(root.admit(&applicants, NOW), Err(full), "with the root it would be one too many");
    applicants.pop();
    let staged = root.admit(&applicants, NOW).unwrap();
    root.handle_commit(&staged.commit, AT).unwrap();
    let mut last = waiting.swap_remove(POST_QUANTUM_MEMBERS_MAX - 2);
    let mut last = last.join(staged.welcome.as_deref().unwrap(), NOW, AT).unwrap();
    let rotated = root.rotate(NOW).unwrap();
    println!(
        "100 members: join request {} B, commit that adds 99 {} B, Welcome {} B, update {} B",
        waiting[0].join_request().len(),
        staged.commit.len(),
        staged.welcome.as_ref().unwrap().len(),
        rotated.commit.len()
    );
    follow(&mut root, &mut [&mut last], &rotated);
    assert_in_step(&[&root, &last]);
}

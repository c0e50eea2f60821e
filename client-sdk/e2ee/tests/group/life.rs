//! A session's life: create, let in, hand over, leave, remove.

use crate::world::{AT, NOW, SESSION, admit, assert_in_step, follow, issuer, organizer, three};
use isi_e2ee::{
    CommitReason, CreateError, Group, HandshakeError, IdentityError, InviteError, LeafIndex, MemberIdentity,
    MemberKey, Role, StageError, StatementError, UnixSeconds,
};

#[test]
fn the_creator_is_alone_and_organizes() {
    let group = organizer();
    assert_eq!((group.epoch(), group.own_leaf(), group.session()), (0, LeafIndex(0), SESSION));
    assert_eq!(group.group_id()[..16], SESSION.0);
    assert_eq!(group.group_id().len(), 32);
    assert_ne!(group.group_id(), organizer().group_id(), "the second half is random");
    let members = group.members();
    assert_eq!(members.len(), 1);
    assert_eq!((members[0].subject.as_str(), members[0].role), ("root", Role::Organizer));
    assert!(members[0].is_organizer && group.is_organizer());
    assert_eq!(group.keyring().epoch(), Some(0));
}

#[test]
fn three_are_admitted_and_everybody_sees_the_same() {
    let [mut root, mut ann, mut bob] = three();
    let cid = admit(&mut root, &mut [&mut ann, &mut bob], "cid", "participant");
    let everybody = [&root, &ann, &bob, &cid];
    assert_in_step(&everybody);
    for (leaf, group) in (0..).zip(everybody) {
        assert_eq!(group.own_leaf(), LeafIndex(leaf));
    }
    let subjects: Vec<_> = cid.members().into_iter().map(|member| member.subject).collect();
    assert_eq!(subjects, ["root", "ann", "bob", "cid"]);
    assert_eq!(cid.member(LeafIndex(9)), None);
}

#[test]
fn several_are_admitted_by_one_commit() {
    let mut root = organizer();
    let invitation = root.invite().unwrap();
    let mut joiners =
        ["ann", "bob", "cid"].map(|name| crate::world::pending(name, "participant", &invitation));
    let applicants: Vec<_> = joiners
        .iter()
        .map(|pending| root.check_join_request(&pending.join_request(), NOW).unwrap())
        .collect();
    let staged = root.admit(&applicants, NOW).unwrap();
    let welcome = staged.welcome.as_deref().unwrap();
    let change = root.handle_commit(&staged.commit, AT).unwrap();
    assert_eq!((change.added.len(), change.updated, change.reason), (3, false, CommitReason::Admit));
    assert_eq!(change.stated_at, NOW);
    let joined: Vec<_> = joiners.iter_mut().map(|pending| pending.join(welcome, NOW, AT).unwrap()).collect();
    assert_in_step(&[&root, &joined[0], &joined[1], &joined[2]]);
}

#[test]
fn codes_change_with_the_epoch_and_pairs_keep_theirs() {
    let [mut root, mut ann, mut bob] = three();
    let (session, pair) = (root.session_code(), root.pair_code(ann.own_leaf()).unwrap());
    assert_eq!(session.epoch, root.epoch());
    assert_eq!(pair, ann.pair_code(root.own_leaf()).unwrap());
    assert_ne!(Some(&pair), ann.pair_code(bob.own_leaf()).as_ref());
    assert_eq!(ann.pair_code(LeafIndex(9)), None);
    let staged = root.rotate(NOW).unwrap();
    follow(&mut root, &mut [&mut ann, &mut bob], &staged);
    assert_ne!(session.digits, root.session_code().digits);
    assert_eq!(pair, root.pair_code(ann.own_leaf()).unwrap());
}

#[test]
fn a_removed_member_cannot_follow() {
    let [mut root, mut ann, mut bob] = three();
    let keyring = bob.keyring();
    let staged = root.remove(&[bob.own_leaf()], NOW).unwrap();
    let changes = follow(&mut root, &mut [&mut ann, &mut bob], &staged);
    assert_eq!(changes[1].removed, [LeafIndex(2)]);
    assert_eq!(
        (changes[0].self_removed, changes[1].self_removed, changes[2].self_removed),
        (false, false, true)
    );
    assert!(changes[1].updated, "a remove gives the committer fresh keys");
    assert_eq!(keyring.epoch(), None, "its keys are gone");
    assert!(!bob.is_active());
    assert_in_step(&[&root, &ann]);

    let staged = root.rotate(NOW).unwrap();
    follow(&mut root, &mut [&mut ann], &staged);
    assert_eq!(bob.handle_commit(&staged.commit, AT), Err(HandshakeError::Evicted));
    assert_eq!(bob.rotate(NOW), Err(StageError::Evicted));
    assert_eq!(bob.leave_proposal(), Err(StageError::Evicted));
    assert!(bob.export_private_psk(&[1]).is_err());
    assert!(matches!(bob.invite(), Err(InviteError::Evicted(_))));
}

#[test]
fn a_leaf_is_used_again() {
    let [mut root, mut ann, mut bob] = three();
    let staged = root.remove(&[ann.own_leaf()], NOW).unwrap();
    follow(&mut root, &mut [&mut ann, &mut bob], &staged);
    let cid = admit(&mut root, &mut [&mut bob], "cid", "participant");
    assert_eq!(cid.own_leaf(), LeafIndex(1));
    assert_in_step(&[&root, &bob, &cid]);
}

#[test]
fn who_wants_to_leave_is_let_go() {
    let [mut root, mut ann, mut bob] = three();
    let proposal = ann.leave_proposal().unwrap();
    let seen = root.handle_proposal(&proposal).unwrap();
    assert_eq!(seen.leaver, ann.own_leaf());
    assert_eq!(bob.handle_proposal(&proposal).unwrap(), seen);
    let staged = root.remove(&[seen.leaver], NOW).unwrap();
    let changes = follow(&mut root, &mut [&mut ann, &mut bob], &staged);
    assert!(changes[1].self_removed);
    assert_in_step(&[&root, &bob]);
}

#[test]
fn organizers_hand_over() {
    let mut root = organizer();
    let mut ann = admit(&mut root, &mut [], "ann", "organizer");
    let mut bob = admit(&mut root, &mut [&mut ann], "bob", "viewer");
    assert_eq!(ann.invite().unwrap_err(), InviteError::NotAnOrganizer, "a role alone is no authority");
    let staged = root.set_organizers(&[LeafIndex(0), LeafIndex(1)], NOW).unwrap();
    follow(&mut root, &mut [&mut ann, &mut bob], &staged);
    assert!(ann.is_organizer());
    assert_in_step(&[&root, &ann, &bob]);

    // The root leaves, the other organizer lets it go and is the root of new invitations.
    let proposal = root.leave_proposal().unwrap();
    let leaver = ann.handle_proposal(&proposal).unwrap().leaver;
    let staged = ann.remove(&[leaver], NOW).unwrap();
    let changes = follow(&mut ann, &mut [&mut bob, &mut root], &staged);
    assert!(changes[2].self_removed);
    let cid = admit(&mut ann, &mut [&mut bob], "cid", "viewer");
    assert_in_step(&[&ann, &bob, &cid]);
}

#[test]
fn every_update_has_a_fresh_media_key_and_the_next_epoch_another_psk() {
    let [mut root, mut ann, mut bob] = three();
    let before = ann.export_private_psk(&[1; 16]).unwrap();
    assert_eq!(before, root.export_private_psk(&[1; 16]).unwrap());
    assert_ne!(before, ann.export_private_psk(&[2; 16]).unwrap());
    let staged = ann.rotate(NOW).unwrap();
    let changes = follow(&mut ann, &mut [&mut root, &mut bob], &staged);
    assert!(changes.iter().all(|change| change.updated && change.committer == LeafIndex(1)));
    assert_ne!(before, ann.export_private_psk(&[1; 16]).unwrap());
    assert_in_step(&[&root, &ann, &bob]);
}

#[test]
fn what_cannot_be_staged_says_why() {
    let [mut root, mut ann, _] = three();
    assert_eq!(root.admit(&[], NOW), Err(StageError::Nobody));
    assert_eq!(root.remove(&[], NOW), Err(StageError::Nobody));
    assert_eq!(root.remove(&[LeafIndex(0)], NOW), Err(StageError::CannotRemoveSelf));
    assert_eq!(root.remove(&[LeafIndex(9)], NOW), Err(StageError::NoSuchMember(LeafIndex(9))));
    assert_eq!(root.set_organizers(&[LeafIndex(9)], NOW), Err(StageError::NoSuchMember(LeafIndex(9))));
    assert!(matches!(ann.remove(&[LeafIndex(2)], NOW), Err(StageError::Refused(_))), "no organizer");
    assert!(matches!(root.set_organizers(&[], NOW), Err(StageError::Refused(_))));
    root.rotate(NOW).unwrap();
    assert_eq!(root.rotate(NOW), Err(StageError::AlreadyStaged));
    root.discard_staged();
    root.rotate(NOW).unwrap();
}

#[test]
fn only_an_organizer_of_this_session_creates_it() {
    let create = |identity, session, now| Group::create(identity, issuer().keys(), session, now).unwrap_err();
    let organizer = || issuer().identity("root", "organizer");
    let participant = issuer().identity("root", "participant");
    assert_eq!(create(participant, SESSION, NOW), CreateError::NotAnOrganizer);
    let other = isi_wire::SessionId([8; 16]);
    assert_eq!(create(organizer(), other, NOW), CreateError::Statement(StatementError::WrongSession));
    let late = UnixSeconds(NOW.0 + 3600);
    assert_eq!(create(organizer(), SESSION, late), CreateError::Statement(StatementError::Expired));
}

#[test]
fn a_statement_about_another_key_makes_no_identity() {
    let statement = issuer().sign(&issuer().draft("ann", "viewer", &MemberKey::generate().thumbprint()));
    let refused = MemberIdentity::new(MemberKey::generate(), statement).unwrap_err();
    assert_eq!(refused, IdentityError::OtherKey);
    let refused = MemberIdentity::new(MemberKey::generate(), "a.b.c".to_owned()).unwrap_err();
    assert_eq!(refused, IdentityError::Statement(StatementError::Malformed));
}

#[test]
fn groups_may_move_between_threads() {
    const fn assert_send<T: Send>() {}
    assert_send::<Group>();
    assert_send::<isi_e2ee::PendingMember>();
}

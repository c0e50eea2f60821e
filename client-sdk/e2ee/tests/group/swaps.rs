//! A person that comes again takes the place of its old leaf.

use crate::world::{AT, NOW, SESSION, admit, assert_in_step, follow, issuer, organizer, pending};
use isi_e2ee::{
    Group, InvitationStatus, JoinRequestRefused, LeafIndex, MemberIdentity, MemberKey, PendingMember,
};

/// The same key and statement, as a client that has lost its group only.
fn twins(subject: &str, role: &str) -> [MemberIdentity; 2] {
    let secret = [42; 32];
    let key = MemberKey::from_secret(&secret);
    let statement = issuer().sign(&issuer().draft(subject, role, &key.thumbprint()));
    [key, MemberKey::from_secret(&secret)].map(|key| MemberIdentity::new(key, statement.clone()).unwrap())
}

fn join(root: &mut Group, others: &mut [&mut Group], identity: MemberIdentity) -> Group {
    let invitation = root.invite().unwrap();
    let mut pending = PendingMember::new(identity, SESSION, issuer().keys(), &invitation).unwrap();
    let applicant = root.check_join_request(&pending.join_request(), NOW).unwrap();
    let staged = root.admit(&[applicant], NOW).unwrap();
    let changes = follow(root, others, &staged);
    assert_eq!(changes[0].added.len(), 1);
    pending.join(staged.welcome.as_deref().unwrap(), NOW, AT).unwrap()
}

#[test]
fn the_same_key_comes_back_as_the_same_member() {
    let mut root = organizer();
    let mut ann = admit(&mut root, &mut [], "ann", "viewer");
    let [first, second] = twins("bob", "participant");
    let mut lost = join(&mut root, &mut [&mut ann], first);
    let found = join(&mut root, &mut [&mut ann, &mut lost], second);
    assert_in_step(&[&root, &ann, &found]);
    assert_eq!(root.members().len(), 3);
    assert!(!lost.is_active());
    assert_eq!(root.leaves_of("bob"), [found.own_leaf()]);
}

#[test]
fn an_organizer_stays_one_by_its_key_alone() {
    let mut root = organizer();
    let [first, second] = twins("bob", "organizer");
    let bob = join(&mut root, &mut [], first);
    let staged = root.set_organizers(&[LeafIndex(0), bob.own_leaf()], NOW).unwrap();
    root.handle_commit(&staged.commit, AT).unwrap();
    let bob = join(&mut root, &mut [], second);
    assert!(bob.is_organizer());
    assert_eq!(root.organizers(), [LeafIndex(0), bob.own_leaf()]);
    // Another key for the same person: whoever made the statement must not be able to make an organizer.
    let bob = join(&mut root, &mut [], issuer().identity("bob", "organizer"));
    assert!(!bob.is_organizer());
    assert_eq!(root.organizers(), [LeafIndex(0)]);
    assert_in_step(&[&root, &bob]);
}

#[test]
fn an_organizer_does_not_take_itself_out() {
    let mut root = organizer();
    let again = pending("root", "organizer", &root.invite().unwrap());
    let refused = root.check_join_request(&again.join_request(), NOW).unwrap_err();
    assert_eq!(refused, JoinRequestRefused::OwnSubject);
}

#[test]
fn a_key_of_a_member_with_another_name_is_refused() {
    let mut root = organizer();
    let [first, _] = twins("bob", "viewer");
    let [_, other] = twins("eve", "viewer");
    join(&mut root, &mut [], first);
    let eve = PendingMember::new(other, SESSION, issuer().keys(), &root.invite().unwrap()).unwrap();
    let refused = root.check_join_request(&eve.join_request(), NOW).unwrap_err();
    assert_eq!(refused, JoinRequestRefused::AlreadyAMember);
}

#[test]
fn invitations_end_with_the_organizer_in_whose_name_they_were_made() {
    let mut root = organizer();
    let mut second = admit(&mut root, &mut [], "second", "organizer");
    let staged = root.set_organizers(&[second.own_leaf(), LeafIndex(0)], NOW).unwrap();
    follow(&mut root, &mut [&mut second], &staged);
    let old = root.export_invitations(None);
    assert!(old.iter().all(|list| second.import_invitations(list, NOW)));
    let new = second.invite().unwrap();
    let old = second.invitations(NOW)[0].id;
    assert_eq!(second.invitations(NOW)[0].status, InvitationStatus::Open);
    let staged = second.remove(&[LeafIndex(0)], NOW).unwrap();
    second.handle_commit(&staged.commit, AT).unwrap();
    let states = second.invitations(NOW);
    assert_eq!((states[0].id, states[0].status), (old, InvitationStatus::Superseded));
    assert_eq!(states[1].status, InvitationStatus::Open);
    second.check_join_request(&pending("ann", "viewer", &new).join_request(), NOW).unwrap();
}

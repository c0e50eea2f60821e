//! Somebody who listens without having been let in: a ghost. Whoever could want one may hold the relay, the account service, or
//! both, and may have a member's help.

use crate::liar::{Fate, Liar};
use crate::rogue::mls::{self, LeafKey};
use crate::rogue::{Rogue, upload};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use isi_account::{AccountKey, Role, StatementClaims};
use isi_client::{Invitation, JoinError, Refused};
use isi_e2ee::{DenyReason, HandshakeError, InviteOptions, JoinRequestRefused, ProposalKind, RuleViolation};
use isi_testkit::{Client, Person, World, unix_seconds, within};
use isi_wire::{EntryKind, LogPosition, Welcome};
use openmls::prelude::KeyPackage;
use openmls_rust_crypto::OpenMlsRustCrypto;

/// Ghosts have everything that an account service gives.
fn ghost_package(world: &World) -> (OpenMlsRustCrypto, KeyPackage) {
    let (provider, key) = (OpenMlsRustCrypto::default(), LeafKey::new());
    let statement = world.statement(Role::Participant, "ghost", &key.public());
    let package = mls::key_package(&provider, &key, &mls::new_key(), statement);
    (provider, package)
}

async fn next_of(client: &mut Client, kind: EntryKind) -> isi_wire::LogEntry {
    loop {
        let entry = client.log.next().await;
        if entry.kind == kind {
            return entry;
        }
    }
}

/// Nobody else is in, and those who are in go on.
async fn assert_alone(root: &mut Person, other: &mut Person) {
    root.session.send("only us").await.unwrap();
    other.hear_text("only us").await;
    let members = root.session.members().await.unwrap();
    assert!(members.iter().all(|member| member.subject != "ghost"));
}

/// The relay sees of a commit which group it is for and which epoch, and can sequence what it likes.
#[tokio::test]
async fn ghost_by_the_relay_alone() {
    let world = World::start();
    let (mut root, [mut other]) = world.people([Role::Participant]).await;
    let mut relay = world.relay.join(Role::Organizer, world.session).await;
    root.session.rotate().await.unwrap();
    let last = next_of(&mut relay, EntryKind::Commit).await;
    let (group_id, epoch) = mls::group_of(&last.payload);

    // A group of its own, of the same name and age.
    let (provider, key) = (OpenMlsRustCrypto::default(), LeafKey::new());
    let account = AccountKey::generate().unwrap();
    let statement = |subject: &str, key: &LeafKey| {
        let claims = StatementClaims::new(Role::Organizer, world.session, subject, &key.public());
        account.sign_statement(&claims, unix_seconds()).unwrap()
    };
    let own = statement("relay", &key);
    let mut group = mls::found(&provider, &world, &key, own, &[key.public()], group_id.as_slice());
    for _ in 0..=epoch {
        mls::commit(&mut group, &provider, &key, mls::commit_data(3, &[]), |builder| builder);
        group.merge_pending_commit(&provider).unwrap();
    }
    let (ghost, ghost_key) = (OpenMlsRustCrypto::default(), LeafKey::new());
    let ghosts = statement("ghost", &ghost_key);
    let package = mls::key_package(&ghost, &ghost_key, &mls::new_key(), ghosts);
    let data = mls::commit_data(1, &[[0; 16]]);
    let (commit, _) =
        mls::commit(&mut group, &provider, &key, data, |builder| builder.propose_adds([package]));
    assert_eq!(mls::group_of(&commit), (group_id, epoch + 1));

    let expected = LogPosition { last_handshake: last.sequence, ..relay.joined.position };
    let before = root.session.session_code().await.unwrap();
    upload(&mut relay, expected, commit.into(), None).await.unwrap();
    for person in [&mut root, &mut other] {
        let invalid = Refused::Handshake(HandshakeError::Invalid);
        assert_eq!(person.hear_refused().await, (None, invalid));
        assert_eq!(person.session.session_code().await.unwrap(), before);
    }
    assert_alone(&mut root, &mut other).await;
}

/// A token and a statement are not enough: whoever made the invitation has its secret as well.
#[tokio::test]
async fn ghost_by_the_account_service_alone() {
    let world = World::start();
    let (mut root, [mut other]) = world.people([Role::Participant]).await;
    let invitation = root.session.invite().await.unwrap();
    let mut fragment = URL_SAFE_NO_PAD.decode(invitation.to_fragment().as_bytes()).unwrap();
    fragment[96] ^= 1; // The secret's last byte.
    let guessed = Invitation::from_fragment(&URL_SAFE_NO_PAD.encode(fragment)).unwrap();
    let ghost = world.credentials(Role::Participant, "ghost");
    tokio::select! {
        joined = world.try_join(ghost, &guessed) => panic!("{:?}", joined.err()),
        refused = root.hear_refused() => {
            assert_eq!(refused, (None, Refused::JoinRequest(JoinRequestRefused::WrongSecret)));
        }
    }
    assert_alone(&mut root, &mut other).await;
}

/// A member passes its invitation on to somebody for whom the account service vouches.
#[tokio::test]
async fn ghost_by_the_account_service_with_a_member() {
    let world = World::start();
    let mut root = world.create().await;
    let once = InviteOptions { uses_max: Some(1), ..InviteOptions::default() };
    let invitation = root.session.invite_with(once).await.unwrap();
    let mut member = world.join(Role::Participant, "person-0", &invitation).await;
    root.until_online(2).await;
    let ghost = world.try_join(world.credentials(Role::Participant, "ghost"), &invitation).await;
    let used_up = matches!(ghost, Err(JoinError::Denied { reason: DenyReason::UsedUp }));
    assert!(used_up, "{:?}", ghost.err());

    let options = InviteOptions { subject: Some("person-1".to_owned()), ..InviteOptions::default() };
    let invitation = root.session.invite_with(options).await.unwrap();
    let ghost = world.try_join(world.credentials(Role::Participant, "ghost"), &invitation).await;
    let other_person = matches!(ghost, Err(JoinError::Denied { reason: DenyReason::OtherPerson }));
    assert!(other_person, "{:?}", ghost.err());
    assert_alone(&mut root, &mut member).await;
}

/// With a token and a statement that call it an organizer, a member lets somebody in.
#[tokio::test]
async fn ghost_by_a_non_organizer() {
    let world = World::start();
    let (mut root, [mut other]) = world.people([Role::Participant]).await;
    let invitation = root.session.invite().await.unwrap();
    let mut rogue = Rogue::join(&world, Role::Organizer, "rogue", &invitation).await;
    for person in [&mut root, &mut other] {
        person.until_online(3).await;
    }
    let mut relay = world.relay.join(Role::Viewer, world.session).await;
    let (provider, package) = ghost_package(&world);
    let data = mls::commit_data(1, &[[0; 16]]);
    let (commit, welcome) = rogue.commit(data, |builder| builder.propose_adds([package]));
    let welcome = Welcome { participants: vec![relay.id()], payload: welcome.unwrap() };
    rogue.upload(commit, Some(welcome)).await;
    let why = HandshakeError::Refused(RuleViolation::NeedsOrganizer(ProposalKind::Add));
    for person in [&mut root, &mut other] {
        let from = person.member("rogue").await;
        assert_eq!(person.hear_refused().await, (Some(from), Refused::Handshake(why)));
    }
    // The ghost is in an epoch that nobody else has entered.
    let welcome = next_of(&mut relay, EntryKind::Welcome).await;
    let ghost = mls::enter(&provider, &welcome.payload);
    let epoch = other.session.session_code().await.unwrap().epoch;
    assert_eq!((ghost.epoch().as_u64(), rogue.epoch()), (epoch + 1, epoch));
    assert_alone(&mut root, &mut other).await;
}

/// Relay and account service exchange the applicant's keys for their own ghost's on the way to the organizer.
#[tokio::test(start_paused = true)]
async fn swapped_key_package_in_the_lobby() {
    let liar = Liar::start();
    let (mut root, [mut other]) = liar.people([Role::Participant]).await;
    let invitation = root.session.invite().await.unwrap();
    let (_, package) = ghost_package(&liar.world);
    liar.lies.about_entries(move |delivery| {
        if delivery.entry.kind == EntryKind::JoinRequest {
            let swapped = mls::with_key_package(&delivery.entry.payload, &package);
            delivery.entry.payload = swapped.into();
        }
        Fate::Deliver
    });
    let applicant = liar.world.credentials(Role::Participant, "person-1");
    let joining = liar.try_join(liar.options(), applicant, &invitation);
    tokio::pin!(joining);
    tokio::select! {
        joined = &mut joining => panic!("{:?}", joined.err()),
        refused = root.hear_refused() => {
            assert_eq!(refused, (None, Refused::JoinRequest(JoinRequestRefused::WrongSecret)));
        }
    }
    assert_alone(&mut root, &mut other).await;
    // It asks on, and comes in once its own request arrives.
    liar.lies.confess();
    within(joining).await.unwrap();
    root.until_online(3).await;
    assert_alone(&mut root, &mut other).await;
}

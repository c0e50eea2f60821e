//! Whoever holds relay and account service builds a group for one victim, around a key package of the organizer who invited it:
//! key packages are no secret, and the organizer has no part in this.

use crate::liar::Liar;
use crate::rogue::mls::{self, LeafKey};
use crate::rogue::upload;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use isi_account::Role;
use isi_client::{Invitation, JoinError};
use isi_e2ee::WelcomeRefused;
use isi_testkit::{Client, World, within};
use isi_wire::{EntryKind, LogEntry, Welcome};
use openmls::prelude::KeyPackage;
use openmls_rust_crypto::OpenMlsRustCrypto;
use sha2::{Digest as _, Sha256};

/// The organizer whom the victim trusts. Its key package went about once, when it was an applicant itself.
struct Organizer {
    key: LeafKey,
    package: KeyPackage,
    invitation: Invitation,
}

impl Organizer {
    fn new(world: &World) -> Self {
        let key = LeafKey::new();
        let statement = world.statement(Role::Organizer, "organizer", &key.public());
        let package = mls::key_package(&OpenMlsRustCrypto::default(), &key, &mls::new_key(), statement);
        let fingerprint = Sha256::digest(key.public());
        // SPEC.md section 8.
        let fragment = [&[1], &world.session.0[..], &fingerprint, &[2; 16], &[3; 32], &[1]].concat();
        let invitation = Invitation::from_fragment(&URL_SAFE_NO_PAD.encode(fragment)).unwrap();
        Self { key, package, invitation }
    }
}

/// Whoever builds the fake group.
struct Faker {
    key: LeafKey,
    relay: Client,
}

impl Faker {
    async fn new(liar: &Liar) -> Self {
        Self { key: LeafKey::new(), relay: liar.accomplice(Role::Organizer).await }
    }

    /// What becomes of the next applicant, welcomed into a group that these leaf keys organize.
    async fn lure(&mut self, liar: &Liar, organizer: &Organizer, organizers: &[[u8; 32]]) -> JoinError {
        let victim = liar.world.credentials(Role::Participant, "victim");
        tokio::select! {
            joined = within(liar.try_join(liar.options(), victim, &organizer.invitation)) => match joined {
                Ok(_) => panic!("lured in"),
                Err(error) => error,
            },
            said = self.welcome_next(&liar.world, organizer, organizers) => panic!("it says {said:?}"),
        }
    }

    /// Welcomes the next applicant, and waits for the first word that it says to its group.
    async fn welcome_next(
        &mut self,
        world: &World,
        organizer: &Organizer,
        organizers: &[[u8; 32]],
    ) -> LogEntry {
        let request = self.next_of(EntryKind::JoinRequest).await;
        let (provider, packages) = (
            OpenMlsRustCrypto::default(),
            [organizer.package.clone(), mls::key_package_of(&request.payload)],
        );
        let statement = world.statement(Role::Organizer, "faker", &self.key.public());
        let group_id = [world.session.0, [9; 16]].concat();
        let mut group = mls::found(&provider, world, &self.key, statement, organizers, &group_id);
        let data = mls::commit_data(1, &[[2; 16]; 2]);
        let (commit, welcome) =
            mls::commit(&mut group, &provider, &self.key, data, |builder| builder.propose_adds(packages));
        let welcome = Welcome { participants: vec![request.sender], payload: welcome.unwrap().into() };
        let mut expected = self.relay.joined.position;
        expected.last_handshake = request.last_handshake;
        upload(&mut self.relay, expected, commit.into(), Some(welcome)).await.unwrap();
        self.next_of(EntryKind::Message).await
    }

    async fn next_of(&mut self, kind: EntryKind) -> LogEntry {
        loop {
            let entry = self.relay.log.next_or_end().await.unwrap();
            if entry.kind == kind {
                return entry;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn fake_group_of_another_organizer() {
    let liar = Liar::start();
    let (organizer, mut faker) = (Organizer::new(&liar.world), Faker::new(&liar).await);
    let organizers = [faker.key.public()];
    let error = faker.lure(&liar, &organizer, &organizers).await;
    assert!(matches!(error, JoinError::Welcome(WelcomeRefused::WrongOrganizer)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn fake_group_with_a_welcome_of_no_organizer() {
    let liar = Liar::start();
    let (organizer, mut faker) = (Organizer::new(&liar.world), Faker::new(&liar).await);
    let organizers = [organizer.key.public()];
    let error = faker.lure(&liar, &organizer, &organizers).await;
    assert!(matches!(error, JoinError::Welcome(WelcomeRefused::NotFromOrganizer)), "{error:?}");
}

/// The organizer is in it, is its root, and the Welcome comes from another organizer, as it may. What is missing is a word of the
/// organizer, who alone has its key.
#[tokio::test(start_paused = true)]
async fn fake_group_around_a_real_organizers_key_package() {
    let liar = Liar::start();
    let (organizer, mut faker) = (Organizer::new(&liar.world), Faker::new(&liar).await);
    let organizers = [organizer.key.public(), faker.key.public()];
    let error = faker.lure(&liar, &organizer, &organizers).await;
    assert!(matches!(error, JoinError::NotConfirmed), "{error:?}");
}

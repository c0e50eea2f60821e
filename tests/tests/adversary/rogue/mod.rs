//! A member whose client keeps none of our rules: OpenMLS and a raw connection. It has every key that a member has, and
//! its test decides what it sends.
//!
//! What it needs of ours is written down here again from SPEC.md sections 8 to 11.

pub(crate) mod mls;

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use isi_account::Role;
use isi_client::Invitation;
use isi_e2ee::{
    EpochInput, EpochSwitch, Expected, Keyring, LeafIndex, LeaseTerms, MonotonicMs, Opener, PrivateContext,
    PrivateKeys, SealMeta, Sealer, Transport,
};
use isi_testkit::{Client, World};
use isi_wire::{
    Audience, ClientMessage, EntryKind, LogEntry, LogPosition, LogUpload, ParticipantId, RefuseReason,
    RelayMessage, RequestId, TrackId, TrackKind, Welcome,
};
use mls::{LeafKey, epoch_input, own_leaf};
use openmls::prelude::*;
use openmls_rust_crypto::OpenMlsRustCrypto;
use zeroize::Zeroizing;

/// The root organizer's leaf; people who join one after the other have the next ones.
pub(crate) const ROOT: LeafIndex = LeafIndex(0);
/// The leaf of `person-0`.
pub(crate) const PERSON_0: LeafIndex = LeafIndex(1);
/// Everybody's message track.
pub(crate) const MESSAGES: TrackId = TrackId(1);
/// Rogues have one epoch at a time and no grace windows, so their clock stands still.
pub(crate) const NOW: MonotonicMs = MonotonicMs(0);
/// Messages are one media group.
pub(crate) const MESSAGE_META: SealMeta = SealMeta { group: 0, keyframe: false };

pub(crate) struct Rogue {
    pub(crate) client: Client,
    /// The connection of the organizer who let it in.
    pub(crate) organizer: ParticipantId,
    /// Sequence number of the commit that let it in.
    pub(crate) last_handshake: u64,
    /// Its own keys, as an honest client has them.
    pub(crate) keyring: Keyring,
    provider: OpenMlsRustCrypto,
    key: LeafKey,
    media_key: SigningKey,
    mls: MlsGroup,
    messages: Sealer,
}

impl Rogue {
    /// Is let in by the rules and says which connection it has; it breaks them afterwards.
    pub(crate) async fn join(world: &World, role: Role, subject: &str, invitation: &Invitation) -> Self {
        Self::join_with_token(world, role, role, subject, invitation).await
    }

    /// The same with a token of another role than its statement.
    pub(crate) async fn join_with_token(
        world: &World,
        token: Role,
        role: Role,
        subject: &str,
        invitation: &Invitation,
    ) -> Self {
        let client = world.relay.join(token, world.session).await;
        Self::join_over(client, world, role, subject, invitation).await
    }

    /// The same over a connection that is there.
    pub(crate) async fn join_over(
        mut client: Client,
        world: &World,
        role: Role,
        subject: &str,
        invitation: &Invitation,
    ) -> Self {
        let (key, media_key) = (LeafKey::new(), mls::new_key());
        let statement = world.statement(role, subject, &key.public());
        let provider = OpenMlsRustCrypto::default();
        let package = mls::key_package(&provider, &key, &media_key, statement);
        ask_in(&mut client, mls::join_request(world, invitation, &package)).await;
        let welcome = loop {
            let entry = client.log.next().await;
            if entry.kind == EntryKind::Welcome {
                break entry;
            }
        };
        client.say(&ClientMessage::AcknowledgeWelcome { sequence: welcome.sequence }).await;
        let mls = mls::enter(&provider, &welcome.payload);
        let keyring = Keyring::new();
        keyring.install(epoch_input(&mls, &provider, own_leaf(&mls), &media_key), NOW);
        let messages = Sealer::new(&keyring, MESSAGES, TrackKind::Message).unwrap();
        let (organizer, last_handshake) = (welcome.sender, welcome.last_handshake);
        let mut rogue =
            Self { client, organizer, last_handshake, keyring, provider, key, media_key, mls, messages };
        let announcement = [&[2][..], &rogue.client.id().0.to_be_bytes()].concat();
        rogue.say(&announcement).await;
        rogue
    }

    pub(crate) fn leaf(&self) -> LeafIndex {
        own_leaf(&self.mls)
    }

    /// The group's keys at another's leaf: whatever is sealed with them says that it is that member's, and is signed by
    /// this one, since nobody has another's media key.
    pub(crate) fn keyring_as(&self, leaf: LeafIndex) -> Keyring {
        self.keyring_with(|input| input.own_leaf = leaf)
    }

    /// Its keys, one of them changed.
    pub(crate) fn keyring_with(&self, change: impl FnOnce(&mut EpochInput)) -> Keyring {
        let mut input = epoch_input(&self.mls, &self.provider, self.leaf(), &self.media_key);
        change(&mut input);
        let keyring = Keyring::new();
        keyring.install(input, NOW);
        keyring
    }

    /// Signs what it likes with its media key.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        ed25519_dalek::Signer::sign(&self.media_key, message).to_bytes()
    }

    /// What all keys of the group come from in this epoch, with the group's id.
    pub(crate) fn base(&self) -> (Vec<u8>, Zeroizing<[u8; 32]>) {
        let input = epoch_input(&self.mls, &self.provider, self.leaf(), &self.media_key);
        (input.group_id, input.base)
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.mls.epoch().as_u64()
    }

    /// Seals for its own message track.
    pub(crate) fn seal_message(&mut self, plaintext: &[u8]) -> Bytes {
        self.messages.seal(NOW, MESSAGE_META, plaintext).unwrap()
    }

    /// Sends a plaintext of the message track to all.
    pub(crate) async fn say(&mut self, plaintext: &[u8]) {
        let object = self.seal_message(plaintext);
        self.post(object).await;
    }

    /// Sends any object to all, as a message.
    pub(crate) async fn post(&mut self, object: Bytes) {
        post(&mut self.client, object).await;
    }

    /// The next message of somebody else; commits on the way are followed.
    pub(crate) async fn next_message(&mut self) -> LogEntry {
        loop {
            let entry = self.client.log.next().await;
            match entry.kind {
                EntryKind::Message if entry.sender != self.client.id() && !is_heartbeat(&entry) => {
                    return entry;
                }
                EntryKind::Commit => self.follow(&entry),
                _ => {}
            }
        }
    }

    /// Follows the log until a commit has changed the membership.
    pub(crate) async fn follow_commit(&mut self) {
        let before = self.mls.epoch();
        while self.mls.epoch() == before {
            let entry = self.client.log.next().await;
            if entry.kind == EntryKind::Commit {
                self.follow(&entry);
            }
        }
    }

    /// The next message that begins with this tag of SPEC.md section 12, without the tag.
    pub(crate) async fn next_signal(&mut self, from: LeafIndex, tag: u8) -> Vec<u8> {
        loop {
            let entry = self.next_message().await;
            let mut opener = Opener::new(&self.keyring, from, MESSAGES, TrackKind::Message);
            let expected = Expected { group: Some(0), transport: Transport::Log };
            if let Ok(opened) = opener.open(NOW, expected, entry.payload)
                && opened.plaintext.first() == Some(&tag)
            {
                return opened.plaintext[1..].to_vec();
            }
        }
    }

    /// The private keys of a lease, and the first object's plaintext that tells the driven side of them.
    pub(crate) fn agree(&self, lease: &LeaseTerms, from: LeafIndex) -> (Vec<u8>, PrivateKeys) {
        let epoch = self.mls.epoch().as_u64();
        let psk =
            self.mls.export_secret(self.provider.crypto(), "ISI private psk v1", &lease.id, 32).unwrap();
        let context = PrivateContext {
            group_id: self.mls.group_id().as_slice().to_vec(),
            epoch,
            from,
            to: lease.driven,
            context_id: lease.id,
        };
        let psk = Zeroizing::new(psk.try_into().unwrap());
        let (enc, keys) = PrivateKeys::agree(&psk, context, &lease.public_key).unwrap();
        ([&lease.id[..], &epoch.to_be_bytes(), &enc].concat(), keys)
    }

    /// A commit of anything, whether it may be or not, with a Welcome if it adds somebody.
    pub(crate) fn commit(
        &mut self,
        data: Vec<u8>,
        plan: impl for<'a> FnOnce(mls::Builder<'a>) -> mls::Builder<'a>,
    ) -> (Bytes, Option<Bytes>) {
        let (commit, welcome) = mls::commit(&mut self.mls, &self.provider, &self.key, data, plan);
        self.mls.clear_pending_commit(self.provider.storage()).unwrap();
        (commit.into(), welcome.map(Bytes::from))
    }

    /// A commit that removes somebody.
    pub(crate) fn commit_removal(&mut self, whom: LeafIndex) -> Bytes {
        let whom = [LeafNodeIndex::new(u32::from(whom.0))];
        self.commit(mls::commit_data(2, &[]), |builder| builder.propose_removals(whom)).0
    }

    /// Uploads a commit behind the last one that this member has followed, which the relay takes.
    pub(crate) async fn upload(&mut self, commit: Bytes, welcome: Option<Welcome>) {
        let expected = LogPosition { last_handshake: self.last_handshake, ..self.client.joined.position };
        upload(&mut self.client, expected, commit, welcome).await.unwrap();
    }

    fn follow(&mut self, entry: &LogEntry) {
        let message = MlsMessageIn::tls_deserialize_exact_bytes(&entry.payload).unwrap();
        let message = message.try_into_protocol_message().unwrap();
        let processed = self.mls.process_message(&self.provider, message).unwrap();
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            panic!("no commit")
        };
        self.mls.merge_staged_commit(&self.provider, *staged).unwrap();
        self.last_handshake = entry.sequence;
        let mut input = epoch_input(&self.mls, &self.provider, self.leaf(), &self.media_key);
        input.change = EpochSwitch::Other;
        self.keyring.install(input, NOW);
    }
}

/// Sends any object to all, as a message, from any connection.
pub(crate) async fn post(client: &mut Client, object: Bytes) {
    let request = client.request();
    let upload = LogUpload::Append {
        request,
        kind: EntryKind::Message,
        audience: Audience::Everyone,
        payload: object,
    };
    client.upload(&upload).await;
}

/// Those come at their own times. No object begins like one.
pub(crate) fn is_heartbeat(entry: &LogEntry) -> bool {
    entry.kind == EntryKind::Message && entry.payload.first() == Some(&isi_e2ee::HEARTBEAT_FIRST_BYTE)
}

/// Asks the organizers to be let in.
pub(crate) async fn ask_in(client: &mut Client, request: Vec<u8>) {
    let upload = LogUpload::Append {
        request: client.request(),
        kind: EntryKind::JoinRequest,
        audience: Audience::Organizers,
        payload: request.into(),
    };
    client.upload(&upload).await;
}

/// Uploads a commit, and says what the relay makes of it.
pub(crate) async fn upload(
    client: &mut Client,
    expected: LogPosition,
    commit: Bytes,
    welcome: Option<Welcome>,
) -> Result<u64, RefuseReason> {
    let request: RequestId = client.request();
    client.upload(&LogUpload::Commit { request, expected, commit, welcome }).await;
    client
        .hear(|message| match message {
            RelayMessage::Appended { request: answered, sequence } if answered == request => {
                Some(Ok(sequence))
            }
            RelayMessage::Refused { request: answered, reason, .. } if answered == request => {
                Some(Err(reason))
            }
            _ => None,
        })
        .await
}

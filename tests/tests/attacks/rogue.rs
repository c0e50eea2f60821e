//! A member whose client keeps none of our rules: OpenMLS and a raw connection. It has every key that a member has, and
//! its test decides what it sends.
//!
//! What it needs of ours is written down here again from SPEC.md sections 8 to 11.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use isi_account::Role;
use isi_client::Invitation;
use isi_e2ee::{
    EpochInput, EpochSwitch, Expected, Keyring, LeafIndex, LeaseTerms, MonotonicMs, Opener, PrivateContext,
    PrivateKeys, SealMeta, Sealer, Transport,
};
use isi_testkit::{Client, World, unix_seconds};
use isi_wire::{Audience, ClientMessage, EntryKind, LogEntry, LogUpload, ParticipantId, TrackId, TrackKind};
use openmls::prelude::*;
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::SignatureScheme;
use sha2::Sha256;
use tls_codec::Serialize as _;
use zeroize::Zeroizing;

const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519;
const STATEMENT: CredentialType = CredentialType::Other(0xF150);
const ORGANIZERS: u16 = 0xF151;
const PARAMETERS: u16 = 0xF152;
const MEDIA_KEY: u16 = 0xF153;

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

/// Signs for OpenMLS.
struct LeafKey(SigningKey);

impl Signer for LeafKey {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(payload).to_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
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
        let mut client = world.relay.join(token, world.session).await;
        let (key, media_key) = (LeafKey(new_key()), new_key());
        let statement = world.statement(role, subject, &key.0.verifying_key().to_bytes());
        let provider = OpenMlsRustCrypto::default();
        let package = key_package(&provider, &key, &media_key, statement);
        let request = LogUpload::Append {
            request: client.request(),
            kind: EntryKind::JoinRequest,
            audience: Audience::Organizers,
            payload: join_request(world, invitation, &package).into(),
        };
        client.upload(&request).await;
        let welcome = loop {
            let entry = client.log.next().await;
            if entry.kind == EntryKind::Welcome {
                break entry;
            }
        };
        client.say(&ClientMessage::AcknowledgeWelcome { sequence: welcome.sequence }).await;
        let mls = enter(&provider, &welcome.payload);
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
                EntryKind::Message if entry.sender != self.client.id() => return entry,
                EntryKind::Commit => self.follow(&entry.payload),
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
                self.follow(&entry.payload);
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

    /// A commit that removes somebody, whether it may or not.
    pub(crate) fn commit_removal(&mut self, whom: LeafIndex) -> Bytes {
        let data = [&[1][..], &unix_seconds().to_be_bytes(), &[2]].concat();
        self.mls.set_aad(data);
        let bundle = self
            .mls
            .commit_builder()
            .propose_removals([LeafNodeIndex::new(u32::from(whom.0))])
            .leaf_node_parameters(
                LeafNodeParameters::builder().with_extensions(media_extension(&new_key())).build(),
            )
            .load_psks(self.provider.storage())
            .unwrap()
            .build(self.provider.rand(), self.provider.crypto(), &self.key, |_| true)
            .unwrap()
            .stage_commit(&self.provider)
            .unwrap();
        let commit = bundle.into_commit().to_bytes().unwrap();
        self.mls.clear_pending_commit(self.provider.storage()).unwrap();
        commit.into()
    }

    fn follow(&mut self, commit: &[u8]) {
        let message = MlsMessageIn::tls_deserialize_exact_bytes(commit).unwrap();
        let message = message.try_into_protocol_message().unwrap();
        let processed = self.mls.process_message(&self.provider, message).unwrap();
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            panic!("no commit")
        };
        self.mls.merge_staged_commit(&self.provider, *staged).unwrap();
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

fn own_leaf(mls: &MlsGroup) -> LeafIndex {
    LeafIndex(u16::try_from(mls.own_leaf_index().u32()).unwrap())
}

fn new_key() -> SigningKey {
    let mut secret = [0; 32];
    aws_lc_rs::rand::fill(&mut secret).unwrap();
    SigningKey::from_bytes(&secret)
}

fn media_extension(key: &SigningKey) -> Extensions<LeafNode> {
    let key = UnknownExtension(key.verifying_key().to_bytes().to_vec());
    Extensions::single(Extension::Unknown(MEDIA_KEY, key)).unwrap()
}

fn key_package(
    provider: &OpenMlsRustCrypto,
    key: &LeafKey,
    media_key: &SigningKey,
    statement: String,
) -> KeyPackage {
    let types = [ORGANIZERS, PARAMETERS, MEDIA_KEY].map(ExtensionType::Unknown);
    let capabilities = Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&[SUITE]),
        Some(&types),
        Some(&[]),
        Some(&[STATEMENT]),
    );
    let credential = CredentialWithKey {
        credential: Credential::new(STATEMENT, statement.into_bytes()),
        signature_key: key.0.verifying_key().to_bytes().to_vec().into(),
    };
    KeyPackage::builder()
        .key_package_lifetime(Lifetime::init(0, u64::MAX))
        .leaf_node_capabilities(capabilities)
        .leaf_node_extensions(media_extension(media_key))
        .build(SUITE, provider, key, credential)
        .unwrap()
        .into_key_package()
}

fn join_request(world: &World, invitation: &Invitation, package: &KeyPackage) -> Vec<u8> {
    let fragment = URL_SAFE_NO_PAD.decode(invitation.to_fragment().as_bytes()).unwrap();
    let (id, secret) = (&fragment[49..65], &fragment[65..97]);
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(b"ISI join request v1");
    mac.update(&world.session.0);
    let reference = package.hash_ref(OpenMlsRustCrypto::default().crypto()).unwrap();
    for part in [reference.as_slice(), package.leaf_node().credential().serialized_content()] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    let package = package.tls_serialize_detached().unwrap();
    let mut request = [&[1], id, &mac.finalize().into_bytes()].concat();
    isi_wire::put_varint(&mut request, package.len() as u64);
    request.extend_from_slice(&package);
    request
}

fn enter(provider: &OpenMlsRustCrypto, welcome: &[u8]) -> MlsGroup {
    let message = MlsMessageIn::tls_deserialize_exact_bytes(welcome).unwrap();
    let MlsMessageBodyIn::Welcome(welcome) = message.extract() else { panic!("no Welcome") };
    let config = MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(true)
        .build();
    let staged = StagedWelcome::build_from_welcome(provider, &config, welcome).unwrap();
    staged.skip_lifetime_validation().build().unwrap().into_group(provider).unwrap()
}

fn epoch_input(
    mls: &MlsGroup,
    provider: &OpenMlsRustCrypto,
    own_leaf: LeafIndex,
    own_media_key: &SigningKey,
) -> EpochInput {
    let base = mls.export_secret(provider.crypto(), "ISI base v1", &isi_e2ee::SUITE_ID.to_be_bytes(), 32);
    let media_keys = mls.members().map(|member| {
        let leaf = mls.public_group().leaf(member.index).unwrap();
        let key = leaf.extensions().unknown(MEDIA_KEY).unwrap();
        (LeafIndex(u16::try_from(member.index.u32()).unwrap()), key.0.as_slice().try_into().unwrap())
    });
    EpochInput {
        group_id: mls.group_id().as_slice().to_vec(),
        epoch: mls.epoch().as_u64(),
        base: Zeroizing::new(base.unwrap().try_into().unwrap()),
        own_leaf,
        own_media_key: own_media_key.clone(),
        media_keys: media_keys.collect(),
        change: EpochSwitch::First,
    }
}

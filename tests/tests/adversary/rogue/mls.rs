//! What a client without our rules does with OpenMLS. What it needs of ours is written down here again from SPEC.md sections
//! 8 and 9.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use isi_client::Invitation;
use isi_e2ee::{EpochInput, EpochSwitch, LeafIndex};
use isi_testkit::World;
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

/// What a rogue puts its proposals into.
pub(crate) type Builder<'a> = CommitBuilder<'a, Initial, &'a mut MlsGroup>;

/// Signs for OpenMLS.
pub(crate) struct LeafKey(pub(crate) SigningKey);

impl Signer for LeafKey {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(payload).to_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

impl LeafKey {
    pub(crate) fn new() -> Self {
        Self(new_key())
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }
}

pub(crate) fn own_leaf(mls: &MlsGroup) -> LeafIndex {
    LeafIndex(u16::try_from(mls.own_leaf_index().u32()).unwrap())
}

pub(crate) fn new_key() -> SigningKey {
    let mut secret = [0; 32];
    aws_lc_rs::rand::fill(&mut secret).unwrap();
    SigningKey::from_bytes(&secret)
}

pub(crate) fn media_extension(key: &SigningKey) -> Extensions<LeafNode> {
    let key = UnknownExtension(key.verifying_key().to_bytes().to_vec());
    Extensions::single(Extension::Unknown(MEDIA_KEY, key)).unwrap()
}

fn capabilities() -> Capabilities {
    let types = [ORGANIZERS, PARAMETERS, MEDIA_KEY].map(ExtensionType::Unknown);
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&[SUITE]),
        Some(&types),
        Some(&[]),
        Some(&[STATEMENT]),
    )
}

fn credential(key: &LeafKey, statement: String) -> CredentialWithKey {
    CredentialWithKey {
        credential: Credential::new(STATEMENT, statement.into_bytes()),
        signature_key: key.public().to_vec().into(),
    }
}

pub(crate) fn key_package(
    provider: &OpenMlsRustCrypto,
    key: &LeafKey,
    media_key: &SigningKey,
    statement: String,
) -> KeyPackage {
    KeyPackage::builder()
        .key_package_lifetime(Lifetime::init(0, u64::MAX))
        .leaf_node_capabilities(capabilities())
        .leaf_node_extensions(media_extension(media_key))
        .build(SUITE, provider, key, credential(key, statement))
        .unwrap()
        .into_key_package()
}

/// Founds a group of a session that has not asked for one. `organizers` are leaf keys, the root's first.
pub(crate) fn found(
    provider: &OpenMlsRustCrypto,
    world: &World,
    key: &LeafKey,
    statement: String,
    organizers: &[[u8; 32]],
    group_id: &[u8],
) -> MlsGroup {
    let types = [ORGANIZERS, PARAMETERS, MEDIA_KEY].map(ExtensionType::Unknown);
    let context = vec![
        Extension::RequiredCapabilities(RequiredCapabilitiesExtension::new(&types, &[], &[STATEMENT])),
        Extension::Unknown(ORGANIZERS, UnknownExtension(organizers.concat())),
        Extension::Unknown(PARAMETERS, UnknownExtension(parameters(world))),
    ];
    MlsGroup::builder()
        .with_group_id(GroupId::from_slice(group_id))
        .with_wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(true)
        .ciphersuite(SUITE)
        .lifetime(Lifetime::init(0, u64::MAX))
        .with_capabilities(capabilities())
        .with_group_context_extensions(Extensions::from_vec(context).unwrap())
        .with_leaf_node_extensions(media_extension(&new_key()))
        .unwrap()
        .build(provider, key, credential(key, statement))
        .unwrap()
}

/// Version, suite, and the account service's one key.
fn parameters(world: &World) -> Vec<u8> {
    let jwks: serde_json::Value = serde_json::from_str(world.relay.account.jwks().to_json()).unwrap();
    let text = |name: &str| jwks["keys"][0][name].as_str().unwrap().to_owned();
    let (kid, key) = (text("kid"), URL_SAFE_NO_PAD.decode(text("x")).unwrap());
    [&[1, 0, 3, 1, u8::try_from(kid.len()).unwrap()], kid.as_bytes(), &key].concat()
}

pub(crate) fn join_request(world: &World, invitation: &Invitation, package: &KeyPackage) -> Vec<u8> {
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
    with_key_package(&[&[1], id, &mac.finalize().into_bytes()].concat(), package)
}

/// A join request with another key package under the same proof.
pub(crate) fn with_key_package(request: &[u8], package: &KeyPackage) -> Vec<u8> {
    let package = package.tls_serialize_detached().unwrap();
    let mut request = request[..PROOF_END].to_vec();
    isi_wire::put_varint(&mut request, package.len() as u64);
    request.extend_from_slice(&package);
    request
}

/// Of somebody's join request.
pub(crate) fn key_package_of(request: &[u8]) -> KeyPackage {
    let mut rest = &request[PROOF_END..];
    isi_wire::get_varint(&mut rest).unwrap();
    let package = KeyPackageIn::tls_deserialize_exact_bytes(rest).unwrap();
    package.validate(OpenMlsRustCrypto::default().crypto(), ProtocolVersion::Mls10).unwrap()
}

/// Version, invitation id, HMAC.
const PROOF_END: usize = 1 + 16 + 32;

pub(crate) fn enter(provider: &OpenMlsRustCrypto, welcome: &[u8]) -> MlsGroup {
    let message = MlsMessageIn::tls_deserialize_exact_bytes(welcome).unwrap();
    let MlsMessageBodyIn::Welcome(welcome) = message.extract() else { panic!("no Welcome") };
    let config = MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(true)
        .build();
    let staged = StagedWelcome::build_from_welcome(provider, &config, welcome).unwrap();
    staged.skip_lifetime_validation().build().unwrap().into_group(provider).unwrap()
}

/// Group and epoch that a handshake names for everybody to see.
pub(crate) fn group_of(handshake: &[u8]) -> (GroupId, u64) {
    let message = MlsMessageIn::tls_deserialize_exact_bytes(handshake).unwrap();
    let message = message.try_into_protocol_message().unwrap();
    (message.group_id().clone(), message.epoch().as_u64())
}

/// Version, time, reason, and the invitations of those it adds.
pub(crate) fn commit_data(reason: u8, invitations: &[[u8; 16]]) -> Vec<u8> {
    [&[1][..], &isi_testkit::unix_seconds().to_be_bytes(), &[reason], &invitations.concat()].concat()
}

/// Makes a commit of any contents and does not merge it. The second half is the Welcome.
pub(crate) fn commit(
    mls: &mut MlsGroup,
    provider: &OpenMlsRustCrypto,
    key: &LeafKey,
    data: Vec<u8>,
    plan: impl for<'a> FnOnce(Builder<'a>) -> Builder<'a>,
) -> (Vec<u8>, Option<Vec<u8>>) {
    mls.clear_pending_commit(provider.storage()).unwrap();
    mls.set_aad(data);
    let parameters = LeafNodeParameters::builder().with_extensions(media_extension(&new_key())).build();
    let bundle = plan(mls.commit_builder())
        .leaf_node_parameters(parameters)
        .load_psks(provider.storage())
        .unwrap()
        .build(provider.rand(), provider.crypto(), key, |_| true)
        .unwrap()
        .stage_commit(provider)
        .unwrap();
    let welcome = bundle.to_welcome_msg().map(|welcome| welcome.to_bytes().unwrap());
    (bundle.into_commit().to_bytes().unwrap(), welcome)
}

pub(crate) fn epoch_input(
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

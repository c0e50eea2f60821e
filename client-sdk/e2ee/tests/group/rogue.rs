//! A member that uses OpenMLS without any of our rules, and so can commit whatever MLS lets it.
//!
//! Everything of ours that it needs is written down here again from the specification, not taken from the crate.

use crate::world::{AT, NOW, SESSION, issuer};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use isi_e2ee::{Group, Invitation, LeafIndex, thumbprint};
use openmls::prelude::*;
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::SignatureScheme;
use sha2::Sha256;
use tls_codec::Serialize as _;

pub(crate) const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519;
pub(crate) const STATEMENT: CredentialType = CredentialType::Other(0xF150);
pub(crate) const ORGANIZERS: u16 = 0xF151;
pub(crate) const PARAMETERS: u16 = 0xF152;
pub(crate) const MEDIA_KEY: u16 = 0xF153;

/// What a rogue puts its proposals into.
pub(crate) type Builder<'a> = CommitBuilder<'a, Initial, &'a mut MlsGroup>;

/// An Ed25519 key that signs for OpenMLS.
pub(crate) struct Key(pub(crate) SigningKey);

impl Signer for Key {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(payload).to_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

impl Key {
    pub(crate) fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }
}

/// A key package to be: tests break one field at a time.
pub(crate) struct Leaf {
    pub(crate) key: Key,
    pub(crate) credential: Credential,
    pub(crate) capabilities: Capabilities,
    pub(crate) extensions: Vec<Extension>,
    pub(crate) lifetime: Lifetime,
    pub(crate) last_resort: bool,
}

pub(crate) struct Rogue {
    pub(crate) provider: OpenMlsRustCrypto,
    pub(crate) key: Key,
    pub(crate) mls: MlsGroup,
}

impl Leaf {
    /// In order in every respect. `seed` makes its keys.
    pub(crate) fn good(seed: u8, subject: &str, role: &str) -> Self {
        let key = Key(SigningKey::from_bytes(&[seed; 32]));
        let draft = issuer().draft(subject, role, &thumbprint(&key.public()));
        let statement = issuer().sign(&draft);
        Self::with_statement(key, statement)
    }

    pub(crate) fn with_statement(key: Key, statement: String) -> Self {
        let media_key = SigningKey::from_bytes(&[key.0.to_bytes()[0] ^ 0x80; 32]);
        Self {
            key,
            credential: Credential::new(STATEMENT, statement.into_bytes()),
            capabilities: capabilities(&[STATEMENT], &[]),
            extensions: vec![media_extension(&media_key.verifying_key().to_bytes())],
            lifetime: Lifetime::init(0, u64::MAX),
            last_resort: false,
        }
    }

    pub(crate) fn credential_with_key(&self) -> CredentialWithKey {
        CredentialWithKey {
            credential: self.credential.clone(),
            signature_key: self.key.public().to_vec().into(),
        }
    }

    pub(crate) fn key_package(&self, provider: &OpenMlsRustCrypto) -> KeyPackage {
        let mut builder = KeyPackage::builder()
            .key_package_lifetime(self.lifetime)
            .leaf_node_capabilities(self.capabilities.clone())
            .leaf_node_extensions(Extensions::from_vec(self.extensions.clone()).unwrap());
        if self.last_resort {
            builder = builder.mark_as_last_resort();
        }
        builder.build(SUITE, provider, &self.key, self.credential_with_key()).unwrap().into_key_package()
    }
}

pub(crate) fn capabilities(credentials: &[CredentialType], more: &[u16]) -> Capabilities {
    let types: Vec<_> = [ORGANIZERS, PARAMETERS, MEDIA_KEY]
        .iter()
        .chain(more)
        .map(|id| ExtensionType::Unknown(*id))
        .collect();
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&[SUITE]),
        Some(&types),
        Some(&[]),
        Some(credentials),
    )
}

pub(crate) fn media_extension(key: &[u8]) -> Extension {
    Extension::Unknown(MEDIA_KEY, UnknownExtension(key.to_vec()))
}

/// Version, invitation id, HMAC over label, session, KeyPackageRef and statement, key package.
pub(crate) fn join_request(invitation: &Invitation, key_package: &KeyPackage) -> Vec<u8> {
    let fragment = URL_SAFE_NO_PAD.decode(invitation.to_fragment().as_bytes()).unwrap();
    let (id, secret) = (&fragment[49..65], &fragment[65..97]);
    let provider = OpenMlsRustCrypto::default();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(b"ISI join request v1");
    mac.update(&SESSION.0);
    let reference = key_package.hash_ref(provider.crypto()).unwrap();
    for part in [reference.as_slice(), key_package.leaf_node().credential().serialized_content()] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    let bytes = key_package.tls_serialize_detached().unwrap();
    let mut request = vec![1];
    request.extend_from_slice(id);
    request.extend_from_slice(&mac.finalize().into_bytes());
    isi_wire::put_varint(&mut request, bytes.len() as u64);
    request.extend_from_slice(&bytes);
    request
}

/// Version, seconds, reason.
pub(crate) fn commit_data(stated_at: u64) -> Vec<u8> {
    let mut data = vec![1];
    data.extend_from_slice(&stated_at.to_be_bytes());
    data.push(1);
    data
}

impl Rogue {
    /// Lets a rogue in by the rules; it breaks them afterwards.
    pub(crate) fn admitted(by: &mut Group, others: &mut [&mut Group], leaf: Leaf) -> Self {
        let provider = OpenMlsRustCrypto::default();
        let key_package = leaf.key_package(&provider);
        let request = join_request(&by.invite().unwrap(), &key_package);
        let applicant = by.check_join_request(&request, NOW).unwrap();
        let staged = by.admit(&[applicant], NOW).unwrap();
        crate::world::follow(by, others, &staged);
        Self::join(provider, leaf, staged.welcome.as_deref().unwrap())
    }

    /// Joins by a Welcome, asking nothing about the group.
    pub(crate) fn join(provider: OpenMlsRustCrypto, leaf: Leaf, welcome: &[u8]) -> Self {
        let message = MlsMessageIn::tls_deserialize_exact_bytes(welcome).unwrap();
        let MlsMessageBodyIn::Welcome(welcome) = message.extract() else { panic!("no Welcome") };
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(true)
            .build();
        let mls = StagedWelcome::new_from_welcome(&provider, &config, welcome, None)
            .unwrap()
            .into_group(&provider)
            .unwrap();
        Self { provider, key: leaf.key, mls }
    }

    /// Founds a group of its own under any group id, with `more` among the GroupContext extensions.
    pub(crate) fn founder(leaf: Leaf, group_id: &[u8], more: Option<Extension>) -> Self {
        let provider = OpenMlsRustCrypto::default();
        let issuer = issuer();
        let mut parameters = vec![1, 0, 3, 1, u8::try_from(issuer.kid.len()).unwrap()];
        parameters.extend_from_slice(issuer.kid.as_bytes());
        parameters.extend_from_slice(issuer.key.verifying_key().as_bytes());
        let types = [ORGANIZERS, PARAMETERS, MEDIA_KEY].map(ExtensionType::Unknown);
        let context = [
            Extension::RequiredCapabilities(RequiredCapabilitiesExtension::new(&types, &[], &[STATEMENT])),
            Extension::Unknown(ORGANIZERS, UnknownExtension(leaf.key.public().to_vec())),
            Extension::Unknown(PARAMETERS, UnknownExtension(parameters)),
        ];
        let context = context.into_iter().chain(more).collect();
        let mls = MlsGroup::builder()
            .with_group_id(GroupId::from_slice(group_id))
            .with_wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(true)
            .ciphersuite(SUITE)
            .lifetime(leaf.lifetime)
            .with_capabilities(leaf.capabilities.clone())
            .with_group_context_extensions(Extensions::from_vec(context).unwrap())
            .with_leaf_node_extensions(Extensions::from_vec(leaf.extensions.clone()).unwrap())
            .unwrap()
            .build(&provider, &leaf.key, leaf.credential_with_key())
            .unwrap();
        Self { provider, key: leaf.key, mls }
    }

    /// Adds whoever waits to its group and sends the Welcome.
    pub(crate) fn welcome(&mut self, key_packages: &[KeyPackage]) -> Vec<u8> {
        let (_, welcome, _) = self.mls.add_members(&self.provider, &self.key, key_packages).unwrap();
        welcome.to_bytes().unwrap()
    }

    pub(crate) fn leaf(&self) -> LeafIndex {
        LeafIndex(u16::try_from(self.mls.own_leaf_index().u32()).unwrap())
    }

    pub(crate) fn follow(&mut self, commit: &[u8]) {
        let message = MlsMessageIn::tls_deserialize_exact_bytes(commit).unwrap();
        let message = message.try_into_protocol_message().unwrap();
        let processed = self.mls.process_message(&self.provider, message).unwrap();
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            panic!("no commit")
        };
        self.mls.merge_staged_commit(&self.provider, *staged).unwrap();
    }

    /// A commit with good authenticated data and whatever `plan` puts into it; never merged here.
    pub(crate) fn commit(&mut self, plan: impl for<'a> FnOnce(Builder<'a>) -> Builder<'a>) -> Vec<u8> {
        self.commit_with(commit_data(NOW.0), plan)
    }

    pub(crate) fn commit_with(
        &mut self,
        data: Vec<u8>,
        plan: impl for<'a> FnOnce(Builder<'a>) -> Builder<'a>,
    ) -> Vec<u8> {
        self.mls.clear_pending_commit(self.provider.storage()).unwrap();
        self.mls.set_aad(data);
        let bundle = plan(self.mls.commit_builder())
            .load_psks(self.provider.storage())
            .unwrap()
            .build(self.provider.rand(), self.provider.crypto(), &self.key, |_| true)
            .unwrap()
            .stage_commit(&self.provider)
            .unwrap();
        bundle.into_commit().to_bytes().unwrap()
    }

    /// Leaf parameters with a media key made from `seed`.
    pub(crate) fn fresh(seed: u8) -> LeafNodeParameters {
        let key = SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes();
        let extensions = Extensions::single(media_extension(&key)).unwrap();
        LeafNodeParameters::builder().with_extensions(extensions).build()
    }

    /// The GroupContext extensions with one of ours replaced.
    pub(crate) fn context_with(&self, id: u16, contents: Vec<u8>) -> Extensions<GroupContext> {
        let mut extensions = self.mls.extensions().clone();
        extensions.add_or_replace(Extension::Unknown(id, UnknownExtension(contents))).unwrap();
        extensions
    }
}

/// Root (leaf 0), a viewer (leaf 1), a rogue (leaf 2), which is an organizer if asked for.
pub(crate) fn with_rogue(organizes: bool) -> (Group, Group, Rogue) {
    let mut root = crate::world::organizer();
    let mut ann = crate::world::admit(&mut root, &mut [], "ann", "viewer");
    let mut rogue = Rogue::admitted(&mut root, &mut [&mut ann], Leaf::good(9, "rogue", "organizer"));
    if organizes {
        let staged = root.set_organizers(&[LeafIndex(0), rogue.leaf()], NOW).unwrap();
        root.handle_commit(&staged.commit, AT).unwrap();
        ann.handle_commit(&staged.commit, AT).unwrap();
        rogue.follow(&staged.commit);
    }
    (root, ann, rogue)
}

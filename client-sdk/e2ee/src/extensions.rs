//! What the session keeps inside the MLS group, in private-use types (RFC 9420 section 17).

use crate::GroupProfile;
use crate::encoding::{Malformed, Reader};
use crate::issuer::{IssuerKeys, is_sound_key};
use openmls::group::GroupContext;
use openmls::prelude::{
    Capabilities, CredentialType, Extension, ExtensionType, Extensions, LeafNode, ProtocolVersion,
    RequiredCapabilitiesExtension, UnknownExtension,
};
use std::collections::BTreeSet;

/// A credential that is the compact JWS of a statement. A type of its own, so that nobody mistakes the signed
/// statement for the self-asserted name of a basic credential.
pub(crate) const STATEMENT_CREDENTIAL: CredentialType = CredentialType::Other(0xF150);

/// GroupContext: leaf signature keys of the organizers, the root organizer's first.
pub(crate) const ORGANIZERS: u16 = 0xF151;
/// GroupContext: protocol version, suite and issuer keys. Never changes.
pub(crate) const PARAMETERS: u16 = 0xF152;
/// LeafNode: the Ed25519 key that signs the member's objects, new with every update path.
pub(crate) const MEDIA_KEY: u16 = 0xF153;

/// Most organizers of a session.
pub const ORGANIZERS_MAX: usize = 32;

const PARAMETERS_VERSION: u8 = 1;

/// The organizers' leaf signature keys: distinct, 1 to [`ORGANIZERS_MAX`], the root organizer's first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Organizers(Vec<[u8; 32]>);

impl Organizers {
    pub(crate) fn new(keys: Vec<[u8; 32]>) -> Result<Self, Malformed> {
        let distinct = keys.iter().collect::<BTreeSet<_>>().len() == keys.len();
        let counted = (1..=ORGANIZERS_MAX).contains(&keys.len());
        if distinct && counted { Ok(Self(keys)) } else { Err(Malformed) }
    }

    pub(crate) fn contains(&self, key: &[u8; 32]) -> bool {
        self.0.contains(key)
    }

    pub(crate) fn keys(&self) -> &[[u8; 32]] {
        &self.0
    }

    /// The creator, or whoever follows it in the list once it left.
    pub(crate) fn root(&self) -> &[u8; 32] {
        &self.0[0]
    }

    fn encode(&self) -> Vec<u8> {
        self.0.concat()
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let (keys, rest) = bytes.as_chunks::<32>();
        if rest.is_empty() { Self::new(keys.to_vec()) } else { Err(Malformed) }
    }
}

/// Everything our GroupContext extensions say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionContext {
    pub(crate) organizers: Organizers,
    pub(crate) issuers: IssuerKeys,
    pub(crate) profile: GroupProfile,
}

impl SessionContext {
    pub(crate) fn to_extensions(&self) -> Result<Extensions<GroupContext>, Malformed> {
        let mut parameters = vec![PARAMETERS_VERSION];
        parameters.extend_from_slice(&self.profile.suite().to_be_bytes());
        self.issuers.encode(&mut parameters);
        Extensions::from_vec(vec![
            Extension::RequiredCapabilities(required_capabilities()),
            Extension::Unknown(ORGANIZERS, UnknownExtension(self.organizers.encode())),
            Extension::Unknown(PARAMETERS, UnknownExtension(parameters)),
        ])
        .map_err(|_| Malformed)
    }

    /// Reads exactly our extensions: one more, one less or one that is not ours makes it malformed.
    pub(crate) fn from_extensions(extensions: &Extensions<GroupContext>) -> Result<Self, Malformed> {
        let required = extensions.required_capabilities() == Some(&required_capabilities());
        if extensions.iter().count() != 3 || !required {
            return Err(Malformed);
        }
        let organizers = extensions.unknown(ORGANIZERS).ok_or(Malformed)?;
        let parameters = extensions.unknown(PARAMETERS).ok_or(Malformed)?;
        let mut reader = Reader::new(&parameters.0);
        if reader.u8()? != PARAMETERS_VERSION {
            return Err(Malformed);
        }
        let profile = GroupProfile::from_suite(reader.u16()?).ok_or(Malformed)?;
        let issuers = IssuerKeys::decode(&mut reader)?;
        reader.end()?;
        Ok(Self { organizers: Organizers::decode(&organizers.0)?, issuers, profile })
    }
}

pub(crate) fn leaf_extensions(media_key: &[u8; 32]) -> Result<Extensions<LeafNode>, Malformed> {
    let extension = Extension::Unknown(MEDIA_KEY, UnknownExtension(media_key.to_vec()));
    Extensions::single(extension).map_err(|_| Malformed)
}

/// The media key of a leaf that carries exactly that extension.
pub(crate) fn media_key(leaf: &LeafNode) -> Result<[u8; 32], Malformed> {
    let extensions = leaf.extensions();
    let extension = extensions.unknown(MEDIA_KEY).ok_or(Malformed)?;
    let key = extension.0.as_slice().try_into().map_err(|_| Malformed)?;
    if extensions.iter().count() == 1 && is_sound_key(&key) { Ok(key) } else { Err(Malformed) }
}

/// What every leaf says it can do. Exactly this: nothing else is ever used.
pub(crate) fn capabilities(profile: GroupProfile) -> Capabilities {
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&[profile.ciphersuite()]),
        Some(&extension_types()),
        Some(&[]),
        Some(&[STATEMENT_CREDENTIAL]),
    )
}

fn required_capabilities() -> RequiredCapabilitiesExtension {
    RequiredCapabilitiesExtension::new(&extension_types(), &[], &[STATEMENT_CREDENTIAL])
}

fn extension_types() -> [ExtensionType; 3] {
    [ORGANIZERS, PARAMETERS, MEDIA_KEY].map(ExtensionType::Unknown)
}

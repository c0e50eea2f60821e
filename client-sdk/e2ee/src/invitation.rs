use crate::GroupProfile;
use crate::encoding::Reader;
use crate::random::random_array;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use isi_wire::SessionId;
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const JOIN_REQUEST_LABEL: &[u8] = b"ISI join request v1";
const JOIN_ANSWER_LABEL: &[u8] = b"ISI join answer v1";

/// Longest encoded invitation.
pub(crate) const INVITATION_BYTES_MAX: usize = 128;

/// Names an invitation: 16 random bytes that stand openly in join requests and commits, and are worth nothing without
/// its secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InvitationId(pub(crate) [u8; 16]);

/// What a link to a session carries behind its `#`, which a browser never sends anywhere.
///
/// Whoever has it may ask to be let in, and knows by the fingerprint who alone can do that. It is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    session: SessionId,
    root_fingerprint: [u8; 32],
    id: InvitationId,
    secret: Zeroizing<[u8; 32]>,
    profile: GroupProfile,
}

/// The text is no invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the invitation link is incomplete or altered; ask for it again")]
pub struct BadInvitation;

impl Invitation {
    pub(crate) fn generate(session: SessionId, root_fingerprint: [u8; 32], profile: GroupProfile) -> Self {
        let (id, secret) = (InvitationId(random_array()), Zeroizing::new(random_array()));
        Self { session, root_fingerprint, id, secret, profile }
    }

    /// The fragment of a link, without `#`: 131 characters of base64url.
    #[must_use]
    pub fn to_fragment(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(&*self.encode()))
    }

    /// Reads a fragment, with or without `#`.
    ///
    /// # Errors
    /// When it is not exactly what [`to_fragment`](Self::to_fragment) makes.
    pub fn from_fragment(fragment: &str) -> Result<Self, BadInvitation> {
        let fragment = fragment.strip_prefix('#').unwrap_or(fragment);
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(fragment).map_err(|_| BadInvitation)?);
        Self::decode(&bytes).ok_or(BadInvitation)
    }

    /// The session it invites to.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// Which suite the session's group uses; who joins makes its key package for it.
    #[must_use]
    pub const fn profile(&self) -> GroupProfile {
        self.profile
    }

    /// Names it among all invitations of the session.
    #[must_use]
    pub const fn id(&self) -> InvitationId {
        self.id
    }

    pub(crate) const fn root_fingerprint(&self) -> &[u8; 32] {
        &self.root_fingerprint
    }

    pub(crate) fn authenticate(&self, key_package_ref: &[u8], statement: &[u8]) -> [u8; 32] {
        self.mac(JOIN_REQUEST_LABEL, &[key_package_ref, statement]).finalize().into_bytes().into()
    }

    /// Compares in constant time.
    pub(crate) fn is_authentic(&self, key_package_ref: &[u8], statement: &[u8], mac: &[u8; 32]) -> bool {
        self.mac(JOIN_REQUEST_LABEL, &[key_package_ref, statement]).verify_slice(mac).is_ok()
    }

    pub(crate) fn authenticate_answer(&self, key_package_ref: &[u8], reason: u8) -> [u8; 32] {
        self.mac(JOIN_ANSWER_LABEL, &[key_package_ref, &[reason]]).finalize().into_bytes().into()
    }

    /// Compares in constant time.
    pub(crate) fn is_authentic_answer(&self, key_package_ref: &[u8], reason: u8, mac: &[u8; 32]) -> bool {
        self.mac(JOIN_ANSWER_LABEL, &[key_package_ref, &[reason]]).verify_slice(mac).is_ok()
    }

    /// HMAC-SHA256 over label, session and the variable parts, each behind its length.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, label: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_slice()).expect("any length is a key");
        mac.update(label);
        mac.update(&self.session.0);
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }

    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(INVITATION_BYTES_MAX));
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.session.0);
        bytes.extend_from_slice(&self.root_fingerprint);
        bytes.extend_from_slice(&self.id.0);
        bytes.extend_from_slice(self.secret.as_slice());
        bytes.push(profile_byte(self.profile));
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u8().ok()? != VERSION {
            return None;
        }
        let invitation = Self {
            session: SessionId(reader.array().ok()?),
            root_fingerprint: reader.array().ok()?,
            id: InvitationId(reader.array().ok()?),
            secret: Zeroizing::new(reader.array().ok()?),
            profile: profile_of(reader.u8().ok()?)?,
        };
        reader.end().ok()?;
        Some(invitation)
    }
}

const fn profile_byte(profile: GroupProfile) -> u8 {
    match profile {
        GroupProfile::Classic => 1,
        GroupProfile::PostQuantum => 2,
    }
}

const fn profile_of(byte: u8) -> Option<GroupProfile> {
    match byte {
        1 => Some(GroupProfile::Classic),
        2 => Some(GroupProfile::PostQuantum),
        _ => None,
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation").field("session", &self.session).finish_non_exhaustive()
    }
}

// Enough to tell them apart in a log.
impl fmt::Debug for InvitationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, ..] = self.0;
        write!(f, "InvitationId({a:02x}{b:02x}..)")
    }
}

use crate::extensions::{capabilities, leaf_extensions};
use crate::group::{Expectation, Group, WelcomeRefused, lifetime, new_media_key};
use crate::identity::MemberIdentity;
use crate::invitation::Invitation;
use crate::issuer::IssuerKeys;
use crate::join_answer::{self, DenyReason};
use crate::join_request::JoinRequest;
use crate::provider::Provider;
use crate::statement::{Statement, StatementError};
use crate::{MonotonicMs, UnixSeconds};
use ed25519_dalek::SigningKey;
use isi_wire::SessionId;
use openmls::prelude::KeyPackage;
use openmls_traits::OpenMlsProvider as _;
use std::fmt;
use std::sync::Arc;
use tls_codec::Serialize as _;

/// Somebody who asked to be let in and waits for a Welcome.
///
/// Holds the private keys of one key package. They serve once: a Welcome that uses them up and is refused
/// means asking again with a new one, see [`renew`](Self::renew).
pub struct PendingMember {
    provider: Provider,
    identity: Arc<MemberIdentity>,
    issuers: IssuerKeys,
    invitation: Invitation,
    media_key: SigningKey,
    request: Request,
}

struct Request {
    key_package_ref: Vec<u8>,
    bytes: Vec<u8>,
}

/// Why nobody can be asked with this. The caller is at fault, but for [`Library`](PendingError::Library).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PendingError {
    /// The invitation is for another session.
    #[error("the invitation is for another session")]
    OtherSession,
    /// One's own statement proves nothing.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The MLS library failed.
    #[error("the MLS library failed; try again")]
    Library,
}

impl PendingMember {
    /// Makes a key package and the request to be let in.
    ///
    /// # Errors
    /// When statement, invitation and session do not fit each other.
    pub fn new(
        identity: MemberIdentity,
        session: SessionId,
        issuers: IssuerKeys,
        invitation: &Invitation,
    ) -> Result<Self, PendingError> {
        Self::again(Arc::new(identity), session, issuers, invitation)
    }

    pub(crate) fn again(
        identity: Arc<MemberIdentity>,
        session: SessionId,
        issuers: IssuerKeys,
        invitation: &Invitation,
    ) -> Result<Self, PendingError> {
        if invitation.session() != session {
            return Err(PendingError::OtherSession);
        }
        Statement::verify(identity.jws(), &issuers, session, &identity.public_key())?;
        let (provider, media_key, request) = make_request(&identity, invitation)?;
        let invitation = invitation.clone();
        Ok(Self { provider, identity, issuers, invitation, media_key, request })
    }

    /// What goes to the organizers through the log.
    #[must_use]
    pub fn join_request(&self) -> Vec<u8> {
        self.request.bytes.clone()
    }

    /// Why an organizer does not let one in; `None` for what proves no invitation or answers another request.
    #[must_use]
    pub fn read_answer(&self, answer: &[u8]) -> Option<DenyReason> {
        join_answer::decode(answer, &self.invitation, &self.request.key_package_ref)
    }

    /// Joins by a Welcome, if the group is what the invitation promised. `now` judges the expiry of one's own
    /// statement, `at` starts the keyring. On success this pending member is used up.
    ///
    /// # Errors
    /// See [`WelcomeRefused`], which also says when to wait for another and when to [`renew`](Self::renew).
    pub fn join(
        &mut self,
        welcome: &[u8],
        now: UnixSeconds,
        at: MonotonicMs,
    ) -> Result<Group, WelcomeRefused> {
        let expectation = Expectation {
            identity: &self.identity,
            session: self.invitation.session(),
            issuers: &self.issuers,
            root_fingerprint: self.invitation.root_fingerprint(),
            profile: self.invitation.profile(),
            media_key: &self.media_key,
        };
        let joined = Group::join(&mut self.provider, &expectation, welcome, now, at);
        let untouched = [
            WelcomeRefused::Malformed,
            WelcomeRefused::NotForUs,
            WelcomeRefused::OtherSuite,
            WelcomeRefused::TooLarge,
        ];
        if joined.as_ref().is_err_and(|refused| !untouched.contains(refused)) {
            // The key package is used up; nothing of a group one did not trust stays.
            self.provider = Provider::default();
        }
        joined
    }

    /// Throws the keys away and makes new ones, with another join request.
    ///
    /// # Errors
    /// [`PendingError::Library`] only.
    pub fn renew(&mut self) -> Result<(), PendingError> {
        (self.provider, self.media_key, self.request) = make_request(&self.identity, &self.invitation)?;
        Ok(())
    }
}

fn make_request(
    identity: &MemberIdentity,
    invitation: &Invitation,
) -> Result<(Provider, SigningKey, Request), PendingError> {
    let profile = invitation.profile();
    let provider = Provider::default();
    let media_key = new_media_key();
    let leaf = leaf_extensions(&media_key.verifying_key().to_bytes()).map_err(|_| PendingError::Library)?;
    let bundle = KeyPackage::builder()
        .key_package_lifetime(lifetime())
        .leaf_node_capabilities(capabilities(profile))
        .leaf_node_extensions(leaf)
        .build(profile.ciphersuite(), &provider, identity, identity.credential())
        .map_err(|_| PendingError::Library)?;
    let key_package = bundle.key_package();
    let reference = key_package.hash_ref(provider.crypto()).map_err(|_| PendingError::Library)?;
    let bytes = key_package.tls_serialize_detached().map_err(|_| PendingError::Library)?;
    let bytes = JoinRequest::encode(invitation, reference.as_slice(), identity.jws(), &bytes);
    let request = Request { key_package_ref: reference.as_slice().to_vec(), bytes };
    Ok((provider, media_key, request))
}

impl fmt::Debug for PendingMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingMember").field("invitation", &self.invitation).finish_non_exhaustive()
    }
}

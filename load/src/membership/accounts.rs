use isi_account::{AccountKey, ClaimsError, KeyError, Role, StatementClaims};
use isi_e2ee::{
    CreateError, Group, HandshakeError, IdentityError, Invitation, InviteError, IssuerKeys, IssuerKeysError,
    JoinRequestRefused, MemberIdentity, MemberKey, PendingError, PendingMember, StageError, UnixSeconds,
    WelcomeRefused,
};
use isi_wire::SessionId;

/// An account service that vouches for anybody in one session.
pub struct Accounts {
    key: AccountKey,
    issuers: IssuerKeys,
    session: SessionId,
    now: UnixSeconds,
}

/// Why there is no crowd, or it did not go on. The caller's fault: what the crowd does is allowed.
#[derive(Debug, thiserror::Error)]
pub enum CrowdError {
    /// No key for the account service.
    #[error("the account service has no key: {0}")]
    Key(#[from] KeyError),
    /// No statement.
    #[error("no statement can be signed: {0}")]
    Claims(#[from] ClaimsError),
    /// The service's own keys are not believed.
    #[error(transparent)]
    Issuers(#[from] IssuerKeysError),
    /// A statement is not about its key.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// No group.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// No invitation.
    #[error(transparent)]
    Invite(#[from] InviteError),
    /// No join request.
    #[error(transparent)]
    Pending(#[from] PendingError),
    /// A join request was refused.
    #[error(transparent)]
    Request(#[from] JoinRequestRefused),
    /// A commit could not be made.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// A commit was not followed.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// A Welcome was refused.
    #[error(transparent)]
    Welcome(#[from] WelcomeRefused),
}

impl Accounts {
    /// With a key of its own. All statements are issued at `now`, for 12 hours.
    ///
    /// # Errors
    /// [`CrowdError`]
    pub fn new(session: SessionId, now: UnixSeconds) -> Result<Self, CrowdError> {
        Self::with_key(AccountKey::generate()?, session, now)
    }

    /// With this key.
    ///
    /// # Errors
    /// [`CrowdError`]
    pub fn with_key(key: AccountKey, session: SessionId, now: UnixSeconds) -> Result<Self, CrowdError> {
        let issuers = IssuerKeys::from_jwks(key.jwks().to_json().as_bytes())?;
        Ok(Self { key, issuers, session, now })
    }

    /// When everything happens.
    #[must_use]
    pub const fn now(&self) -> UnixSeconds {
        self.now
    }

    /// A group with one member, the organizer.
    ///
    /// # Errors
    /// [`CrowdError`]
    pub fn found(&self, subject: &str) -> Result<Group, CrowdError> {
        let identity = self.identity(Role::Organizer, subject)?;
        Ok(Group::create(identity, self.issuers.clone(), self.session, self.now)?)
    }

    /// Somebody with a fresh key who asks to be let in.
    ///
    /// # Errors
    /// [`CrowdError`]
    pub fn applicant(&self, subject: &str, invitation: &Invitation) -> Result<PendingMember, CrowdError> {
        let identity = self.identity(Role::Participant, subject)?;
        Ok(PendingMember::new(identity, self.session, self.issuers.clone(), invitation)?)
    }

    fn identity(&self, role: Role, subject: &str) -> Result<MemberIdentity, CrowdError> {
        let key = MemberKey::generate();
        let claims = StatementClaims::new(role, self.session, subject, &key.public_key());
        Ok(MemberIdentity::new(key, self.key.sign_statement(&claims, self.now.0)?)?)
    }
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").field("session", &self.session).finish_non_exhaustive()
    }
}

mod admission;
mod config;
mod expiry;
mod handshake;
mod history;
mod invitation_record;
mod invitations;
mod inviting;
mod join;
mod merge;
mod refused;
mod rejoin;
mod signing;
mod stage;

pub use admission::Applicant;
pub(crate) use config::{join_config, lifetime};
pub use handshake::{EpochChange, HandshakeError, ProposalSeen};
pub(crate) use history::EpochSeen;
pub use history::{EPOCHS_REMEMBERED_MAX, SESSION_CODES_MAX};
pub use invitations::{
    INVITATION_USES_MAX, INVITATIONS_MAX, InvitationState, InvitationStatus, InviteOptions,
};
pub use inviting::InviteError;
pub(crate) use join::Expectation;
pub use join::WelcomeRefused;
pub use refused::JoinRequestRefused;
pub use rejoin::RejoinError;
pub use stage::{StageError, Staged};

use crate::codes::{PairCode, SessionCode};
use crate::extensions::{Organizers, SessionContext, leaf_extensions};
use crate::identity::MemberIdentity;
use crate::issuer::IssuerKeys;
use crate::provider::Provider;
use crate::random::random_array;
use crate::roster::{Entry, Roster};
use crate::statement::{Statement, StatementError};
use crate::{EpochSwitch, GroupProfile, Keyring, LeafIndex, Member, MonotonicMs, Role, UnixSeconds};
use admission::Lobby;
use ed25519_dalek::SigningKey;
use history::History;
use isi_wire::SessionId;
use openmls::group::{GroupId, MlsGroup};
use openmls_traits::OpenMlsProvider as _;
use stage::StagedCommit;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

const BASE_LABEL: &str = "ISI base v1";
const PRIVATE_PSK_LABEL: &str = "ISI private psk v1";

/// One member's view of the MLS group (RFC 9420) of a session.
///
/// - Begin: [`create`](Self::create) one, or [`PendingMember::join`](crate::PendingMember::join).
/// - Change it: [`admit`](Self::admit), [`remove`](Self::remove), [`rotate`](Self::rotate) and
///   [`set_organizers`](Self::set_organizers) stage a commit, [`renew`](Self::renew) before one's statement
///   [expires](Self::own_expiry). Upload it; once it comes back from the log,
///   [`handle_commit`](Self::handle_commit) merges it. The relay may have put another first: then that one is
///   merged and the staged one is discarded, so make it again. One commit is staged at a time.
/// - Follow: give every commit of the log to [`handle_commit`](Self::handle_commit) and every proposal to
///   [`handle_proposal`](Self::handle_proposal), in order.
/// - Let in: [`invite`](Self::invite), [`check_join_request`](Self::check_join_request), `admit`.
/// - Leave: upload [`leave_proposal`](Self::leave_proposal); an organizer removes the leaver.
/// - Compare: [`session_code`](Self::session_code), [`session_codes`](Self::session_codes),
///   [`pair_code`](Self::pair_code).
/// - Seal and open objects with the [`keyring`](Self::keyring), which follows the epoch by itself.
///
/// All state is in memory only and wiped when dropped.
pub struct Group {
    mls: MlsGroup,
    provider: Provider,
    identity: Arc<MemberIdentity>,
    session: SessionId,
    context: SessionContext,
    roster: Roster,
    own_leaf: LeafIndex,
    media_key: SigningKey,
    keyring: Keyring,
    staged: Option<StagedCommit>,
    lobby: Lobby,
    history: History,
}

/// Why no group was created. The caller is at fault, but for [`Library`](CreateError::Library).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    /// One's own statement proves nothing.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// One's statement does not allow to organize.
    #[error("the statement's role is not organizer; ask the account service for that role")]
    NotAnOrganizer,
    /// The MLS library failed.
    #[error("the MLS library failed; try again")]
    Library,
}

/// One was removed from the group; its keys are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no longer a member of the session; ask to be let in again")]
pub struct Evicted;

impl Group {
    /// Creates the group of a session, with oneself as root organizer and only member.
    ///
    /// `now` judges the expiry of one's own statement.
    ///
    /// # Errors
    /// When one's own statement is not valid for the session or does not allow the role.
    pub fn create(
        identity: MemberIdentity,
        issuers: IssuerKeys,
        session: SessionId,
        now: UnixSeconds,
    ) -> Result<Self, CreateError> {
        Self::create_with_profile(identity, issuers, session, GroupProfile::default(), now)
    }

    /// [`create`](Self::create) with a profile of one's choice.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_with_profile(
        identity: MemberIdentity,
        issuers: IssuerKeys,
        session: SessionId,
        profile: GroupProfile,
        now: UnixSeconds,
    ) -> Result<Self, CreateError> {
        let statement = Statement::verify(identity.jws(), &issuers, session, &identity.public_key())?;
        statement.check_time(now)?;
        if statement.role != Role::Organizer {
            return Err(CreateError::NotAnOrganizer);
        }
        let key = identity.public_key();
        let organizers = Organizers::new(vec![key]).map_err(|_| CreateError::Library)?;
        let context = SessionContext { organizers, issuers, profile };
        let media_key = new_media_key();
        let provider = Provider::default();
        let mls =
            create_mls(&provider, &identity, &context, &media_key, session).ok_or(CreateError::Library)?;
        let mut roster = Roster::default();
        let entry = Entry { key, media_key: media_key.verifying_key().to_bytes(), statement };
        roster.insert(LeafIndex(0), entry);
        let mut group = Self {
            mls,
            provider,
            identity: Arc::new(identity),
            session,
            context,
            roster,
            own_leaf: LeafIndex(0),
            media_key,
            keyring: Keyring::new(),
            staged: None,
            lobby: Lobby::default(),
            history: History::default(),
        };
        group.remember(None);
        // Nothing was sealed before the first epoch, so no grace window depends on this time.
        group.install(EpochSwitch::First, MonotonicMs(0)).map_err(|_| CreateError::Library)?;
        Ok(group)
    }

    /// The session.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// Which suite the group uses.
    #[must_use]
    pub const fn profile(&self) -> GroupProfile {
        self.context.profile
    }

    /// The MLS group id: the session's 16 bytes and 16 random ones.
    #[must_use]
    pub fn group_id(&self) -> &[u8] {
        self.mls.group_id().as_slice()
    }

    /// The current epoch; every merged commit adds one.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.mls.epoch().as_u64()
    }

    /// One's own place in the tree.
    #[must_use]
    pub const fn own_leaf(&self) -> LeafIndex {
        self.own_leaf
    }

    /// False once one was removed.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.mls.is_active()
    }

    /// Whether one is in the list of organizers.
    #[must_use]
    pub fn is_organizer(&self) -> bool {
        self.context.organizers.contains(&self.identity.public_key())
    }

    /// The listed organizers' leaves in the order of the list, the root organizer's first: whose turn it is.
    #[must_use]
    pub fn organizers(&self) -> Vec<LeafIndex> {
        let keys = self.context.organizers.keys().iter();
        keys.filter_map(|key| self.roster.by_key(key)).map(|(leaf, _)| leaf).collect()
    }

    /// Everybody in the current epoch, in the order of the leaves.
    #[must_use]
    pub fn members(&self) -> Vec<Member> {
        self.roster.iter().map(|(leaf, entry)| entry.member(leaf, &self.context.organizers)).collect()
    }

    /// One member, `None` for a leaf that is blank in the current epoch.
    #[must_use]
    pub fn member(&self, leaf: LeafIndex) -> Option<Member> {
        self.roster.get(leaf).map(|entry| entry.member(leaf, &self.context.organizers))
    }

    /// 30 digits that all members of this epoch share. A millisecond's work.
    #[must_use]
    pub fn session_code(&self) -> SessionCode {
        SessionCode::new(self.epoch(), self.mls.epoch_authenticator().as_slice())
    }

    /// 45 digits that one shares with that member and nobody else; `None` for a blank leaf. A few
    /// milliseconds' work.
    #[must_use]
    pub fn pair_code(&self, leaf: LeafIndex) -> Option<PairCode> {
        let other = self.roster.get(leaf)?;
        let own = (self.identity.public_key(), self.identity.subject());
        Some(PairCode::new(own, (other.key, &other.statement.subject)))
    }

    /// The keys of objects. A clone is cheap and follows the epoch.
    #[must_use]
    pub fn keyring(&self) -> Keyring {
        self.keyring.clone()
    }

    /// The pre-shared key that binds a private key agreement to this group and epoch, one per context id.
    ///
    /// # Errors
    /// After one was removed.
    pub fn export_private_psk(&self, context_id: &[u8]) -> Result<Zeroizing<[u8; 32]>, Evicted> {
        self.export(PRIVATE_PSK_LABEL, context_id)
    }

    /// MLS-Exporter, RFC 9420 section 8.5.
    fn export(&self, label: &str, context: &[u8]) -> Result<Zeroizing<[u8; 32]>, Evicted> {
        let secret = self.mls.export_secret(self.provider.crypto(), label, context, 32);
        let secret = Zeroizing::new(secret.map_err(|_| Evicted)?);
        let mut exported = Zeroizing::new([0; 32]);
        exported.copy_from_slice(&secret);
        Ok(exported)
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("session", &self.session)
            .field("epoch", &self.epoch())
            .field("own_leaf", &self.own_leaf)
            .field("members", &self.roster.len())
            .finish_non_exhaustive()
    }
}

pub(crate) fn new_media_key() -> SigningKey {
    SigningKey::from_bytes(&Zeroizing::new(random_array()))
}

fn create_mls(
    provider: &Provider,
    identity: &MemberIdentity,
    context: &SessionContext,
    media_key: &SigningKey,
    session: SessionId,
) -> Option<MlsGroup> {
    let leaf = leaf_extensions(&media_key.verifying_key().to_bytes()).ok()?;
    let config = config::create_config(context.to_extensions().ok()?, leaf, context.profile)?;
    let group_id = [session.0, random_array()].concat();
    let group_id = GroupId::from_slice(&group_id);
    MlsGroup::new_with_group_id(provider, identity, &config, group_id, identity.credential()).ok()
}

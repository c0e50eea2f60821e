use super::admission::Lobby;
use super::history::History;
use super::{Group, join_config};
use crate::extensions::SessionContext;
use crate::identity::{MemberIdentity, fingerprint};
use crate::issuer::IssuerKeys;
use crate::provider::Provider;
use crate::roster::Roster;
use crate::rules::{RuleViolation, check_organizers, check_size, leaf_index, verify_leaf};
use crate::{EpochSwitch, GroupProfile, Keyring, LeafIndex, MonotonicMs, UnixSeconds};
use ed25519_dalek::SigningKey;
use isi_wire::SessionId;
use isi_wire::limits::WELCOME_BYTES_MAX;
use openmls::group::{GroupContext, MlsGroup, StagedWelcome, WelcomeError};
use openmls::prelude::{MlsMessageBodyIn, MlsMessageIn, Welcome};
use std::sync::Arc;
use tls_codec::Deserialize as _;

/// Why a Welcome does not let one in.
///
/// After [`NotForUs`](Self::NotForUs), [`OtherSuite`](Self::OtherSuite), [`TooLarge`](Self::TooLarge) and
/// [`Malformed`](Self::Malformed) wait for another; after any other the key package is used up: make a new [`PendingMember`](crate::PendingMember) and ask again, or do not trust
/// the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WelcomeRefused {
    /// Not a Welcome.
    #[error("not a Welcome")]
    Malformed,
    /// The Welcome with the group's tree has more than [`WELCOME_BYTES_MAX`] bytes, so no organizer of ours has made it.
    #[error(
        "the group's tree is too large: a Welcome has at most {WELCOME_BYTES_MAX} bytes; ask for a smaller session, or report the relay"
    )]
    TooLarge,
    /// For another key package, or for one that was used already.
    #[error("the Welcome is not for this join request, or the join request was answered already")]
    NotForUs,
    /// The group uses another MLS suite than the invitation says, or one that no session uses.
    #[error("the group uses another MLS suite than the invitation says; ask for a new link")]
    OtherSuite,
    /// MLS refused it.
    #[error("the Welcome does not verify; ask to be let in again")]
    Invalid,
    /// It brings pre-shared keys or anything a session does not use.
    #[error("the Welcome is not one of a session of this version")]
    ForeignContents,
    /// The group belongs to another session.
    #[error("the Welcome is for another session")]
    WrongSession,
    /// The group trusts issuer keys that one was not given.
    #[error("the group trusts an account service that is not this session's")]
    ForeignIssuer,
    /// The organizer who made the invitation is none in this group.
    #[error("the organizer of the invitation does not organize this group; do not trust it")]
    WrongOrganizer,
    /// Whoever sent the Welcome is no organizer.
    #[error("the Welcome was not sent by an organizer; do not trust the group")]
    NotFromOrganizer,
    /// A member, or oneself, breaks the session's rules.
    #[error(transparent)]
    Member(#[from] RuleViolation),
    /// The leaf in the tree is not the one that was sent.
    #[error("the group has another leaf for us than the one we sent")]
    OwnLeaf,
    /// The MLS library failed.
    #[error("the MLS library failed; ask to be let in again")]
    Library,
}

/// MLS 1.0, `mls_welcome` (RFC 9420 section 6); the suite follows.
const WELCOME_HEAD: &[u8; 4] = &[0, 1, 0, 3];

/// What a joiner knows before it sees the group.
pub(crate) struct Expectation<'a> {
    pub(crate) identity: &'a Arc<MemberIdentity>,
    pub(crate) session: SessionId,
    pub(crate) issuers: &'a IssuerKeys,
    pub(crate) root_fingerprint: &'a [u8; 32],
    pub(crate) profile: GroupProfile,
    pub(crate) media_key: &'a SigningKey,
}

impl Group {
    /// Joins if the group is exactly what the invitation promised. The provider is emptied on success.
    pub(crate) fn join(
        provider: &mut Provider,
        expected: &Expectation<'_>,
        welcome: &[u8],
        now: UnixSeconds,
        at: MonotonicMs,
    ) -> Result<Self, WelcomeRefused> {
        let staged = stage(provider, parse(welcome, expected.profile)?)?;
        let context = expected.check_context(staged.group_context())?;
        let sender = leaf_index(staged.welcome_sender_index());
        let mls = staged.into_group(provider).map_err(|_| WelcomeRefused::Library)?;
        let roster = expected.check_members(&mls, &context)?;
        let sender = sender.and_then(|leaf| roster.get(leaf));
        if !sender.is_some_and(|sender| context.organizers.contains(&sender.key)) {
            return Err(WelcomeRefused::NotFromOrganizer);
        }
        let own_leaf = expected.check_own_leaf(&mls, &roster, now)?;
        let mut group = Self {
            mls,
            provider: std::mem::take(provider),
            identity: Arc::clone(expected.identity),
            session: expected.session,
            context,
            roster,
            own_leaf,
            media_key: expected.media_key.clone(),
            keyring: Keyring::new(),
            staged: None,
            lobby: Lobby::default(),
            history: History::default(),
        };
        group.remember(None);
        group.install(EpochSwitch::First, at).map_err(|_| WelcomeRefused::Library)?;
        Ok(group)
    }
}

impl Expectation<'_> {
    fn check_context(&self, context: &GroupContext) -> Result<SessionContext, WelcomeRefused> {
        if context.group_id().as_slice().get(..16) != Some(&self.session.0) {
            return Err(WelcomeRefused::WrongSession);
        }
        let context = SessionContext::from_extensions(context.extensions())
            .map_err(|_| WelcomeRefused::ForeignContents)?;
        if context.profile != self.profile {
            return Err(WelcomeRefused::OtherSuite);
        }
        if !self.issuers.covers(&context.issuers) {
            return Err(WelcomeRefused::ForeignIssuer);
        }
        let mut organizers = context.organizers.keys().iter();
        if !organizers.any(|key| fingerprint(key) == *self.root_fingerprint) {
            return Err(WelcomeRefused::WrongOrganizer);
        }
        Ok(context)
    }

    /// Every member's statement, but its expiry: it was judged when the member was admitted, and organizers
    /// remove the expired.
    fn check_members(&self, mls: &MlsGroup, context: &SessionContext) -> Result<Roster, WelcomeRefused> {
        let mut roster = Roster::default();
        for index in mls.members().map(|member| member.index) {
            let leaf =
                leaf_index(index).ok_or(RuleViolation::TooManyMembers(context.profile.members_max()))?;
            let node = mls.public_group().leaf(index).ok_or(WelcomeRefused::Library)?;
            let entry = verify_leaf(node, context, self.session)?;
            if roster.has_media_key(&entry.media_key) {
                return Err(RuleViolation::MediaKeyNotFresh.into());
            }
            roster.insert(leaf, entry);
        }
        check_size(context.profile, roster.len(), 0, 0)?;
        check_organizers(context, |key| roster.by_key(key).map(|(_, entry)| entry))?;
        Ok(roster)
    }

    fn check_own_leaf(
        &self,
        mls: &MlsGroup,
        roster: &Roster,
        now: UnixSeconds,
    ) -> Result<LeafIndex, WelcomeRefused> {
        let leaf = leaf_index(mls.own_leaf_index()).ok_or(WelcomeRefused::OwnLeaf)?;
        let own = roster.get(leaf).ok_or(WelcomeRefused::OwnLeaf)?;
        let sent = (self.identity.public_key(), self.media_key.verifying_key().to_bytes());
        if (own.key, own.media_key) != sent {
            return Err(WelcomeRefused::OwnLeaf);
        }
        own.statement.check_time(now).map_err(RuleViolation::from)?;
        Ok(leaf)
    }
}

fn parse(welcome: &[u8], profile: GroupProfile) -> Result<Welcome, WelcomeRefused> {
    if welcome.len() > WELCOME_BYTES_MAX {
        return Err(WelcomeRefused::TooLarge);
    }
    // Before MLS looks at it: then the key package is not used up.
    if let Some((WELCOME_HEAD, rest)) = welcome.split_first_chunk::<4>()
        && rest.first_chunk::<2>() != Some(&profile.suite().to_be_bytes())
    {
        return Err(WelcomeRefused::OtherSuite);
    }
    let message = MlsMessageIn::tls_deserialize_exact(welcome).map_err(|_| WelcomeRefused::Malformed)?;
    let MlsMessageBodyIn::Welcome(welcome) = message.extract() else {
        return Err(WelcomeRefused::Malformed);
    };
    Ok(welcome)
}

fn stage(provider: &Provider, welcome: Welcome) -> Result<StagedWelcome, WelcomeRefused> {
    let builder =
        StagedWelcome::build_from_welcome(provider, &join_config(), welcome).map_err(|e| refusal(&e))?;
    if !builder.processed_welcome().psks().is_empty() {
        return Err(WelcomeRefused::ForeignContents);
    }
    // Statements expire, not leaves: see `lifetime`.
    builder.skip_lifetime_validation().build().map_err(|error| refusal(&error))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other reason is the sender's fault alike")]
fn refusal<E>(error: &WelcomeError<E>) -> WelcomeRefused {
    match error {
        WelcomeError::NoMatchingKeyPackage | WelcomeError::JoinerSecretNotFound => WelcomeRefused::NotForUs,
        WelcomeError::StorageError(_) | WelcomeError::LibraryError(_) => WelcomeRefused::Library,
        _ => WelcomeRefused::Invalid,
    }
}

use super::{Applicant, Group, JoinRequestRefused, new_media_key};
use crate::commit_data::{CommitData, CommitReason};
use crate::extensions::{Organizers, SessionContext, leaf_extensions};
use crate::identity::{IdentityError, MemberIdentity};
use crate::invitation::InvitationId;
use crate::rules::{Before, Changes, RuleViolation};
use crate::{LeafIndex, Role, UnixSeconds};
use ed25519_dalek::SigningKey;
use isi_wire::limits::{LOG_ITEM_BYTES_MAX, WELCOME_BYTES_MAX, WELCOMES_PER_COMMIT_MAX};
use openmls::group::CommitMessageBundle;
use openmls::prelude::{KeyPackage, LeafNodeIndex, LeafNodeParameters};
use openmls_traits::OpenMlsProvider as _;
use std::sync::Arc;

/// A commit that is ready for upload. It changes nothing before it comes back from the log.
#[derive(Clone, PartialEq, Eq)]
pub struct Staged {
    /// The commit, for everyone.
    pub commit: Vec<u8>,
    /// The Welcome, one for all whom the commit adds: each finds its own secrets in it.
    pub welcome: Option<Vec<u8>>,
}

/// Why no commit was staged; the group is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StageError {
    /// There is one already.
    #[error("a commit is staged already; wait for it in the log or discard it")]
    AlreadyStaged,
    /// One was removed.
    #[error("no longer a member of the session; ask to be let in again")]
    Evicted,
    /// Nobody to admit or remove was named.
    #[error("name at least one member or applicant")]
    Nobody,
    /// The leaf is blank.
    #[error("leaf {} is no member of this epoch", .0.0)]
    NoSuchMember(LeafIndex),
    /// One cannot remove oneself.
    #[error("a commit cannot remove its maker; send a leave proposal")]
    CannotRemoveSelf,
    /// More than [`WELCOMES_PER_COMMIT_MAX`] applicants, or more bytes than a log item or a Welcome may have.
    #[error("the commit or its Welcome does not fit into one log item; admit fewer at once")]
    TooLarge,
    /// An applicant cannot come in now, or not together with the others.
    #[error("an applicant cannot be admitted: {0}")]
    Applicant(#[from] JoinRequestRefused),
    /// A new statement that does not fit this member.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The commit would break the session's rules.
    #[error(transparent)]
    Refused(#[from] RuleViolation),
    /// The MLS library refused or failed.
    #[error("the MLS library refused the change")]
    Library,
}

/// One's own commit on its way through the log.
pub(super) struct StagedCommit {
    pub(super) commit: Vec<u8>,
    pub(super) changes: Changes,
    pub(super) media_key: Option<SigningKey>,
    pub(super) identity: Option<Arc<MemberIdentity>>,
}

/// What a commit shall do.
#[derive(Default)]
pub(super) struct Plan {
    adds: Vec<KeyPackage>,
    invitations: Vec<InvitationId>,
    removes: Vec<LeafIndex>,
    organizers: Option<Organizers>,
    identity: Option<Arc<MemberIdentity>>,
}

impl Plan {
    /// The committer's new statement.
    pub(super) fn renewal(identity: MemberIdentity) -> Self {
        Self { identity: Some(Arc::new(identity)), ..Self::default() }
    }
}

impl Group {
    /// Stages a commit that lets applicants in, at most [`WELCOMES_PER_COMMIT_MAX`]. `now` becomes the stated
    /// time that everybody judges their statements by. A person that is in already is swapped: its old leaf goes by
    /// the same commit, and it stays an organizer only if its key is the same.
    ///
    /// # Errors
    /// See [`StageError`].
    pub fn admit(&mut self, applicants: &[Applicant], now: UnixSeconds) -> Result<Staged, StageError> {
        if applicants.is_empty() {
            return Err(StageError::Nobody);
        }
        if applicants.len() > WELCOMES_PER_COMMIT_MAX {
            return Err(StageError::TooLarge);
        }
        self.judge(applicants, now).into_iter().collect::<Result<(), _>>()?;
        let leaves = applicants.iter().flat_map(|applicant| self.roster.by_subject(applicant.subject()));
        let removes: Vec<_> = leaves.copied().collect();
        // Who comes again with its key stays what it was, if its statement still allows it.
        let returns = |key: &[u8; 32]| {
            applicants
                .iter()
                .any(|applicant| applicant.entry.key == *key && applicant.role() == Role::Organizer)
        };
        let organizers = self.organizers_without(&removes, returns)?;
        let plan = Plan {
            adds: applicants.iter().map(|applicant| applicant.key_package.clone()).collect(),
            invitations: applicants.iter().map(Applicant::invitation).collect(),
            removes,
            organizers,
            identity: None,
        };
        let staged = self.stage(plan, CommitReason::Admit, now)?;
        let welcome_bytes = staged.welcome.as_ref().ok_or(StageError::Library)?.len();
        if welcome_bytes > WELCOME_BYTES_MAX {
            self.discard_staged();
            return Err(StageError::TooLarge);
        }
        Ok(staged)
    }

    /// Stages a commit that removes members, and takes them off the list of organizers. It states as its reason
    /// [`CommitReason::Expired`] when the statements of all of them are over.
    ///
    /// # Errors
    /// See [`StageError`].
    pub fn remove(&mut self, leaves: &[LeafIndex], now: UnixSeconds) -> Result<Staged, StageError> {
        if leaves.is_empty() {
            return Err(StageError::Nobody);
        }
        if leaves.contains(&self.own_leaf) {
            return Err(StageError::CannotRemoveSelf);
        }
        let mut removes = leaves.to_vec();
        removes.sort_unstable();
        removes.dedup();
        let organizers = self.organizers_without(&removes, |_| false)?;
        let expired = self.expired(now);
        let all_expired = removes.iter().all(|leaf| expired.contains(leaf));
        let reason = if all_expired { CommitReason::Expired } else { CommitReason::Remove };
        let plan = Plan { removes, organizers, ..Plan::default() };
        self.stage(plan, reason, now)
    }

    /// Stages an empty commit that gives oneself fresh keys, the media key included.
    ///
    /// # Errors
    /// See [`StageError`].
    pub fn rotate(&mut self, now: UnixSeconds) -> Result<Staged, StageError> {
        self.stage(Plan::default(), CommitReason::Rotate, now)
    }

    /// Stages a commit that makes exactly these members organizers, the first of them the root, whose
    /// fingerprint is in later invitations.
    ///
    /// # Errors
    /// See [`StageError`].
    pub fn set_organizers(&mut self, leaves: &[LeafIndex], now: UnixSeconds) -> Result<Staged, StageError> {
        let mut keys = Vec::new();
        for leaf in leaves {
            keys.push(self.roster.get(*leaf).ok_or(StageError::NoSuchMember(*leaf))?.key);
        }
        let organizers = Organizers::new(keys).map_err(|_| RuleViolation::BadContext)?;
        let plan = Plan { organizers: Some(organizers), ..Plan::default() };
        self.stage(plan, CommitReason::Organizers, now)
    }

    /// Forgets the staged commit. Only when the relay refused it: a commit that is in the log already moves
    /// everybody else, and its maker could not follow without what is forgotten here.
    pub fn discard_staged(&mut self) {
        self.staged = None;
        // Our store does not fail on what it does not keep.
        let _ = self.mls.clear_pending_commit(self.provider.storage());
    }

    /// The list without those who go, but for the keys that come again; `None` when it stays as it is.
    fn organizers_without(
        &self,
        removes: &[LeafIndex],
        returns: impl Fn(&[u8; 32]) -> bool,
    ) -> Result<Option<Organizers>, StageError> {
        let mut keys = self.context.organizers.keys().to_vec();
        for leaf in removes {
            let removed = self.roster.get(*leaf).ok_or(StageError::NoSuchMember(*leaf))?.key;
            keys.retain(|key| *key != removed || returns(key));
        }
        if keys.len() == self.context.organizers.keys().len() {
            return Ok(None);
        }
        Ok(Some(Organizers::new(keys).map_err(|_| RuleViolation::BadContext)?))
    }

    pub(super) fn stage(
        &mut self,
        plan: Plan,
        reason: CommitReason,
        now: UnixSeconds,
    ) -> Result<Staged, StageError> {
        if !self.mls.is_active() {
            return Err(StageError::Evicted);
        }
        if self.staged.is_some() {
            return Err(StageError::AlreadyStaged);
        }
        let add_only = !plan.adds.is_empty() && plan.removes.is_empty() && plan.organizers.is_none();
        let media_key = (!add_only).then(new_media_key);
        let data = CommitData { stated_at: now, reason, invitations: plan.invitations.clone() };
        self.mls.set_aad(data.encode());
        let identity = plan.identity.clone();
        let bundle = self.build(plan, media_key.as_ref());
        self.mls.set_aad(Vec::new());
        let judged = bundle.and_then(|bundle| self.keep(bundle, data, media_key, identity));
        if judged.is_err() {
            self.discard_staged();
        }
        judged
    }

    /// Judges one's own commit by the rules that everybody else will judge it by.
    fn keep(
        &mut self,
        bundle: CommitMessageBundle,
        data: CommitData,
        media_key: Option<SigningKey>,
        identity: Option<Arc<MemberIdentity>>,
    ) -> Result<Staged, StageError> {
        let pending = self.mls.pending_commit().ok_or(StageError::Library)?;
        let changes = self.before().judge(self.own_leaf, &data.encode(), pending)?;
        let (commit, welcome, _) = bundle.into_messages();
        let commit = commit.to_bytes().map_err(|_| StageError::Library)?;
        let welcome =
            welcome.map(|welcome| welcome.to_bytes()).transpose().map_err(|_| StageError::Library)?;
        if commit.len() > LOG_ITEM_BYTES_MAX {
            return Err(StageError::TooLarge);
        }
        self.staged = Some(StagedCommit { commit: commit.clone(), changes, media_key, identity });
        Ok(Staged { commit, welcome })
    }

    pub(super) fn before(&self) -> Before<'_> {
        Before { session: self.session, context: &self.context, roster: &self.roster }
    }

    fn build(
        &mut self,
        plan: Plan,
        media_key: Option<&SigningKey>,
    ) -> Result<CommitMessageBundle, StageError> {
        let mut builder = self
            .mls
            .commit_builder()
            .consume_proposal_store(false)
            .propose_adds(plan.adds)
            .propose_removals(plan.removes.iter().map(|leaf| LeafNodeIndex::new(u32::from(leaf.0))));
        if let Some(organizers) = plan.organizers {
            let context = SessionContext { organizers, ..self.context.clone() };
            let extensions = context.to_extensions().map_err(|_| StageError::Library)?;
            builder =
                builder.propose_group_context_extensions(extensions).map_err(|_| StageError::Library)?;
        }
        if let Some(media_key) = media_key {
            let extensions = leaf_extensions(&media_key.verifying_key().to_bytes());
            let extensions = extensions.map_err(|_| StageError::Library)?;
            let mut leaf = LeafNodeParameters::builder().with_extensions(extensions);
            if let Some(identity) = plan.identity {
                leaf = leaf.with_credential_with_key(identity.credential());
            }
            builder = builder.leaf_node_parameters(leaf.build());
        }
        builder
            .load_psks(self.provider.storage())
            .map_err(|_| StageError::Library)?
            .create_group_info(false)
            .build(self.provider.rand(), self.provider.crypto(), &*self.identity, |_| true)
            .map_err(|_| StageError::Library)?
            .stage_commit(&self.provider)
            .map_err(|_| StageError::Library)
    }
}

impl std::fmt::Debug for Staged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staged")
            .field("commit_bytes", &self.commit.len())
            .field("welcome_bytes", &self.welcome.as_ref().map(Vec::len))
            .finish()
    }
}

//! The closed table that every commit has to pass before it is merged, one's own included.
//!
//! MLS itself lets any member commit anything. What is not in the table is refused, so that a new kind of
//! proposal in a later OpenMLS cannot slip in.

use crate::commit_data::CommitData;
use crate::extensions::{STATEMENT_CREDENTIAL, SessionContext, capabilities, media_key};
use crate::roster::{Entry, Roster};
use crate::statement::{Statement, StatementError};
use crate::{GroupProfile, LeafIndex, Role, UnixSeconds};
use isi_wire::SessionId;
use openmls::group::StagedCommit;
use openmls::prelude::{AddProposal, KeyPackage, LeafNode, LeafNodeIndex, Proposal};

/// What a commit or proposal does to the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProposalKind {
    /// Lets somebody in.
    Add,
    /// Removes another member.
    RemoveOther,
    /// Asks for one's own removal.
    RemoveOwn,
    /// Changes the GroupContext extensions.
    ContextExtensions,
    /// Fresh keys for the committer.
    Path,
    /// Fresh keys for somebody who does not commit.
    Update,
    /// Mixes in a pre-shared key.
    PreSharedKey,
    /// Ends the group for another.
    ReInit,
    /// Joins without being admitted.
    ExternalInit,
    /// Any other type.
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Organizer,
    AnyMember,
    Nobody,
}

/// What, who may commit it, who may propose it in a message of its own.
///
/// A commit carries its proposals itself. Proposals by reference are refused: a member that the relay gave
/// the commit but not the proposal could not follow.
const TABLE: [(ProposalKind, Who, Who); 10] = [
    (ProposalKind::Add, Who::Organizer, Who::Nobody),
    (ProposalKind::RemoveOther, Who::Organizer, Who::Nobody),
    (ProposalKind::RemoveOwn, Who::Nobody, Who::AnyMember),
    (ProposalKind::ContextExtensions, Who::Organizer, Who::Nobody),
    (ProposalKind::Path, Who::AnyMember, Who::Nobody),
    (ProposalKind::Update, Who::Nobody, Who::Nobody),
    (ProposalKind::PreSharedKey, Who::Nobody, Who::Nobody),
    (ProposalKind::ReInit, Who::Nobody, Who::Nobody),
    (ProposalKind::ExternalInit, Who::Nobody, Who::Nobody),
    (ProposalKind::Other, Who::Nobody, Who::Nobody),
];

/// Why a commit, proposal or key package breaks the session's rules. Whoever made it is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleViolation {
    /// Nobody may do this.
    #[error("{0:?} is not allowed in a session")]
    Forbidden(ProposalKind),
    /// Only organizers may do this.
    #[error("only an organizer may commit {0:?}")]
    NeedsOrganizer(ProposalKind),
    /// The commit refers to a proposal that it does not carry.
    #[error("a commit must carry its proposals itself")]
    ByReference,
    /// The authenticated data is not version, time, reason and invitations.
    #[error("the commit does not state its time")]
    NoStatedTime,
    /// The authenticated data does not name one invitation per newcomer.
    #[error("the commit does not say by which invitation each newcomer comes")]
    InvitationsUnnamed,
    /// The sender is not a member of the current epoch.
    #[error("the committer is not a member")]
    UnknownCommitter,
    /// The credential is not a statement.
    #[error("the member's credential is not a statement of an account service")]
    ForeignCredential,
    /// The statement proves nothing.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// Capabilities or leaf extensions are not exactly a session's, or the media key is no valid key.
    #[error("the member's leaf is not made for a session of this version")]
    BadLeaf,
    /// A key package with extensions, or with a lifetime that each member's own clock would judge.
    #[error("the key package is not made for a session of this version")]
    BadKeyPackage,
    /// GroupContext extensions are not exactly ours, or malformed.
    #[error("the session's group extensions are malformed or of a foreign type")]
    BadContext,
    /// Issuer keys, version or suite would change.
    #[error("the issuer keys of a session cannot be changed")]
    ParametersChanged,
    /// A listed organizer is not in the group after the commit.
    #[error("the list of organizers names somebody who is not a member")]
    OrganizerNotAMember,
    /// A listed organizer's statement does not allow the role.
    #[error("the list of organizers names a member whose statement does not allow it")]
    OrganizerRole,
    /// An update path for another leaf signature key.
    #[error("an update must keep the member's signature key")]
    PathKey,
    /// An update path for another person.
    #[error("an update must keep the member's subject")]
    PathSubject,
    /// The media key is another member's, or the one before.
    #[error("the media key is not fresh")]
    MediaKeyNotFresh,
    /// More than this many members, see [`GroupProfile::members_max`].
    #[error("a session of this kind has at most {0} members; remove somebody, or make another session")]
    TooManyMembers(usize),
}

/// The group before a commit.
pub(crate) struct Before<'a> {
    pub(crate) session: SessionId,
    pub(crate) context: &'a SessionContext,
    pub(crate) roster: &'a Roster,
}

/// What a commit that passed changes.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    pub(crate) committer: LeafIndex,
    pub(crate) data: CommitData,
    pub(crate) added: Vec<Entry>,
    pub(crate) removed: Vec<LeafIndex>,
    pub(crate) path: Option<Entry>,
    pub(crate) context: SessionContext,
}

impl Before<'_> {
    /// Judges a commit. Depends on nothing but the group and the commit, so all members come to one result.
    pub(crate) fn judge(
        &self,
        committer: LeafIndex,
        aad: &[u8],
        commit: &StagedCommit,
    ) -> Result<Changes, RuleViolation> {
        let sender = self.roster.get(committer).ok_or(RuleViolation::UnknownCommitter)?;
        let data = CommitData::decode(aad).map_err(|_| RuleViolation::NoStatedTime)?;
        let stated_at = data.stated_at;
        let mut changes = Changes {
            committer,
            data,
            added: Vec::new(),
            removed: Vec::new(),
            path: None,
            context: self.context.clone(),
        };
        let is_organizer = self.context.organizers.contains(&sender.key);
        for queued in commit.queued_proposals() {
            check_committer(kind_of(queued.proposal(), committer), is_organizer)?;
            self.apply(queued.proposal(), &mut changes)?;
        }
        if let Some(leaf) = commit.update_path_leaf_node() {
            check_committer(ProposalKind::Path, is_organizer)?;
            changes.path = Some(self.judge_path(leaf, sender, stated_at)?);
        }
        changes.context = self.judge_result(commit, &changes)?;
        Ok(changes)
    }

    /// Judges a key package that is added, at the time the commit states.
    fn judge_key_package(&self, key_package: &KeyPackage, at: UnixSeconds) -> Result<Entry, RuleViolation> {
        let entry = self.read_key_package(key_package)?;
        self.judge_newcomer(&entry, at)?;
        Ok(entry)
    }

    /// What holds for a key package at any time. It costs two signature checks: do it once.
    pub(crate) fn read_key_package(&self, key_package: &KeyPackage) -> Result<Entry, RuleViolation> {
        let lifetime = key_package.life_time();
        let unlimited = (lifetime.not_before(), lifetime.not_after()) == (0, u64::MAX);
        if !unlimited || key_package.extensions().iter().next().is_some() {
            return Err(RuleViolation::BadKeyPackage);
        }
        verify_leaf(key_package.leaf_node(), self.context, self.session)
    }

    /// What depends on the time and on who is in.
    pub(crate) fn judge_newcomer(&self, entry: &Entry, at: UnixSeconds) -> Result<(), RuleViolation> {
        entry.statement.check_time(at)?;
        if self.roster.has_media_key(&entry.media_key) {
            return Err(RuleViolation::MediaKeyNotFresh);
        }
        Ok(())
    }

    fn apply(&self, proposal: &Proposal, changes: &mut Changes) -> Result<(), RuleViolation> {
        if let Proposal::Add(add) = proposal {
            let entry = self.judge_key_package(AddProposal::key_package(add), changes.data.stated_at)?;
            // At most a few hundred.
            if changes.added.iter().any(|other| other.media_key == entry.media_key) {
                return Err(RuleViolation::MediaKeyNotFresh);
            }
            changes.added.push(entry);
        } else if let Proposal::Remove(remove) = proposal {
            changes.removed.push(leaf_index(remove.removed()).ok_or(self.too_many())?);
        }
        Ok(())
    }

    fn judge_path(
        &self,
        leaf: &LeafNode,
        before: &Entry,
        stated_at: UnixSeconds,
    ) -> Result<Entry, RuleViolation> {
        if leaf.signature_key().as_slice() != before.key {
            return Err(RuleViolation::PathKey);
        }
        let entry = verify_leaf(leaf, self.context, self.session)?;
        if entry.statement.subject != before.statement.subject {
            return Err(RuleViolation::PathSubject);
        }
        // The statement that a member was admitted with may be over: organizers remove the expired. A new one may not.
        if entry.statement != before.statement {
            entry.statement.check_time(stated_at)?;
        }
        if self.roster.has_media_key(&entry.media_key) {
            return Err(RuleViolation::MediaKeyNotFresh);
        }
        Ok(entry)
    }

    /// Judges the group as it would be afterwards.
    fn judge_result(
        &self,
        commit: &StagedCommit,
        changes: &Changes,
    ) -> Result<SessionContext, RuleViolation> {
        let after = SessionContext::from_extensions(commit.group_context().extensions())
            .map_err(|_| RuleViolation::BadContext)?;
        if (&after.issuers, after.profile) != (&self.context.issuers, self.context.profile) {
            return Err(RuleViolation::ParametersChanged);
        }
        if changes.data.invitations.len() != changes.added.len() {
            return Err(RuleViolation::InvitationsUnnamed);
        }
        check_size(self.context.profile, self.roster.len(), changes.added.len(), changes.removed.len())?;
        check_organizers(&after, |key| self.entry_after(changes, key))?;
        Ok(after)
    }

    const fn too_many(&self) -> RuleViolation {
        RuleViolation::TooManyMembers(self.context.profile.members_max())
    }

    fn entry_after<'a>(&'a self, changes: &'a Changes, key: &[u8; 32]) -> Option<&'a Entry> {
        let added = changes.added.iter().chain(&changes.path).find(|entry| entry.key == *key);
        let stayed = || self.roster.by_key(key).filter(|(leaf, _)| !changes.removed.contains(leaf));
        added.or_else(|| stayed().map(|(_, entry)| entry))
    }
}

pub(crate) const fn check_size(
    profile: GroupProfile,
    before: usize,
    added: usize,
    removed: usize,
) -> Result<(), RuleViolation> {
    let max = profile.members_max();
    if (before + added).saturating_sub(removed) > max {
        return Err(RuleViolation::TooManyMembers(max));
    }
    Ok(())
}

/// Every listed organizer is a member, and one whose statement allows it.
pub(crate) fn check_organizers<'a>(
    context: &SessionContext,
    entry_of: impl Fn(&[u8; 32]) -> Option<&'a Entry>,
) -> Result<(), RuleViolation> {
    for key in context.organizers.keys() {
        let entry = entry_of(key).ok_or(RuleViolation::OrganizerNotAMember)?;
        if entry.statement.role != Role::Organizer {
            return Err(RuleViolation::OrganizerRole);
        }
    }
    Ok(())
}

/// Checks what holds for a leaf at any time; its statement's expiry is judged at admission only.
pub(crate) fn verify_leaf(
    leaf: &LeafNode,
    context: &SessionContext,
    session: SessionId,
) -> Result<Entry, RuleViolation> {
    let credential = leaf.credential();
    if credential.credential_type() != STATEMENT_CREDENTIAL {
        return Err(RuleViolation::ForeignCredential);
    }
    let key = leaf.signature_key().as_slice();
    let statement = Statement::verify(credential.serialized_content(), &context.issuers, session, key)?;
    if *leaf.capabilities() != capabilities(context.profile) {
        return Err(RuleViolation::BadLeaf);
    }
    let media_key = media_key(leaf).map_err(|_| RuleViolation::BadLeaf)?;
    let key = key.try_into().map_err(|_| RuleViolation::BadLeaf)?;
    Ok(Entry { key, media_key, statement })
}

/// The only proposal that travels alone is one's own remove.
pub(crate) fn check_proposal(proposal: &Proposal, sender: LeafIndex) -> Result<(), RuleViolation> {
    let kind = kind_of(proposal, sender);
    let (_, _, alone) = row(kind)?;
    if alone == Who::AnyMember { Ok(()) } else { Err(RuleViolation::Forbidden(kind)) }
}

/// A leaf as the session numbers it. Leaves are given out from the left and members are bounded, so a
/// larger index is none that a member may have.
pub(crate) fn leaf_index(leaf: LeafNodeIndex) -> Option<LeafIndex> {
    u16::try_from(leaf.u32()).ok().map(LeafIndex)
}

fn check_committer(kind: ProposalKind, is_organizer: bool) -> Result<(), RuleViolation> {
    match row(kind)? {
        (_, Who::AnyMember, _) => Ok(()),
        (_, Who::Organizer, _) if is_organizer => Ok(()),
        (_, Who::Organizer, _) => Err(RuleViolation::NeedsOrganizer(kind)),
        (_, Who::Nobody, _) => Err(RuleViolation::Forbidden(kind)),
    }
}

fn row(kind: ProposalKind) -> Result<(ProposalKind, Who, Who), RuleViolation> {
    TABLE.into_iter().find(|(listed, ..)| *listed == kind).ok_or(RuleViolation::Forbidden(kind))
}

fn kind_of(proposal: &Proposal, sender: LeafIndex) -> ProposalKind {
    match proposal {
        Proposal::Add(_) => ProposalKind::Add,
        Proposal::Remove(remove) if leaf_index(remove.removed()) == Some(sender) => ProposalKind::RemoveOwn,
        Proposal::Remove(_) => ProposalKind::RemoveOther,
        Proposal::GroupContextExtensions(_) => ProposalKind::ContextExtensions,
        Proposal::Update(_) => ProposalKind::Update,
        Proposal::PreSharedKey(_) => ProposalKind::PreSharedKey,
        Proposal::ReInit(_) => ProposalKind::ReInit,
        Proposal::ExternalInit(_) => ProposalKind::ExternalInit,
        Proposal::SelfRemove | Proposal::Custom(_) => ProposalKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [ProposalKind; 10] = [
        ProposalKind::Add,
        ProposalKind::RemoveOther,
        ProposalKind::RemoveOwn,
        ProposalKind::ContextExtensions,
        ProposalKind::Path,
        ProposalKind::Update,
        ProposalKind::PreSharedKey,
        ProposalKind::ReInit,
        ProposalKind::ExternalInit,
        ProposalKind::Other,
    ];

    // OpenMLS itself refuses some of these before the table is asked; the table must not rely on that.
    #[test]
    fn members_commit_nothing_but_fresh_keys() {
        let organizers_do = [ProposalKind::Add, ProposalKind::RemoveOther, ProposalKind::ContextExtensions];
        for kind in ALL {
            let expected = if kind == ProposalKind::Path {
                Ok(())
            } else if organizers_do.contains(&kind) {
                Err(RuleViolation::NeedsOrganizer(kind))
            } else {
                Err(RuleViolation::Forbidden(kind))
            };
            assert_eq!(check_committer(kind, false), expected, "{kind:?}");
        }
    }

    #[test]
    fn organizers_also_add_remove_and_change_the_context() {
        let allowed = [
            ProposalKind::Add,
            ProposalKind::RemoveOther,
            ProposalKind::ContextExtensions,
            ProposalKind::Path,
        ];
        for kind in ALL {
            let expected = if allowed.contains(&kind) { Ok(()) } else { Err(RuleViolation::Forbidden(kind)) };
            assert_eq!(check_committer(kind, true), expected, "{kind:?}");
        }
    }

    #[test]
    fn one_row_for_every_kind_and_one_kind_that_travels_alone() {
        for kind in ALL {
            assert_eq!(TABLE.iter().filter(|(listed, ..)| *listed == kind).count(), 1, "{kind:?}");
        }
        let alone: Vec<_> = TABLE.iter().filter(|(_, _, alone)| *alone != Who::Nobody).collect();
        assert!(matches!(alone[..], [(ProposalKind::RemoveOwn, Who::Nobody, Who::AnyMember)]));
    }

    #[test]
    fn a_session_has_a_size() {
        for profile in [GroupProfile::Classic, GroupProfile::PostQuantum] {
            let full = profile.members_max();
            assert_eq!(check_size(profile, full - 1, 1, 0), Ok(()));
            assert_eq!(check_size(profile, full, 1, 0), Err(RuleViolation::TooManyMembers(full)));
            assert_eq!(check_size(profile, full, 1, 1), Ok(()));
        }
    }
}

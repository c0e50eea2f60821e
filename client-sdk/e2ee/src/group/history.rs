use super::Group;
use crate::codes::SessionCode;
use crate::rules::Changes;
use crate::{LeafIndex, MemberIdentity};
use openmls::prelude::LeafNodeIndex;
use std::collections::VecDeque;
use zeroize::Zeroizing;

/// Epochs that are remembered, for codes and the session record. Beyond it the oldest is forgotten.
pub const EPOCHS_REMEMBERED_MAX: usize = 32;
/// Newest epochs whose code can still be shown: somebody reads one out while the membership changes.
pub const SESSION_CODES_MAX: usize = 8;

/// What a member has seen of one epoch. Nothing in it opens anything.
pub(crate) struct EpochSeen {
    pub(crate) epoch: u64,
    /// RFC 9420 section 8.2: the same for all who followed the same commits from the group's beginning on.
    pub(crate) transcript: Vec<u8>,
    /// Leaf signature keys.
    pub(crate) organizers: Vec<[u8; 32]>,
    /// `None` for the epoch in which this member came: it did not see the commit that led there.
    pub(crate) change: Option<SeenChange>,
    authenticator: Zeroizing<Vec<u8>>,
}

/// What the commit did that led to an epoch.
#[derive(Clone)]
pub(crate) struct SeenChange {
    /// Its leaf signature key.
    pub(crate) committer: [u8; 32],
    /// Subjects.
    pub(crate) joined: Vec<String>,
    /// Subjects.
    pub(crate) gone: Vec<String>,
    pub(crate) other_organizers: bool,
}

/// The newest epochs, the oldest first.
#[derive(Default)]
pub(super) struct History(VecDeque<EpochSeen>);

impl Group {
    /// The codes of the newest epochs, the newest first, at most [`SESSION_CODES_MAX`]: what somebody else may be
    /// reading out while this member has moved on. A millisecond's work each.
    #[must_use]
    pub fn session_codes(&self) -> Vec<SessionCode> {
        let newest = self.history.0.iter().rev().take(SESSION_CODES_MAX);
        newest.map(|seen| SessionCode::new(seen.epoch, &seen.authenticator)).collect()
    }

    pub(crate) fn seen(&self, epoch: u64) -> Option<&EpochSeen> {
        self.history.0.iter().rev().find(|seen| seen.epoch == epoch)
    }

    pub(crate) fn newest_seen(&self) -> Option<&EpochSeen> {
        self.history.0.back()
    }

    pub(crate) fn identity(&self) -> &MemberIdentity {
        &self.identity
    }

    /// Leaf signature key and subject of a member.
    pub(crate) fn key_and_subject(&self, leaf: LeafIndex) -> Option<([u8; 32], &str)> {
        self.roster.get(leaf).map(|entry| (entry.key, entry.statement.subject.as_str()))
    }

    /// The statement about a member as it stands in its leaf.
    pub(crate) fn statement_of(&self, leaf: LeafIndex) -> Option<&[u8]> {
        let node = self.mls.public_group().leaf(LeafNodeIndex::new(u32::from(leaf.0)))?;
        Some(node.credential().serialized_content())
    }

    /// What a commit does, in words of the epoch before it: to be called before it is followed.
    pub(super) fn describe(&self, changes: &Changes) -> Option<SeenChange> {
        let subject = |leaf| self.roster.get(leaf).map(|entry| entry.statement.subject.clone());
        Some(SeenChange {
            committer: self.roster.get(changes.committer)?.key,
            joined: changes.added.iter().map(|entry| entry.statement.subject.clone()).collect(),
            gone: changes.removed.iter().filter_map(|leaf| subject(*leaf)).collect(),
            other_organizers: changes.context.organizers != self.context.organizers,
        })
    }

    /// Remembers the epoch just entered.
    pub(super) fn remember(&mut self, change: Option<SeenChange>) {
        if self.history.0.len() == EPOCHS_REMEMBERED_MAX {
            self.history.0.pop_front();
        }
        self.history.0.push_back(EpochSeen {
            epoch: self.epoch(),
            transcript: self.mls.public_group().group_context().confirmed_transcript_hash().to_vec(),
            organizers: self.context.organizers.keys().to_vec(),
            change,
            authenticator: Zeroizing::new(self.mls.epoch_authenticator().as_slice().to_vec()),
        });
    }
}

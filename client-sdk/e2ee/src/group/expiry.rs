use super::stage::Plan;
use super::{EpochChange, Group, StageError, Staged};
use crate::commit_data::CommitReason;
use crate::statement::CLOCK_SKEW_SECONDS_MAX;
use crate::{LeafIndex, UnixSeconds};

impl Group {
    /// Whose statements are over at `now`, oneself among them. A member is not out by that: organizers remove it, and that
    /// commit is what everybody goes by.
    #[must_use]
    pub fn expired(&self, now: UnixSeconds) -> Vec<LeafIndex> {
        let is_over = |(leaf, entry): (LeafIndex, &crate::roster::Entry)| {
            entry.statement.check_expiry(now).is_err().then_some(leaf)
        };
        self.roster.iter().filter_map(is_over).collect()
    }

    /// When the first of the others' statements is over, of those that are not at `now`.
    #[must_use]
    pub fn next_expiry(&self, now: UnixSeconds) -> Option<UnixSeconds> {
        let others = self.roster.iter().filter(|(leaf, _)| *leaf != self.own_leaf);
        others.map(|(_, entry)| entry.statement.expires_at).filter(|at| *at > now).min()
    }

    /// When one's own statement is over. [`renew`](Self::renew) it before.
    #[must_use]
    pub fn own_expiry(&self) -> Option<UnixSeconds> {
        self.roster.get(self.own_leaf).map(|own| own.statement.expires_at)
    }

    /// Stages a commit that puts a new statement of the account service into one's leaf, with fresh keys. It is about the
    /// same person, session and leaf signature key; its role may differ, but a listed organizer's stays organizer.
    ///
    /// # Errors
    /// [`StageError::Identity`] or [`StageError::Refused`] for a statement that does not fit, as for
    /// [`rotate`](Self::rotate) otherwise.
    pub fn renew(&mut self, statement_jws: String, now: UnixSeconds) -> Result<Staged, StageError> {
        let plan = Plan::renewal(self.identity.renewed(statement_jws)?);
        self.stage(plan, CommitReason::Rotate, now)
    }
}

impl EpochChange {
    /// By how many seconds the committer's clock is ahead of one's own (below zero: behind), if by more than
    /// [`CLOCK_SKEW_SECONDS_MAX`].
    ///
    /// A warning, never a reason to refuse: members whose clocks differ would come to different groups. A commit that was
    /// delivered late looks like one of a clock that is behind.
    #[must_use]
    pub fn clock_skew(&self, now: UnixSeconds) -> Option<i64> {
        let ahead = i128::from(self.stated_at.0) - i128::from(now.0);
        let is_wide = ahead.unsigned_abs() > u128::from(CLOCK_SKEW_SECONDS_MAX);
        is_wide.then(|| i64::try_from(ahead).unwrap_or(if ahead > 0 { i64::MAX } else { i64::MIN }))
    }
}

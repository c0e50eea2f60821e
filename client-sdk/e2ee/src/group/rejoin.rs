use super::Group;
use crate::UnixSeconds;
use crate::invitation::Invitation;
use crate::pending::{PendingError, PendingMember};
use std::sync::Arc;

/// Why this member cannot ask to be let in again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RejoinError {
    /// It came in without an invitation, and knows none that is open.
    #[error("no invitation to come back with; ask an organizer for one")]
    NoInvitation,
    /// No request can be made.
    #[error(transparent)]
    Pending(#[from] PendingError),
}

impl Group {
    /// Asks to be let in again as the same person with the same key, because this view of the group is out of step. An
    /// organizer that admits it takes the old leaf out with the same commit. Without the invitation that one came by, an
    /// organizer uses one that all organizers know.
    ///
    /// # Errors
    /// See [`RejoinError`].
    pub fn rejoin(
        &self,
        came_by: Option<&Invitation>,
        now: UnixSeconds,
    ) -> Result<PendingMember, RejoinError> {
        let known = || self.lobby.invitations.open_to_all(now, |invitation| self.has_root_of(invitation));
        let invitation = came_by.or_else(known).ok_or(RejoinError::NoInvitation)?;
        let (identity, issuers) = (Arc::clone(&self.identity), self.context.issuers.clone());
        Ok(PendingMember::again(identity, self.session, issuers, invitation)?)
    }

    /// One's own commit that was uploaded and not merged, to be uploaded again where the relay has lost its log.
    #[must_use]
    pub fn staged_commit(&self) -> Option<&[u8]> {
        self.staged.as_ref().map(|staged| staged.commit.as_slice())
    }
}

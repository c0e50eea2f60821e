use super::{Evicted, Group, INVITATIONS_MAX, InvitationState, InviteOptions};
use crate::UnixSeconds;
use crate::encoding::Malformed;
use crate::identity::fingerprint;
use crate::invitation::{Invitation, InvitationId};
use zeroize::Zeroizing;

/// Why there is no invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// One is not in the list of organizers.
    #[error("only an organizer may invite")]
    NotAnOrganizer,
    /// [`INVITATIONS_MAX`] are open.
    #[error("{INVITATIONS_MAX} invitations are open; revoke one first")]
    TooMany,
    /// No use at all, more than [`INVITATION_USES_MAX`](crate::INVITATION_USES_MAX), or a subject that nobody has.
    #[error("an invitation is for 1 to {} uses and for a subject that exists", crate::INVITATION_USES_MAX)]
    Options,
    /// One was removed.
    #[error(transparent)]
    Evicted(#[from] Evicted),
}

impl Group {
    /// [`invite_with`](Self::invite_with) without limits.
    ///
    /// # Errors
    /// See [`InviteError`].
    pub fn invite(&mut self) -> Result<Invitation, InviteError> {
        self.invite_with(InviteOptions::default(), UnixSeconds(0))
    }

    /// A new invitation, in the name of the root organizer.
    ///
    /// # Errors
    /// See [`InviteError`].
    pub fn invite_with(
        &mut self,
        options: InviteOptions,
        now: UnixSeconds,
    ) -> Result<Invitation, InviteError> {
        if !self.is_active() {
            return Err(Evicted.into());
        }
        if !self.is_organizer() {
            return Err(InviteError::NotAnOrganizer);
        }
        if !options.is_sound() {
            return Err(InviteError::Options);
        }
        if self.lobby.invitations.open_count(now) >= INVITATIONS_MAX {
            return Err(InviteError::TooMany);
        }
        let invitation = Invitation::generate(
            self.session,
            fingerprint(self.context.organizers.root()),
            self.context.profile,
        );
        self.lobby.invitations.add(invitation.clone(), options, now);
        Ok(invitation)
    }

    /// Closes an invitation; its join requests are refused from now on. False if none has this id.
    pub fn revoke(&mut self, invitation: InvitationId) -> bool {
        self.lobby.invitations.revoke(invitation)
    }

    /// The invitations that are known here, the oldest first.
    #[must_use]
    pub fn invitations(&self, now: UnixSeconds) -> Vec<InvitationState> {
        self.lobby.invitations.list(now, |invitation| self.has_root_of(invitation))
    }

    /// What another organizer needs to go on with the invitations, or with one: lists for
    /// [`import_invitations`](Self::import_invitations), each at most 32 KiB. They hold the secrets: seal them for that
    /// organizer alone.
    #[must_use]
    pub fn export_invitations(&self, only: Option<InvitationId>) -> Vec<Zeroizing<Vec<u8>>> {
        self.lobby.invitations.export(only)
    }

    /// Adds what another organizer has exported; the caller knows that it is one. False, and nothing is taken, if the list
    /// is malformed or of another session.
    pub fn import_invitations(&mut self, list: &[u8], now: UnixSeconds) -> bool {
        let imported = self.lobby.invitations.import(list, self.session, now);
        imported.map_err(|Malformed| ()).is_ok()
    }
}

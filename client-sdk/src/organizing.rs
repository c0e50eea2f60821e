//! What organizers do with a session.

use crate::command::Command;
use crate::error::{ChangeError, Disconnected, InviteFailed, PolicyError, RevokeError};
use crate::options::AdmitPolicy;
use crate::{ApplicantId, MemberId, Session};
use isi_e2ee::{DenyReason, Invitation, InvitationId, InvitationState, InviteOptions};

impl Session {
    /// A new invitation without limits, for organizers. Whoever holds it may ask to be let in: pass it on privately.
    ///
    /// # Errors
    /// Any [`InviteFailed`].
    pub async fn invite(&self) -> Result<Invitation, InviteFailed> {
        self.invite_with(InviteOptions::default()).await
    }

    /// A new invitation with limits, for organizers: how many people, which person, until when. All organizers know them, and
    /// count together. Links name the root organizer: they end when it is none any more.
    ///
    /// # Errors
    /// Any [`InviteFailed`].
    pub async fn invite_with(&self, options: InviteOptions) -> Result<Invitation, InviteFailed> {
        self.call(|reply| Command::Invite { options, reply }).await
    }

    /// Takes an invitation back, for organizers: whoever asks by it from now on is told so. Who is in stays in.
    ///
    /// # Errors
    /// Any [`RevokeError`].
    pub async fn revoke_invitation(&self, id: InvitationId) -> Result<(), RevokeError> {
        self.call(|reply| Command::RevokeInvitation { id, reply }).await
    }

    /// The session's invitations, the oldest first; none for who does not organize. At most 256, with those that are over.
    ///
    /// # Errors
    /// [`Disconnected`] when the session is over.
    pub async fn invitations(&self) -> Result<Vec<InvitationState>, Disconnected> {
        self.ask(|reply| Command::Invitations { reply }).await
    }

    /// Admits those who asked, in one commit if they are not too many, and returns when they are members. Who cannot come in
    /// any more, by its invitation or its statement, is told so. A person that is in already comes in anew: its
    /// membership until now ends.
    ///
    /// # Errors
    /// Any [`ChangeError`].
    pub async fn admit(&self, applicants: Vec<ApplicantId>) -> Result<(), ChangeError> {
        self.call(|reply| Command::Admit { applicants, reply }).await
    }

    /// Tells applicants that they are not let in: their [`Session::join`] ends at once with
    /// [`JoinError::Denied`](crate::JoinError::Denied). They may ask again.
    ///
    /// # Errors
    /// [`ChangeError::NotAnOrganizer`], [`ChangeError::NotThere`] or [`ChangeError::Request`].
    pub async fn deny(&self, applicants: Vec<ApplicantId>, reason: DenyReason) -> Result<(), ChangeError> {
        self.call(|reply| Command::Deny { applicants, reason, reply }).await
    }

    /// Another policy for join requests, for organizers. It holds for all of them, and for those who wait already.
    ///
    /// # Errors
    /// Any [`PolicyError`].
    pub async fn set_admit_policy(&self, policy: AdmitPolicy) -> Result<(), PolicyError> {
        self.call(|reply| Command::SetPolicy { policy, reply }).await
    }

    /// Makes exactly these members the organizers, for organizers: 1 to 32, all with a statement that allows it, the first is
    /// the root organizer. New ones learn the invitations and the policy from the others. What a member's token allows
    /// at the relay is another matter: an organizer without the right `admit` there can change nothing.
    ///
    /// # Errors
    /// Any [`ChangeError`]; [`ChangeError::Group`] for a member whose statement does not allow it.
    pub async fn set_organizers(&self, members: Vec<MemberId>) -> Result<(), ChangeError> {
        self.call(|reply| Command::SetOrganizers { members, reply }).await
    }

    /// Makes a member the root organizer, for organizers; the others stay listed, this one too. Links made so far name the
    /// root organizer until now: they work as long as it stays an organizer.
    ///
    /// # Errors
    /// As [`set_organizers`](Self::set_organizers).
    pub async fn hand_over(&self, to: MemberId) -> Result<(), ChangeError> {
        self.call(|reply| Command::HandOver { to, reply }).await
    }
}

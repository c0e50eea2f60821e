use super::membership::{Change, Made, What};
use super::requests::{OnDone, Pending, answer, nobody};
use super::state::State;
use crate::clock::Clock;
use crate::command::Reply;
use crate::error::{ChangeError, InviteFailed, Refusal, RequestError, RevokeError};
use crate::event::Event;
use crate::limits::DEPART_MS_MAX;
use crate::options::LastOrganizer;
use crate::{MemberId, SessionMember};
use isi_e2ee::{Invitation, InvitationId, InviteOptions, MonotonicMs, Role};
use isi_wire::{Audience, ClientMessage, EntryKind, ParticipantId};

impl State {
    pub(super) fn invite(&mut self, options: InviteOptions, reply: Reply<Invitation, InviteFailed>) {
        let invited = self.group.invite_with(options, Clock::unix());
        if let Ok(invitation) = &invited {
            self.share_invitation(invitation.id());
        }
        let _ = reply.send(invited.map_err(Into::into));
    }

    pub(super) fn revoke_invitation(&mut self, id: InvitationId, reply: Reply<(), RevokeError>) {
        let result = if !self.group.is_organizer() {
            Err(RevokeError::NotAnOrganizer)
        } else if self.group.revoke(id) {
            self.share_invitation(id);
            Ok(())
        } else {
            Err(RevokeError::NotThere)
        };
        let _ = reply.send(result);
    }

    /// A commit that makes exactly these the organizers.
    pub(super) fn stage_organizers(&mut self, members: &[MemberId]) -> Result<Made, ChangeError> {
        if members.iter().any(|member| !self.people.is_member(*member)) {
            return Ok(None);
        }
        let leaves: Vec<_> = members.iter().map(|member| member.leaf).collect();
        Ok(Some((self.group.set_organizers(&leaves, Clock::unix())?, Vec::new())))
    }

    /// The list with `root` at its head.
    pub(super) fn organizers_led_by(&self, root: MemberId) -> Vec<MemberId> {
        let others = self.membership.organizers.iter().filter(|member| **member != root);
        std::iter::once(root).chain(others.copied()).collect()
    }

    pub(super) fn listed_organizers(
        group: &isi_e2ee::Group,
        people: &super::people::People,
    ) -> Vec<MemberId> {
        group.organizers().into_iter().filter_map(|leaf| people.at(leaf)).collect()
    }

    /// A merged commit changed the list: whoever is new learns what organizers share, and turns are counted anew.
    pub(super) fn organizers_changed(&mut self) {
        let now = Self::listed_organizers(&self.group, &self.people);
        let before = std::mem::replace(&mut self.membership.organizers, now.clone());
        if before == now {
            return;
        }
        self.expel_in_new_turn();
        if self.group.is_organizer() {
            let new = now.iter().filter(|member| !before.contains(member));
            new.for_each(|member| self.share_all_with(*member));
        } else {
            self.leave_door();
        }
        self.events.send(Event::OrganizersChanged(now));
    }

    /// Leaves. Who organizes alone does not go before it is settled who does afterwards.
    pub(super) fn leave(&mut self) {
        let others = self.membership.organizers.iter().filter(|member| **member != self.me);
        let is_there = |member: &MemberId| self.people.participant_of(*member).is_some();
        let (listed, there) = (others.clone().count(), others.copied().any(|member| is_there(&member)));
        match self.successor() {
            _ if there || !self.group.is_organizer() => self.depart(),
            Some(to) => self.change(Change::new(What::HandOver { to, leaves: true }, None)),
            // Somebody else may come back and go on.
            None if listed > 0 => self.depart(),
            None => self.close_and_leave(),
        }
    }

    /// The member with the lowest leaf that may organize and is there.
    fn successor(&self) -> Option<MemberId> {
        let may = |member: &SessionMember| {
            member.role == Role::Organizer && member.is_online && member.id != self.me
        };
        let members = self.people.list(&self.group, self.me);
        let wanted = self.last_organizer == LastOrganizer::HandsOver;
        members.into_iter().find(may).filter(|_| wanted).map(|member| member.id)
    }

    /// The successor is listed. It is told what organizers share before this member goes, if that takes no longer than
    /// [`DEPART_MS_MAX`].
    pub(super) fn depart_soon(&mut self) {
        let at = self.clock.now().0.saturating_add(DEPART_MS_MAX);
        self.membership.departs_at = Some(MonotonicMs(at));
        self.depart_if_told();
    }

    /// The other side has confirmed something: maybe all of it.
    pub(super) fn depart_if_told(&mut self) {
        if self.membership.departs_at.is_some() && !self.conversations.owe_something() {
            self.membership.departs_at = None;
            self.depart();
        }
    }

    /// Asks the organizers to be taken out of the group, and goes.
    pub(super) fn depart(&mut self) {
        if let Ok(proposal) = self.group.leave_proposal() {
            self.append_payload(EntryKind::Proposal, Audience::Everyone, proposal.into(), nobody());
        }
        self.send_control(&ClientMessage::Leave);
    }

    /// Nobody could change the session any more: it ends for everybody.
    pub(super) fn close_and_leave(&mut self) {
        self.request(Pending::Simple(nobody()), |request| ClientMessage::CloseSession { request });
        self.send_control(&ClientMessage::Leave);
    }

    /// The other half of a removal: the relay lets the account in no more.
    pub(super) fn kick(&mut self, participant: ParticipantId, on_done: OnDone) {
        self.request(Pending::Simple(on_done), |request| ClientMessage::Kick { request, participant });
    }
}

/// Whoever is gone by now was barred before.
pub(super) fn kicked(reply: Option<Reply<(), ChangeError>>) -> OnDone {
    let Some(reply) = reply else { return nobody() };
    let on_done: OnDone = answer(reply);
    Box::new(move |result| match result {
        Err(RequestError::Refused(Refusal::NotFound)) => on_done(Ok(())),
        result => on_done(result),
    })
}

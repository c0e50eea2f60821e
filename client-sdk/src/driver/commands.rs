use super::membership::{Change, What};
use super::requests::{OnDone, Pending, PublishThen, Subscribing, answer};
use super::state::State;
use crate::clock::Clock;
use crate::command::{Command, Reply};
use crate::error::RequestError;
use crate::handle::Notice;
use crate::lease::LeaseId;
use isi_e2ee::LeaseEndReason;
use isi_wire::limits::TOKEN_BYTES_MAX;
use isi_wire::{Audience, ClientMessage};

impl State {
    /// One call of a handle. Whoever called may be gone: answers to nobody are dropped.
    pub(super) fn handle_command(&mut self, command: Command) {
        self.rotate_by(&command);
        match command {
            Command::Members { reply } => drop(reply.send(self.people.list(&self.group, self.me))),
            Command::SessionCode { reply } => drop(reply.send(self.group.session_code())),
            Command::SessionCodes { reply } => drop(reply.send(self.group.session_codes())),
            Command::PairCode { member, reply } => {
                let code = self.people.is_member(member).then(|| self.group.pair_code(member.leaf));
                let _ = reply.send(code.flatten());
            }
            Command::Invite { options, reply } => self.invite(options, reply),
            Command::RevokeInvitation { id, reply } => self.revoke_invitation(id, reply),
            Command::Invitations { reply } => drop(reply.send(self.group.invitations(Clock::unix()))),
            Command::Admit { applicants, reply } => {
                self.change(Change::new(What::Admit(applicants), Some(reply)))
            }
            Command::Deny { applicants, reason, reply } => self.deny(applicants, reason, reply),
            Command::SetPolicy { policy, reply } => self.set_policy(policy, reply),
            Command::SetOrganizers { members, reply } => {
                self.change(Change::new(What::Organizers(members), Some(reply)));
            }
            Command::HandOver { to, reply } => {
                self.change(Change::new(What::HandOver { to, leaves: false }, Some(reply)));
            }
            Command::Remove { member, reply } => {
                let kick = self.people.to_kick(member);
                self.change(Change::new(What::Remove { member, kick }, Some(reply)));
            }
            Command::Rotate { reply } => self.change(Change::new(What::Rotate, Some(reply))),
            Command::RefreshStatement { statement, reply } => {
                self.change(Change::new(What::Renew(statement), Some(reply)));
            }
            Command::Publish { kind, reply } => {
                self.publish(kind, Audience::Everyone, PublishThen::Track(reply))
            }
            Command::SubscribeGroups { track, reply } => self.subscribe(track, Subscribing::groups(reply)),
            Command::SubscribeDatagrams { track, reply } => {
                self.subscribe(track, Subscribing::datagrams(reply))
            }
            Command::Send { text, reply } => self.send_text(text, reply),
            Command::SendPrivate { to, text, reply } => self.send_private(to, text, reply),
            Command::RequestLease { from, reply } => self.request_lease(from, reply),
            Command::GrantLease { driver, scope, duration_ms, reply } => {
                self.grant_lease(driver, scope, duration_ms, reply);
            }
            Command::RefuseLease { to, refusal, reply } => self.refuse_lease(to, refusal, reply),
            Command::RequestHandOver { lease, to, reply } => self.request_hand_over(lease, to, reply),
            Command::HandOverLease { to, reply } => self.hand_over_lease(to, reply),
            Command::EndLease { reply } => {
                self.end_given(LeaseEndReason::Revoked);
                let _ = reply.send(());
            }
            Command::Drive { lease, reply } => self.drive(lease, reply),
            Command::Agree { lease, reply } => drop(reply.send(self.agree_input(lease))),
            Command::AcceptInput { prologue, reply } => self.accept_input(prologue, reply),
            Command::RefreshToken { token, reply } => self.refresh_token(token, reply),
            Command::SetRecording { on, reply } => self.set_recording(on, reply),
            Command::Recording { reply } => drop(reply.send(self.recording())),
            Command::RecordLines { reply } => drop(reply.send(self.record_lines())),
            Command::CloseSession { reply } => {
                self.request(Pending::Simple(answer(reply)), |request| ClientMessage::CloseSession {
                    request,
                });
            }
            Command::Leave => self.leave(),
        }
    }

    /// What a handle says in passing.
    pub(super) fn handle_notice(&mut self, notice: Notice) {
        match notice {
            Notice::Unpublish(track) => self.unpublish(track),
            Notice::Unsubscribe(track) => self.unsubscribe(track),
            Notice::RequestKeyframe(track) => self.request_keyframe(track),
            Notice::DropLease(id) => self.drop_lease(LeaseId(id)),
            Notice::InputCut(id) => self.input_cut(LeaseId(id)),
            Notice::LeaseTakenBack => self.tell_lease_end(),
        }
    }

    fn refresh_token(&mut self, token: String, reply: Reply<(), RequestError>) {
        if token.len() > TOKEN_BYTES_MAX {
            let _ = reply.send(Err(crate::error::Refusal::TokenRefused.into()));
            return;
        }
        self.offer_token(token, answer(reply));
    }

    /// The relay takes the token or goes on with the one before.
    pub(super) fn offer_token(&mut self, token: String, on_done: OnDone) {
        let bytes = token.clone().into_bytes().into();
        self.request(Pending::Refresh(token, on_done), |request| ClientMessage::Refresh {
            request,
            token: bytes,
        });
    }
}

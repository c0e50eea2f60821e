use super::membership::{Change, What};
use super::requests::{Pending, PublishThen, Subscribing, answer, nobody};
use super::state::State;
use crate::command::{Command, Reply};
use crate::error::RequestError;
use crate::handle::Notice;
use crate::lease::LeaseId;
use isi_e2ee::LeaseEndReason;
use isi_wire::limits::TOKEN_BYTES_MAX;
use isi_wire::{Audience, ClientMessage, EntryKind};

impl State {
    /// One call of a handle. Whoever called may be gone: answers to nobody are dropped.
    pub(super) fn handle_command(&mut self, command: Command) {
        match command {
            Command::Members { reply } => drop(reply.send(self.people.list(&self.group, self.me))),
            Command::SessionCode { reply } => drop(reply.send(self.group.session_code())),
            Command::PairCode { member, reply } => {
                let code = self.people.is_member(member).then(|| self.group.pair_code(member.leaf));
                let _ = reply.send(code.flatten());
            }
            Command::Invite { reply } => drop(reply.send(self.group.invite().map_err(Into::into))),
            Command::Admit { applicants, reply } => {
                self.change(Change::new(What::Admit(applicants), Some(reply)))
            }
            Command::Remove { member, reply } => {
                let kick = self.people.to_kick(member);
                self.change(Change::new(What::Remove { member, kick }, Some(reply)));
            }
            Command::Rotate { reply } => self.change(Change::new(What::Rotate, Some(reply))),
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
            Command::EndLease { reply } => {
                self.end_given(LeaseEndReason::Revoked);
                let _ = reply.send(());
            }
            Command::Drive { lease, reply } => self.drive(lease, reply),
            Command::Agree { lease, reply } => drop(reply.send(self.agree_input(lease))),
            Command::AcceptInput { prologue, reply } => self.accept_input(prologue, reply),
            Command::RefreshToken { token, reply } => self.refresh_token(token, reply),
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
            Notice::Unpublish(alias) => self.unpublish(alias),
            Notice::Unsubscribe(alias) => self.unsubscribe(alias),
            Notice::RequestKeyframe(alias) => self.request_keyframe(alias),
            Notice::DropLease(id) => self.drop_lease(LeaseId(id)),
            Notice::InputCut(id) => self.input_cut(LeaseId(id)),
        }
    }

    /// Leaves: the last organizer closes the session, since nobody could change it any more; others ask the organizers
    /// to take them out of the group.
    pub(super) fn leave(&mut self) {
        let organizers = self.group.members().into_iter().filter(|member| member.is_organizer).count();
        if self.group.is_organizer() && organizers == 1 {
            self.request(Pending::Simple(nobody()), |request| ClientMessage::CloseSession { request });
        } else if let Ok(proposal) = self.group.leave_proposal() {
            self.append_payload(EntryKind::Proposal, Audience::Everyone, proposal.into(), nobody());
        }
        self.send_control(&ClientMessage::Leave);
    }

    fn refresh_token(&mut self, token: String, reply: Reply<(), RequestError>) {
        if token.len() > TOKEN_BYTES_MAX {
            let _ = reply.send(Err(crate::error::Refusal::TokenRefused.into()));
            return;
        }
        let token = token.into_bytes().into();
        self.request(Pending::Simple(answer(reply)), |request| ClientMessage::Refresh { request, token });
    }
}

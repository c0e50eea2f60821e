use super::expels::ExpelReason;
use super::state::State;
use crate::MemberId;
use crate::error::Disconnected;
use crate::event::Event;
use isi_e2ee::{HandshakeError, LeafIndex};
use isi_wire::{ClientMessage, EntryKind, LogEntry};

impl State {
    /// One entry of the log, in the relay's order.
    pub(super) fn handle_entry(&mut self, entry: LogEntry) -> Result<(), Disconnected> {
        match entry.kind {
            EntryKind::Message => self.handle_message(entry),
            EntryKind::JoinRequest => self.handle_join_request(entry),
            EntryKind::Proposal => self.handle_proposal(&entry),
            EntryKind::Commit => return self.handle_commit(&entry),
            // For an applicant; this member is in.
            EntryKind::JoinAnswer => {}
            // A second Welcome for somebody who is in: let go of it.
            EntryKind::Welcome => {
                self.send_control(&ClientMessage::AcknowledgeWelcome { sequence: entry.sequence })
            }
        }
        Ok(())
    }

    fn handle_commit(&mut self, entry: &LogEntry) -> Result<(), Disconnected> {
        if entry.sequence <= self.position.last_handshake {
            return Ok(());
        }
        // The relay tells before each entry what the last commit was: one that was not seen is a gap.
        if entry.last_handshake > self.position.last_handshake {
            return Err(Disconnected::OutOfStep);
        }
        self.position.last_handshake = entry.sequence;
        match self.group.handle_commit(&entry.payload, self.clock.now()) {
            Ok(change) => self.epoch_changed(change)?,
            Err(HandshakeError::Lost | HandshakeError::Library) => return Err(Disconnected::OutOfStep),
            Err(HandshakeError::Evicted) => return Err(Disconnected::RemovedFromGroup),
            Err(error) => {
                if entry.sender == self.participant {
                    self.own_commit_failed();
                }
                self.events.refused(self.people.member_of(entry.sender), error);
            }
        }
        self.log_moved();
        Ok(())
    }

    /// Somebody leaves; an organizer makes the commit.
    fn handle_proposal(&mut self, entry: &LogEntry) {
        if entry.sender == self.participant {
            return;
        }
        match self.group.handle_proposal(&entry.payload) {
            Ok(seen) => {
                self.record_leaver(seen.leaver);
                self.expel_leaver(seen.leaver);
            }
            Err(error) => self.events.refused(self.people.member_of(entry.sender), error),
        }
    }

    fn expel_leaver(&mut self, leaf: LeafIndex) {
        if let Some(leaver) = self.people.at(leaf) {
            self.expel(leaver, ExpelReason::Leaves);
        }
    }

    /// A merged commit took a leaf out of the tree.
    pub(super) fn member_removed(&mut self, leaf: LeafIndex) {
        let Some(member) = self.people.at(leaf) else { return };
        self.membership.expels.forget(member);
        self.leases_lose(member);
        self.hide_tracks_of(member);
        self.conversations.forget(member);
        self.messages.forget(leaf);
        self.identities.forget(member);
        let _ = self.people.remove(leaf);
        self.resume_waiting(member);
        self.events.send(Event::MemberLeft(member));
    }

    /// The relay says that a member's connection is gone.
    pub(super) fn member_disconnected(&mut self, member: MemberId) {
        self.events.send(Event::MemberOffline(member));
        self.leases_lose(member);
        self.expel(member, ExpelReason::Lost);
    }
}

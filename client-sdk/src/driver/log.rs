use super::expels::ExpelReason;
use super::state::State;
use crate::MemberId;
use crate::error::Disconnected;
use crate::event::Event;
use isi_e2ee::{HandshakeError, LeafIndex};
use isi_wire::{ClientMessage, EntryKind, LeaveReason, LogEntry};

impl State {
    /// One entry of the log, in the relay's order.
    pub(super) fn handle_entry(&mut self, entry: LogEntry) -> Result<(), Disconnected> {
        if self.entry_read(&entry)? {
            return Ok(());
        }
        match entry.kind {
            EntryKind::Message => return self.handle_message(entry),
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
        self.position.last_handshake = entry.sequence;
        match self.group.handle_commit(&entry.payload, self.clock.now()) {
            Ok(change) => {
                self.epoch_changed(change)?;
                self.commit_merged(&entry.payload);
            }
            Err(HandshakeError::Lost | HandshakeError::Library) => return Err(Disconnected::OutOfStep),
            Err(HandshakeError::Evicted) => return Err(Disconnected::RemovedFromGroup),
            Err(error) if self.commit_of_other_epoch(entry, error)? => {}
            Err(error) => {
                if self.is_own(entry.sender) {
                    self.own_commit_failed();
                }
                self.events.refused(self.people.member_of(entry.sender), error);
            }
        }
        self.log_moved();
        self.handshake_read()
    }

    /// Somebody leaves; an organizer makes the commit.
    fn handle_proposal(&mut self, entry: &LogEntry) {
        if self.is_own(entry.sender) {
            return self.own_entry_read(&entry.payload);
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
    pub(super) fn member_disconnected(&mut self, member: MemberId, reason: LeaveReason) {
        self.events.send(Event::MemberOffline(member));
        self.leases_lose(member);
        let went = matches!(reason, LeaveReason::Left | LeaveReason::Kicked);
        if went {
            self.end_parked(|parked| parked.route.track.member == member);
        }
        // Whoever had it kicked makes the commit; others step in later.
        let left = reason == LeaveReason::Left;
        self.expel(member, if left { ExpelReason::Went } else { ExpelReason::Lost });
    }
}

//! Whether this member's connection is there, and what of the old one goes on with the new one.

use super::requests::{Append, Pending, Publishing};
use super::state::State;
use super::tracks::class_of;
use crate::MemberId;
use crate::error::{Disconnected, RequestError};
use crate::event::Event;
use crate::transport::SendWindow;
use bytes::Bytes;
use isi_e2ee::{CommitReason, EpochChange, HandshakeError, LeaseEndReason, OpenError};
use isi_wire::{
    Audience, ClientMessage, EntryKind, Incarnation, Joined, LeaveReason, LogEntry, LogPosition, LogUpload,
    ObjectHeader, ParticipantId,
};
use std::collections::{HashSet, VecDeque};

/// Connections of before that this member's own entries in the log may come from. Beyond it the oldest is forgotten:
/// what it left in the log is refused as repeated.
const CONNECTIONS_KNOWN_MAX: usize = 8;

/// How this member is connected.
#[derive(Default)]
pub(super) struct Presence {
    link: Link,
    /// First number of the log that was not read.
    next_entry: u64,
    /// One's own connections of before.
    before: VecDeque<ParticipantId>,
    /// Sent by a connection of before and not answered. At most as many as requests may wait.
    unanswered: VecDeque<Unanswered>,
    publishing: Vec<Publishing>,
    /// Where the log's last commit stood when the connection began: whoever has not read it has missed something.
    handshake_to_reach: u64,
    /// The relay gives no mark: the log counts as read when that commit was.
    is_unmarked: bool,
    /// The log began anew while this member was in, and no commit of it was merged yet: members may be at different
    /// epochs, and the organizers' newest is the base.
    is_unsettled: bool,
    /// The last commit that was merged.
    last_commit: Option<Bytes>,
    announced_again: bool,
}

enum Unanswered {
    Append(Append),
    /// The recorder's own.
    Record,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Link {
    #[default]
    Online,
    /// There is a connection, and what was missed is being read.
    CatchingUp,
    Offline,
}

impl Presence {
    pub(super) fn beginning(next_entry: u64) -> Self {
        Self { next_entry, ..Self::default() }
    }

    /// Whether what is appended now reaches the others.
    pub(super) fn is_online(&self) -> bool {
        self.link == Link::Online
    }

    pub(super) fn is_connected(&self) -> bool {
        self.link != Link::Offline
    }
}

impl State {
    pub(super) fn is_online(&self) -> bool {
        self.presence.is_online()
    }

    /// Whether calls can be served: the connection is there, and who was let in again has an organizer's word.
    pub(super) fn takes_calls(&self) -> bool {
        self.is_online() && self.watching.standing().confirmed
    }

    /// Where to go on in the log.
    pub(super) const fn resume_at(&self) -> (Incarnation, u64) {
        (self.position.incarnation, self.presence.next_entry)
    }

    /// Whether a connection is or was this member's own.
    pub(super) fn is_own(&self, participant: ParticipantId) -> bool {
        participant == self.participant || self.presence.before.contains(&participant)
    }

    /// The connection is lost. Leases end, tracks wait, and what was not answered is kept as far as it can be sent again.
    pub(super) fn disconnected(&mut self, why: Disconnected) {
        let was_online = self.presence.is_online();
        self.presence.link = Link::Offline;
        self.out.clear();
        for pending in self.requests.take_all() {
            self.interrupted(pending);
        }
        self.end_given(LeaseEndReason::DriverGone);
        self.leases_disconnected();
        self.tracks_disconnected();
        if was_online {
            self.events.send(Event::ConnectionLost { why });
        }
    }

    /// Nothing can be asked while the connection is lost.
    pub(super) fn not_asked(&mut self, pending: Pending) {
        match pending {
            Pending::Simple(on_done) | Pending::Refresh(_, on_done) => {
                on_done(Err(RequestError::Interrupted));
            }
            Pending::Append(append) => (append.on_done)(Err(RequestError::Interrupted)),
            Pending::Publish(publishing) => {
                self.publish_failed(publishing.then, RequestError::Interrupted.into());
            }
            // Made anew, or not at all, when the connection is back.
            Pending::Subscribe(..)
            | Pending::Republish(_)
            | Pending::Resubscribe(_)
            | Pending::Mark
            | Pending::Record
            | Pending::Commit(_) => {}
        }
    }

    fn interrupted(&mut self, pending: Pending) {
        match pending {
            Pending::Simple(on_done) | Pending::Refresh(_, on_done) => {
                on_done(Err(RequestError::Interrupted));
            }
            Pending::Append(append) => self.presence.unanswered.push_back(Unanswered::Append(append)),
            Pending::Record => self.presence.unanswered.push_back(Unanswered::Record),
            Pending::Publish(publishing) if publishing.then.survives() => {
                self.presence.publishing.push(*publishing);
            }
            Pending::Publish(publishing) => {
                self.publish_failed(publishing.then, RequestError::Interrupted.into());
            }
            // The receiver waits for its track as all others do.
            Pending::Subscribe(alias, subscribing) => self.subscribed(alias, subscribing, Ok(())),
            Pending::Commit(change) => self.commit_interrupted(change),
            Pending::Republish(_) | Pending::Resubscribe(_) | Pending::Mark => {}
        }
    }

    /// There is a connection again. First everything that was missed is read.
    pub(super) fn connected(&mut self, joined: Joined, window: SendWindow) {
        self.presence.before.push_back(self.participant);
        if self.presence.before.len() > CONNECTIONS_KNOWN_MAX {
            self.presence.before.pop_front();
        }
        self.participant = joined.participant;
        self.window = window;
        self.presence.link = Link::CatchingUp;
        self.presence.is_unmarked = false;
        self.presence.handshake_to_reach = joined.position.last_handshake;
        if joined.position.incarnation != self.position.incarnation {
            self.log_began_anew(joined.position.incarnation);
        }
        self.forget_gone(&joined.participants);
        joined.tracks.into_iter().for_each(|info| self.track_added(info));
        self.mark_log();
    }

    fn log_began_anew(&mut self, incarnation: Incarnation) {
        self.position = LogPosition { incarnation, last_handshake: 0 };
        self.presence.next_entry = 1;
        self.presence.is_unsettled = true;
        self.presence.announced_again = false;
        self.membership.log_began_anew();
    }

    /// Connections that went while nobody told.
    fn forget_gone(&mut self, there: &[ParticipantId]) {
        let there: HashSet<_> = there.iter().copied().collect();
        for gone in self.people.participants() {
            if !there.contains(&gone) {
                self.participant_left(gone, LeaveReason::Lost);
            }
        }
        self.keep_applicants(|participant| there.contains(&participant));
    }

    /// An entry for nobody but this member: when it comes, everything before it was read.
    fn mark_log(&mut self) {
        let request = self.requests.add(Pending::Mark);
        let audience = Audience::One(self.participant);
        LogUpload::Append { request, kind: EntryKind::Message, audience, payload: Bytes::new() }
            .encode(&mut self.out.log);
    }

    /// To be told of every entry before it is dealt with. Whether it is a mark.
    ///
    /// # Errors
    /// [`Disconnected::OutOfStep`] when something was missed that no entry will bring.
    pub(super) fn entry_read(&mut self, entry: &LogEntry) -> Result<bool, Disconnected> {
        // The relay tells with each entry what the last commit was: one that was not seen is a gap.
        if entry.last_handshake > self.position.last_handshake {
            return Err(Disconnected::OutOfStep);
        }
        self.presence.next_entry = entry.sequence.saturating_add(1);
        let is_mark = entry.kind == EntryKind::Message && entry.payload.is_empty();
        if is_mark && entry.sender == self.participant && self.presence.link == Link::CatchingUp {
            self.caught_up()?;
        }
        Ok(is_mark && self.is_own(entry.sender))
    }

    /// The relay does not take a mark.
    pub(super) fn not_marked(&mut self) -> Result<(), Disconnected> {
        self.presence.is_unmarked = true;
        self.handshake_read()
    }

    /// A commit was dealt with.
    pub(super) fn handshake_read(&mut self) -> Result<(), Disconnected> {
        let is_read = self.position.last_handshake >= self.presence.handshake_to_reach;
        let waits = self.presence.link == Link::CatchingUp && self.presence.is_unmarked;
        if waits && is_read { self.caught_up() } else { Ok(()) }
    }

    /// One's own item, sent by a connection of before, is in the log.
    pub(super) fn own_entry_read(&mut self, payload: &Bytes) {
        let is_it = |unanswered: &Unanswered| matches!(unanswered, Unanswered::Append(append) if append.payload == *payload);
        let unanswered = &mut self.presence.unanswered;
        if let Some(place) = unanswered.iter().position(is_it)
            && let Some(Unanswered::Append(append)) = unanswered.remove(place)
        {
            (append.on_done)(Ok(()));
        }
    }

    /// Everything missed was read: what is not in the log was lost, and goes again.
    fn caught_up(&mut self) -> Result<(), Disconnected> {
        if self.position.last_handshake < self.presence.handshake_to_reach {
            return Err(Disconnected::OutOfStep);
        }
        self.presence.link = Link::Online;
        // In this order: numbers of sealed objects rise.
        let unanswered = std::mem::take(&mut self.presence.unanswered);
        if !unanswered.iter().any(|unanswered| matches!(unanswered, Unanswered::Record)) {
            self.record_again();
        }
        for unanswered in unanswered {
            match unanswered {
                Unanswered::Append(append) => self.append_again(append),
                Unanswered::Record => self.record_again(),
            }
        }
        self.write_next();
        self.announce(Audience::Everyone);
        self.tracks_reconnected();
        for publishing in std::mem::take(&mut self.presence.publishing) {
            let (track, kind) = (publishing.track, publishing.kind);
            self.request(Pending::Publish(Box::new(publishing)), |request| ClientMessage::Publish {
                request,
                track,
                kind,
                class: class_of(kind),
                audience: Audience::Everyone,
            });
        }
        self.events.send(Event::Reconnected);
        self.commit_again(self.presence.is_unsettled);
        Ok(())
    }

    /// The very same object: whoever has read it already refuses it. Of an epoch before, others may not open it any more.
    fn append_again(&mut self, append: Append) {
        let Append { kind, audience, payload, on_done } = append;
        // A heartbeat speaks of its moment: there is a newer one.
        let is_stale = Self::is_beat(&payload) || self.is_of_old_epoch(&payload);
        if kind == EntryKind::Message && is_stale {
            return on_done(Err(RequestError::Interrupted));
        }
        self.append_payload(kind, audience, payload, on_done);
    }

    /// Whether a sealed object is of another epoch than this one.
    pub(super) fn is_of_old_epoch(&self, object: &Bytes) -> bool {
        ObjectHeader::decode(&mut object.clone())
            .is_ok_and(|header| header.sframe.split_key_id().2 != self.group.epoch() as u16)
    }

    /// A commit of the log was merged.
    pub(super) fn commit_merged(&mut self, commit: &Bytes) {
        self.presence.last_commit = Some(commit.clone());
        if std::mem::replace(&mut self.presence.is_unsettled, false) {
            // Whoever was behind could not read the announcements of before.
            self.announce(Audience::Everyone);
        }
    }

    /// A commit of another epoch, in a log that began anew: somebody was at another epoch when the old one ended.
    ///
    /// # Errors
    /// [`Disconnected::OutOfStep`] when that was one that this member has not seen.
    pub(super) fn commit_of_other_epoch(
        &mut self,
        entry: &LogEntry,
        error: HandshakeError,
    ) -> Result<bool, Disconnected> {
        let HandshakeError::WrongEpoch { ours, theirs } = error else { return Ok(false) };
        if !self.presence.is_unsettled {
            return Ok(false);
        }
        // A newcomer has merged none, and cannot tell.
        let is_ours = self.presence.last_commit.as_ref().is_none_or(|last| *last == entry.payload);
        if theirs > ours || (theirs + 1 == ours && !is_ours) {
            return Err(Disconnected::OutOfStep);
        }
        if is_ours && !std::mem::replace(&mut self.presence.announced_again, true) {
            self.announce(Audience::Everyone);
        }
        Ok(true)
    }

    /// Somebody's message does not open. In a log that began anew an organizer's newer epoch is the base.
    pub(super) fn is_behind(&self, from: MemberId, error: OpenError) -> bool {
        self.presence.is_unsettled
            && error == OpenError::UnknownEpoch
            && from != self.me
            && self.group.member(from.leaf).is_some_and(|member| member.is_organizer)
    }

    /// Why a commit that removes this member ends the membership. Who was taken for lost may ask to be let in again; who
    /// was removed is barred.
    pub(super) fn removed_by(&self, change: &EpochChange) -> Disconnected {
        match change.reason {
            CommitReason::Expired => Disconnected::StatementExpired,
            CommitReason::Remove if !self.presence.is_online() => Disconnected::OutOfStep,
            _ => Disconnected::RemovedFromGroup,
        }
    }
}

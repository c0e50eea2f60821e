//! Uploads to the log: who may append what, compare-and-set for commits, delivery, resume.

use crate::arena::Key;
use crate::log::{NewEntry, NewWelcome, Readers};
use crate::participant::Participant;
use crate::timers::Timer;
use crate::{Session, SessionLimits, SubjectId, Timestamp, Violation, Write};
use bytes::Bytes;
use isi_wire::limits::{COMMIT_UPLOAD_BYTES_MAX, LOG_ITEM_BYTES_MAX};
use isi_wire::{
    Audience, CloseCode, EntryKind, Incarnation, LogPosition, LogUpload, ParticipantId, RefuseReason,
    RelayMessage, RequestId, TrackKind, Welcome,
};
use std::sync::Arc;

impl Session {
    /// Sequences what a client uploads. It is answered by `Appended` or `Refused`; readers get the entry, the
    /// sender too if it is for everyone.
    ///
    /// # Errors
    /// [`Violation`]: a commit or Welcome that comes as a plain entry.
    pub fn handle_log(
        &mut self,
        now: Timestamp,
        from: ParticipantId,
        upload: LogUpload,
    ) -> Result<(), Violation> {
        let Some(key) = self.peers.present(from) else { return Ok(()) };
        match upload {
            LogUpload::Append { kind: EntryKind::Commit | EntryKind::Welcome, .. } => Err(NOT_ATOMIC),
            LogUpload::Append { request, kind, audience, payload } => {
                let answer = self.append(now, key, kind, audience, payload);
                self.answer(
                    key,
                    request,
                    answer.map(|sequence| RelayMessage::Appended { request, sequence }),
                );
                Ok(())
            }
            LogUpload::Commit { request, expected, commit, welcome } => {
                let answer = self.commit(now, key, expected, commit, welcome);
                self.answer_commit(key, request, answer);
                Ok(())
            }
        }
    }

    fn answer_commit(&mut self, to: Key<Participant>, request: RequestId, answer: Result<u64, RefuseReason>) {
        let position = Some(self.log.position());
        self.peers.tell(
            to,
            match answer {
                Ok(sequence) => RelayMessage::Appended { request, sequence },
                Err(reason) => RelayMessage::Refused { request, reason, position },
            },
        );
    }

    fn append(
        &mut self,
        now: Timestamp,
        from: Key<Participant>,
        kind: EntryKind,
        audience: Audience,
        payload: Bytes,
    ) -> Result<u64, RefuseReason> {
        let peer = &self.peers.all[from];
        if kind == EntryKind::Message && !peer.grants.publish.contains(TrackKind::Message) {
            return Err(RefuseReason::Forbidden);
        }
        if kind == EntryKind::JoinRequest && audience != Audience::Organizers {
            return Err(RefuseReason::Mismatch);
        }
        if kind == EntryKind::JoinAnswer {
            if !peer.grants.controls.admit {
                return Err(RefuseReason::Forbidden);
            }
            if !matches!(audience, Audience::One(_)) {
                return Err(RefuseReason::Mismatch);
            }
        }
        let sender = peer.id;
        let readers = self.readers(audience)?;
        self.check_rate(now, from, payload.len())?;
        Ok(self.sequence(now, NewEntry { sender, kind, readers, payload }))
    }

    /// Compare-and-set: the commit and its Welcome for each new member get consecutive numbers, or nothing happens.
    fn commit(
        &mut self,
        now: Timestamp,
        from: Key<Participant>,
        expected: LogPosition,
        commit: Bytes,
        welcome: Option<Welcome>,
    ) -> Result<u64, RefuseReason> {
        let peer = &self.peers.all[from];
        let sender = peer.id;
        // Whoever writes may have fresh keys; what else is in a commit is for the members to judge.
        let is_organizer = peer.grants.controls.admit;
        let may_rotate = welcome.is_none() && peer.grants.publish.contains(TrackKind::Message);
        if !is_organizer && !may_rotate {
            return Err(RefuseReason::Forbidden);
        }
        self.compare(expected)?;
        if !is_organizer && !self.peers.all[from].commits.is_open(now) {
            return Err(RefuseReason::Limit);
        }
        let Welcome { participants, payload } =
            welcome.unwrap_or(Welcome { participants: Vec::new(), payload: Bytes::new() });
        let readers = participants.into_iter().map(|new| Ok(Readers::One(new, self.subject(new)?)));
        let readers = readers.collect::<Result<Vec<_>, RefuseReason>>()?;
        // The payload is held once for all of them.
        let held = if readers.is_empty() { 0 } else { payload.len() };
        let bytes = held + readers.len() * WELCOME_OVERHEAD_BYTES;
        if self.log.welcome_bytes() + bytes > self.limits.welcomes.bytes_max {
            return Err(RefuseReason::Limit);
        }
        self.check_rate(now, from, commit.len() + bytes)?;
        if !is_organizer {
            self.peers.all[from].commits.charge(1);
        }
        let everyone =
            NewEntry { sender, kind: EntryKind::Commit, readers: Readers::Everyone, payload: commit };
        let first = self.sequence(now, everyone);
        let payload = Arc::new(payload);
        let (log, gauge) = (&mut self.log, &mut self.gauge);
        let append = |readers| {
            log.append_welcome(now, NewWelcome { sender, readers, payload: Arc::clone(&payload) }, gauge)
        };
        let sequences: Vec<_> = readers.into_iter().map(append).collect();
        // From here on the log alone holds it: it counts the last entry that lets go of it.
        drop(payload);
        sequences.into_iter().for_each(|sequence| self.deliver(now, sequence));
        Ok(first)
    }

    fn compare(&self, expected: LogPosition) -> Result<(), RefuseReason> {
        let position = self.log.position();
        if expected.incarnation != position.incarnation {
            return Err(RefuseReason::WrongIncarnation);
        }
        if expected.last_handshake != position.last_handshake {
            return Err(RefuseReason::Conflict);
        }
        Ok(())
    }

    fn readers(&self, audience: Audience) -> Result<Readers, RefuseReason> {
        match audience {
            Audience::Everyone => Ok(Readers::Everyone),
            Audience::Organizers => Ok(Readers::Organizers),
            Audience::One(participant) => Ok(Readers::One(participant, self.subject(participant)?)),
        }
    }

    fn subject(&self, participant: ParticipantId) -> Result<SubjectId, RefuseReason> {
        let key = self.peers.present(participant).ok_or(RefuseReason::NotFound)?;
        Ok(self.peers.all[key].subject)
    }

    fn check_rate(
        &mut self,
        now: Timestamp,
        from: Key<Participant>,
        bytes: usize,
    ) -> Result<(), RefuseReason> {
        let bucket = self.peers.all[from].pace.as_mut();
        if !bucket.is_none_or(|bucket| bucket.is_open(now)) {
            return Err(RefuseReason::Limit);
        }
        self.charge(from, bytes);
        Ok(())
    }

    /// Gives an entry its number and puts it before its readers.
    fn sequence(&mut self, now: Timestamp, new: NewEntry) -> u64 {
        let sequence = self.log.append(now, new, &mut self.gauge);
        self.deliver(now, sequence);
        sequence
    }

    fn deliver(&mut self, now: Timestamp, sequence: u64) {
        self.stats.log_entries += 1;
        if let Some(entry) = self.log.get(sequence) {
            let bytes = entry.len();
            self.stats.classes.log.bytes_in += bytes as u64;
            let readers = self.peers.select(|peer| entry.is_for(peer));
            readers.into_iter().for_each(|key| self.queue_entry(key, sequence, bytes));
        }
        self.trim_log(now);
    }

    fn queue_entry(&mut self, key: Key<Participant>, sequence: u64, bytes: usize) {
        let queue = &mut self.peers.all[key].log;
        self.stats.log_entries_skipped += queue.push(sequence, bytes, self.limits.log_receiver_bytes_max);
        self.peers.wake(key);
    }

    /// Lets go of entries over budget, and watches the rest.
    pub(crate) fn trim_log(&mut self, now: Timestamp) {
        let SessionLimits { log_recent, welcomes, .. } = self.limits;
        let [recent, welcome] = self.log.trim(now, log_recent, welcomes, &mut self.gauge);
        recent.into_iter().for_each(|at| self.timers.arm(Timer::LogRecent, at));
        welcome.into_iter().for_each(|at| self.timers.arm(Timer::Welcome, at));
    }

    /// Longest frame that this client may send on its log stream.
    #[must_use]
    pub fn log_upload_bytes_max(&self, from: ParticipantId) -> usize {
        let admits = |key| self.peers.all[key].grants.controls.admit;
        if self.peers.present(from).is_some_and(admits) {
            COMMIT_UPLOAD_BYTES_MAX
        } else {
            LOG_ITEM_BYTES_MAX
        }
    }

    /// The next entry for one receiver, or the gap where it should be.
    pub(crate) fn next_log(&mut self, to: Key<Participant>) -> Option<Write> {
        let queue = &mut self.peers.all[to].log;
        if let Some(payload) = queue.take_payload() {
            return Some(Write::Log(payload));
        }
        self.stats.log_entries_skipped += queue.skip_missing(|sequence| self.log.get(sequence).is_some());
        if let Some((first, last)) = queue.take_lost() {
            return Some(Write::Control(RelayMessage::LogGap { first, last }));
        }
        let entry = self.log.get(queue.pop()?)?;
        self.stats.classes.log.bytes_out += entry.len() as u64;
        // The payload is the next step, whatever becomes of the entry meanwhile.
        queue.set_payload(entry.shared.as_deref().cloned());
        Some(Write::Log(entry.frame.clone()))
    }

    /// Puts before somebody who has come back what it has missed, and tells what is gone.
    pub(crate) fn resume_log(&mut self, key: Key<Participant>, resume: Option<(Incarnation, u64)>) {
        let Some((incarnation, next)) = resume else { return };
        // All of another life is news.
        let next = if incarnation == self.log.position().incarnation { next } else { 1 };
        let peer = &self.peers.all[key];
        let complete_from = self.log.complete_from();
        let came_back = |readers| match readers {
            Readers::One(id, subject) => subject == peer.subject && self.peers.present(id).is_none(),
            Readers::Everyone | Readers::Organizers => false,
        };
        let entries = self.log.since(next.max(1)).into_iter();
        let missed: Vec<_> = entries
            .filter(|(_, entry)| entry.is_for(peer) || came_back(entry.readers))
            .map(|(sequence, entry)| (sequence, entry.len()))
            .collect();
        if next.max(1) < complete_from {
            self.peers.all[key].log.lose(next.max(1), complete_from - 1);
            self.peers.wake(key);
        }
        missed.into_iter().for_each(|(sequence, bytes)| self.queue_entry(key, sequence, bytes));
    }

    /// Lets go of a Welcome that has arrived. One that is gone or another's is none of the client's business.
    pub(crate) fn acknowledge_welcome(&mut self, from: Key<Participant>, sequence: u64) {
        let peer = &self.peers.all[from];
        if let Some(entry) = self.log.welcome(sequence)
            && matches!(entry.readers, Readers::One(_, subject) if subject == peer.subject)
        {
            self.log.remove_welcome(sequence, &mut self.gauge);
        }
    }
}

/// Frame around a Welcome in memory, rounded up.
const WELCOME_OVERHEAD_BYTES: usize = 48;

const NOT_ATOMIC: Violation =
    Violation { code: CloseCode::ProtocolViolation, what: "a commit or Welcome as a plain log entry" };

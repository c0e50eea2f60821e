use super::requests::Pending;
use super::signal::Signal;
use super::state::State;
use crate::clock::Clock;
use crate::command::Reply;
use crate::error::{Disconnected, RequestError};
use crate::event::Event;
use crate::inbox::Inbox;
use crate::lease::Lease;
use crate::limits::{RECORD_FACTS_QUEUED_MAX, RECORD_LINES_QUEUED_MAX};
use crate::record::{RecordError, Recording};
use crate::{MemberId, RecordRefused};
use bytes::Bytes;
use isi_e2ee::{
    EpochChange, LeafIndex, LeaseEndReason, RecordAccepted, RecordBook, RecordFact, RecordFile,
    RecordSignError, SignedEntry,
};
use isi_wire::{Audience, EntryKind, LogUpload, TrackId, TrackKind};
use std::collections::{BTreeSet, VecDeque};

/// This member's part in the session record: what it has to state, and the file that its app may keep.
#[derive(Default)]
pub(super) struct Recorder {
    book: RecordBook,
    /// Who said that the record is on.
    by: Option<MemberId>,
    /// What this member has to state, the oldest first; the first one may be under way.
    work: VecDeque<Work>,
    in_flight: Option<InFlight>,
    file: Option<(RecordFile, Inbox<String>)>,
    /// Subjects of members who have asked to leave and are not gone yet. Bounded by the members there are.
    leavers: BTreeSet<String>,
}

/// One entry to be made, as often as others come first.
struct Work {
    what: What,
    reply: Option<Reply<(), RecordError>>,
}

enum What {
    Begin,
    /// A fact, and the epoch that it is about.
    State(u64, RecordFact),
}

/// An entry on its way through the log, recognised there by its sealed bytes.
struct InFlight {
    object: Bytes,
    message: Vec<u8>,
}

impl Work {
    fn finish(self, result: Result<(), RecordError>) {
        if let Some(reply) = self.reply {
            let _ = reply.send(result);
        }
    }
}

impl State {
    /// An organizer's act: turns the record on or off.
    pub(super) fn set_recording(&mut self, on: bool, reply: Reply<(), RecordError>) {
        let work = match on {
            true => Work { what: What::Begin, reply: Some(reply) },
            false if !self.recorder.book.is_on() => {
                let _ = reply.send(Ok(()));
                return;
            }
            false => Work { what: What::State(self.group.epoch(), RecordFact::Ended), reply: Some(reply) },
        };
        self.record(work);
    }

    pub(super) fn recording(&self) -> Option<Recording> {
        let (salt, by) = (self.recorder.book.salt()?, self.recorder.by?);
        Some(Recording { by, salt: salt.clone() })
    }

    /// Begins a file of the record for the app; one that it had before gets its last line.
    pub(super) fn record_lines(&mut self) -> Inbox<String> {
        self.end_record_file();
        let (file, lines) = RecordFile::begin(&self.group, self.recorder.book.salt());
        let inbox = Inbox::new(RECORD_LINES_QUEUED_MAX);
        self.recorder.file = Some((file, inbox.clone()));
        self.put_lines(lines);
        inbox
    }

    /// The app's file ends here.
    pub(super) fn end_record_file(&mut self) {
        if let Some((file, inbox)) = self.recorder.file.take() {
            let _ = inbox.push(file.end(&self.group));
            inbox.close();
        }
    }

    /// A member asks to leave: its going will be no removal.
    pub(super) fn record_leaver(&mut self, leaver: LeafIndex) {
        if let Some(member) = self.group.member(leaver) {
            self.recorder.leavers.insert(member.subject);
        }
    }

    /// A commit was merged. Its maker states what it did.
    pub(super) fn record_epoch(&mut self, change: &EpochChange) {
        let Recorder { book, file, leavers, .. } = &mut self.recorder;
        let line = file.as_mut().and_then(|(file, _)| file.epoch(&self.group, book.salt()));
        let facts = book.facts_of_epoch(&self.group, |subject| leavers.contains(subject));
        if !change.removed.is_empty() {
            let stays: BTreeSet<_> = self.group.members().into_iter().map(|member| member.subject).collect();
            leavers.retain(|leaver| stays.contains(leaver));
        }
        self.put_lines(line);
        if change.committer == self.me.leaf && self.group.is_organizer() {
            facts.into_iter().for_each(|fact| self.state_fact(fact));
        }
    }

    pub(super) fn record_lease(&mut self, lease: &Lease) {
        let Some(salt) = self.recorder.book.salt() else { return };
        let Some(driver) = self.group.member(lease.driver.leaf) else { return };
        let fact = RecordFact::LeaseGranted {
            lease: lease.id.0,
            driver: salt.hash(&driver.subject),
            scope: lease.scope(),
            duration_ms: lease.terms.duration_ms,
        };
        self.state_fact(fact);
    }

    pub(super) fn record_lease_end(&mut self, lease: &Lease, reason: LeaseEndReason) {
        self.state_fact(RecordFact::LeaseEnded { lease: lease.id.0, reason });
    }

    pub(super) fn record_sharing(&mut self, track: TrackId, kind: TrackKind) {
        if is_shared(kind) {
            self.state_fact(RecordFact::Sharing { track, kind });
        }
    }

    pub(super) fn record_sharing_end(&mut self, track: TrackId, kind: TrackKind) {
        if is_shared(kind) {
            self.state_fact(RecordFact::SharingEnded { track });
        }
    }

    /// An entry in the log that this member wrote itself; whether it is one.
    pub(super) fn record_returned(&mut self, object: &Bytes) -> bool {
        let Some(own) = self.recorder.in_flight.take_if(|own| own.object == *object) else { return false };
        let Some(work) = self.recorder.work.pop_front() else { return true };
        match self.take_entry(self.me, &own.message) {
            Ok(RecordAccepted::Added { .. }) => work.finish(Ok(())),
            // Another came first: it is signed again, behind that one.
            Ok(RecordAccepted::Behind) => self.recorder.work.push_front(work),
            Err(refused) => work.finish(Err(refused.into())),
        }
        self.write_next();
        true
    }

    /// An entry of another member.
    pub(super) fn handle_record(&mut self, from: MemberId, message: &[u8]) {
        if let Err(refused) = self.take_entry(from, message) {
            self.events.refused(Some(from), refused);
        }
        self.write_next();
    }

    /// The relay did not take an entry.
    pub(super) fn record_not_taken(&mut self, error: RequestError) {
        self.recorder.in_flight = None;
        self.give_up_entry(error.into());
        self.write_next();
    }

    /// Another connection of the same membership: what was on its way goes out again, byte by byte the same, so that it
    /// counts once.
    pub(super) fn record_again(&mut self) {
        if let Some(own) = self.recorder.in_flight.take() {
            // Others may not open it any more; it is not in the log, so it may be sealed anew.
            if !self.is_of_old_epoch(&own.object) {
                self.append_record(own.object.clone());
                self.recorder.in_flight = Some(own);
            }
        }
    }

    fn take_entry(&mut self, from: MemberId, message: &[u8]) -> Result<RecordAccepted, RecordRefused> {
        let was_on = self.recorder.book.is_on();
        let accepted = self.recorder.book.accept(&self.group, from.leaf, message)?;
        if let RecordAccepted::Added { signed, missing_from } = &accepted {
            if let Some(first) = *missing_from {
                let last = signed.entry().number.saturating_sub(1);
                self.events.send(Event::RecordGap { first, last });
            }
            if let Some((file, _)) = &mut self.recorder.file {
                let lines = file.entry(&self.group, signed);
                self.put_lines(lines);
            }
            self.follow_record(from, signed, was_on);
        }
        Ok(accepted)
    }

    fn follow_record(&mut self, from: MemberId, signed: &SignedEntry, was_on: bool) {
        let is_on = self.recorder.book.is_on();
        if is_on && !was_on {
            self.recorder.by = Some(from);
            self.events.send(Event::RecordingChanged { on: true, by: from });
            if signed.entry().number == 1 {
                self.record_what_runs();
            }
        } else if !is_on {
            self.recorder.by = None;
            self.events.send(Event::RecordingChanged { on: false, by: from });
            // Nothing more can be stated, but that it is off.
            for work in std::mem::take(&mut self.recorder.work) {
                work.finish(Ok(()));
            }
        }
    }

    /// What this member shares and whom it lets drive while the record begins.
    fn record_what_runs(&mut self) {
        for (track, kind) in self.own_tracks() {
            self.record_sharing(track, kind);
        }
        if let Some(lease) = self.given_lease() {
            self.record_lease(&lease);
        }
    }

    fn state_fact(&mut self, fact: RecordFact) {
        if self.recorder.book.is_on() {
            self.record(Work { what: What::State(self.group.epoch(), fact), reply: None });
        }
    }

    fn record(&mut self, work: Work) {
        if self.recorder.work.len() >= RECORD_FACTS_QUEUED_MAX {
            return work.finish(Err(RequestError::Busy.into()));
        }
        self.recorder.work.push_back(work);
        self.write_next();
    }

    /// Signs and sends the next entry, if none is under way.
    pub(super) fn write_next(&mut self) {
        while self.recorder.in_flight.is_none() && self.check_room().is_ok() {
            let Some(work) = self.recorder.work.front() else { return };
            let (book, now) = (&self.recorder.book, Clock::unix());
            let signed = match &work.what {
                What::Begin => book.begin(&self.group, now),
                What::State(epoch, fact) => book.write(&self.group, *epoch, fact.clone(), now),
            };
            match signed {
                Ok(message) => self.send_entry(message),
                // Another organizer was faster: it is as it shall be.
                Err(RecordSignError::AlreadyOn) => {
                    self.recorder.work.pop_front().into_iter().for_each(|work| work.finish(Ok(())));
                }
                Err(error) => self.give_up_entry(error.into()),
            }
        }
    }

    fn send_entry(&mut self, message: Vec<u8>) {
        let signal = Signal::Record(message);
        let sealed = self.messages.seal(self.clock.now(), &signal.encode());
        let Signal::Record(message) = signal else { return };
        match sealed {
            Ok(object) => {
                self.recorder.in_flight = Some(InFlight { object: object.clone(), message });
                self.append_record(object);
            }
            Err(_) => self.give_up_entry(RequestError::Over(Disconnected::RemovedFromGroup).into()),
        }
    }

    fn append_record(&mut self, payload: Bytes) {
        let request = self.requests.add(Pending::Record);
        let (kind, audience) = (EntryKind::Message, Audience::Everyone);
        LogUpload::Append { request, kind, audience, payload }.encode(&mut self.out.log);
    }

    fn give_up_entry(&mut self, error: RecordError) {
        self.recorder.work.pop_front().into_iter().for_each(|work| work.finish(Err(error)));
    }

    fn put_lines(&self, lines: impl IntoIterator<Item = String>) {
        if let Some((_, inbox)) = &self.recorder.file {
            // Beyond the bound the oldest line gives way, and the file shows it.
            lines.into_iter().for_each(|line| drop(inbox.push(line)));
        }
    }
}

/// What a record names: what people see and hear of each other.
const fn is_shared(kind: TrackKind) -> bool {
    matches!(kind, TrackKind::Screen | TrackKind::Audio | TrackKind::Video)
}

//! The session's log: one order for all, made by the relay, which can judge nothing else.

use crate::gauge::Gauge;
use crate::participant::Participant;
use crate::{ClassBudget, SubjectId, Timestamp};
use bytes::Bytes;
use isi_wire::{EntryKind, Incarnation, LogEntry, LogPosition, ParticipantId, TrackKind};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Entries in memory: the recent ones, and Welcomes that nobody has acknowledged.
#[derive(Debug)]
pub(crate) struct Log {
    position: LogPosition,
    next_sequence: u64,
    recent: Shelf,
    welcomes: Shelf,
}

/// Entries by their numbers.
#[derive(Debug)]
pub(crate) struct Shelf {
    entries: BTreeMap<u64, Entry>,
    bytes: usize,
    /// Number after the last that was let go of for want of room or time.
    floor: u64,
}

/// An entry, encoded once for all its readers.
#[derive(Debug)]
pub(crate) struct Entry {
    /// All of it, or for a Welcome all but the payload.
    pub(crate) frame: Bytes,
    /// A Welcome's, held once for all whom its commit adds.
    pub(crate) shared: Option<Arc<Bytes>>,
    pub(crate) at: Timestamp,
    pub(crate) readers: Readers,
    is_message: bool,
}

/// Whom an entry is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Readers {
    Everyone,
    Organizers,
    /// One connection, or the next one of its subject when it has come back.
    One(ParticipantId, SubjectId),
}

/// What is to be sequenced. Welcomes have [`NewWelcome`].
#[derive(Debug)]
pub(crate) struct NewEntry {
    pub(crate) sender: ParticipantId,
    pub(crate) kind: EntryKind,
    pub(crate) readers: Readers,
    pub(crate) payload: Bytes,
}

/// One commit's Welcome for one of those it adds.
#[derive(Debug)]
pub(crate) struct NewWelcome {
    pub(crate) sender: ParticipantId,
    pub(crate) readers: Readers,
    pub(crate) payload: Arc<Bytes>,
}

impl Log {
    pub(crate) const fn new(incarnation: Incarnation) -> Self {
        Self {
            position: LogPosition { incarnation, last_handshake: 0 },
            next_sequence: 1,
            recent: Shelf::new(),
            welcomes: Shelf::new(),
        }
    }

    pub(crate) const fn position(&self) -> LogPosition {
        self.position
    }

    pub(crate) const fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Gives an entry its place.
    pub(crate) fn append(&mut self, now: Timestamp, new: NewEntry, gauge: &mut Gauge) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let entry = LogEntry {
            sequence,
            sender: new.sender,
            kind: new.kind,
            last_handshake: self.position.last_handshake,
            directed: !matches!(new.readers, Readers::Everyone),
            payload: new.payload,
        };
        let mut frame = Vec::with_capacity(entry.payload.len() + FRAME_OVERHEAD_BYTES);
        entry.encode(&mut frame);
        if new.kind == EntryKind::Commit {
            self.position.last_handshake = sequence;
        }
        let is_message = new.kind == EntryKind::Message;
        let (frame, readers) = (frame.into(), new.readers);
        self.recent.put(sequence, Entry { frame, shared: None, at: now, readers, is_message }, gauge);
        sequence
    }

    /// Gives a Welcome its place, right after its commit. Of a large tree there is one copy, however many come in by it.
    pub(crate) fn append_welcome(&mut self, now: Timestamp, new: NewWelcome, gauge: &mut Gauge) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let entry = LogEntry {
            sequence,
            sender: new.sender,
            kind: EntryKind::Welcome,
            last_handshake: self.position.last_handshake,
            directed: true,
            payload: Bytes::clone(&new.payload),
        };
        let mut head = Vec::with_capacity(FRAME_OVERHEAD_BYTES);
        entry.encode_head(&mut head);
        let (frame, shared, readers) = (head.into(), Some(new.payload), new.readers);
        self.welcomes.put(sequence, Entry { frame, shared, at: now, readers, is_message: false }, gauge);
        sequence
    }

    pub(crate) fn get(&self, sequence: u64) -> Option<&Entry> {
        self.recent.entries.get(&sequence).or_else(|| self.welcomes.entries.get(&sequence))
    }

    /// Entries from `sequence` on that are still held, in order.
    pub(crate) fn since(&self, sequence: u64) -> Vec<(u64, &Entry)> {
        let shelves = [&self.recent, &self.welcomes];
        let mut entries: Vec<_> =
            shelves.iter().flat_map(|shelf| shelf.entries.range(sequence..)).map(|(n, e)| (*n, e)).collect();
        entries.sort_unstable_by_key(|(sequence, _)| *sequence);
        entries
    }

    /// First number from which on everything is held, but for Welcomes.
    pub(crate) const fn complete_from(&self) -> u64 {
        self.recent.floor
    }

    /// Bytes of Welcomes that wait to be acknowledged.
    pub(crate) const fn welcome_bytes(&self) -> usize {
        self.welcomes.bytes
    }

    /// The Welcome at `sequence`, if that is one and still held.
    pub(crate) fn welcome(&self, sequence: u64) -> Option<&Entry> {
        self.welcomes.entries.get(&sequence)
    }

    pub(crate) fn remove_welcome(&mut self, sequence: u64, gauge: &mut Gauge) {
        self.welcomes.remove(sequence, gauge);
    }

    /// Lets go of what is over budget; returns when to look again, for recent entries and for Welcomes.
    pub(crate) fn trim(
        &mut self,
        now: Timestamp,
        recent: ClassBudget,
        welcomes: ClassBudget,
        gauge: &mut Gauge,
    ) -> [Option<Timestamp>; 2] {
        [self.recent.trim(now, recent, gauge), self.welcomes.trim(now, welcomes, gauge)]
    }

    pub(crate) fn clear(&mut self, gauge: &mut Gauge) {
        for shelf in [&mut self.recent, &mut self.welcomes] {
            gauge.sub_log(shelf.bytes);
            *shelf = Shelf::new();
        }
    }

    #[cfg(test)]
    pub(crate) fn counted_bytes(&self) -> usize {
        let entries = self.since(0);
        let shared: std::collections::BTreeMap<_, _> = entries
            .iter()
            .filter_map(|(_, entry)| entry.shared.as_ref())
            .map(|shared| (Arc::as_ptr(shared), shared.len()))
            .collect();
        entries.iter().map(|(_, entry)| entry.frame.len()).sum::<usize>() + shared.values().sum::<usize>()
    }
}

impl Shelf {
    const fn new() -> Self {
        Self { entries: BTreeMap::new(), bytes: 0, floor: 1 }
    }

    fn put(&mut self, sequence: u64, entry: Entry, gauge: &mut Gauge) {
        // The first of those who share a payload brings it.
        let is_first = |shared: &Arc<Bytes>| {
            let before = self.entries.last_key_value().and_then(|(_, before)| before.shared.as_ref());
            !before.is_some_and(|before| Arc::ptr_eq(before, shared))
        };
        let shared = entry.shared.as_ref().filter(|shared| is_first(shared));
        let bytes = entry.frame.len() + shared.map_or(0, |shared| shared.len());
        self.bytes += bytes;
        gauge.add_log(bytes);
        self.entries.insert(sequence, entry);
    }

    fn remove(&mut self, sequence: u64, gauge: &mut Gauge) {
        if let Some(entry) = self.entries.remove(&sequence) {
            // The last one takes it along.
            let shared = entry.shared.and_then(Arc::into_inner);
            let bytes = entry.frame.len() + shared.map_or(0, |shared| shared.len());
            self.bytes -= bytes;
            gauge.sub_log(bytes);
        }
    }

    fn trim(&mut self, now: Timestamp, budget: ClassBudget, gauge: &mut Gauge) -> Option<Timestamp> {
        while let Some((sequence, entry)) = self.entries.first_key_value() {
            let ends = entry.at.plus_ms(budget.ms_max);
            if self.bytes <= budget.bytes_max && ends > now {
                return Some(ends);
            }
            let sequence = *sequence;
            self.floor = sequence + 1;
            self.remove(sequence, gauge);
        }
        None
    }
}

impl Entry {
    /// As many as its reader gets.
    pub(crate) fn len(&self) -> usize {
        self.frame.len() + self.shared.as_ref().map_or(0, |shared| shared.len())
    }

    /// Whether `participant` reads it as it is sequenced.
    pub(crate) fn is_for(&self, participant: &Participant) -> bool {
        let may_read = !self.is_message || participant.grants.subscribe.contains(TrackKind::Message);
        let addressed = match self.readers {
            Readers::Everyone => true,
            Readers::Organizers => participant.grants.controls.admit,
            Readers::One(id, _) => id == participant.id,
        };
        may_read && addressed
    }
}

/// Frame header and fields before the payload, rounded up.
const FRAME_OVERHEAD_BYTES: usize = 48;

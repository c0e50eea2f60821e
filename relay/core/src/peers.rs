//! The receiving side: who is there, what waits for whom, whose writer to wake.

use crate::arena::{Arena, Key};
use crate::participant::{Closing, Participant, StreamEnd};
use crate::track::Lane;
use crate::{IngressId, Wake};
use isi_wire::{CloseCode, ParticipantId, ReceiverReport, RelayMessage};
use std::collections::BTreeMap;

#[derive(Debug)]
pub(crate) struct Peers {
    ids: BTreeMap<ParticipantId, Key<Participant>>,
    pub(crate) all: Arena<Participant>,
    pub(crate) lanes: Arena<Lane>,
    wakes: Vec<Wake>,
    control_messages_max: usize,
}

impl Peers {
    pub(crate) const fn new(control_messages_max: usize) -> Self {
        Self {
            ids: BTreeMap::new(),
            all: Arena::new(),
            lanes: Arena::new(),
            wakes: Vec::new(),
            control_messages_max,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whoever has not left yet, those that are being closed included.
    pub(crate) fn key(&self, id: ParticipantId) -> Option<Key<Participant>> {
        self.ids.get(&id).copied()
    }

    /// Whoever is in the session, so is not being closed.
    pub(crate) fn present(&self, id: ParticipantId) -> Option<Key<Participant>> {
        self.key(id).filter(|key| self.all[*key].closing.is_none())
    }

    /// Everybody that is not being closed, in the order of their ids.
    pub(crate) fn everyone(&self) -> impl Iterator<Item = (Key<Participant>, &Participant)> {
        self.ids.values().map(|key| (*key, &self.all[*key])).filter(|(_, peer)| peer.closing.is_none())
    }

    /// Everybody whose departure was not told yet, in the order of their ids.
    pub(crate) fn not_departed(&self) -> impl Iterator<Item = &Participant> {
        self.ids.values().map(|key| &self.all[*key]).filter(|peer| !peer.departed)
    }

    /// Keys of everybody that is not being closed and for whom `is_meant` holds.
    pub(crate) fn select(&self, is_meant: impl Fn(&Participant) -> bool) -> Vec<Key<Participant>> {
        self.everyone().filter(|(_, peer)| is_meant(peer)).map(|(key, _)| key).collect()
    }

    pub(crate) fn insert(&mut self, participant: Participant) -> Key<Participant> {
        let id = participant.id;
        let key = self.all.insert(participant);
        self.ids.insert(id, key);
        key
    }

    pub(crate) fn remove(&mut self, key: Key<Participant>) -> Option<Participant> {
        let participant = self.all.remove(key)?;
        self.ids.remove(&participant.id);
        Some(participant)
    }

    /// Has `key`'s writer look, unless it is about to anyway.
    pub(crate) fn wake(&mut self, key: Key<Participant>) {
        let peer = &mut self.all[key];
        if !std::mem::replace(&mut peer.awake, true) {
            self.wakes.push(Wake::Writer(peer.id));
        }
    }

    pub(crate) fn wake_ingress(&mut self, ingress: IngressId) {
        self.wakes.push(Wake::Ingress(ingress));
    }

    pub(crate) fn drain_wakes(&mut self, out: &mut Vec<Wake>) {
        out.append(&mut self.wakes);
    }

    /// Queues a control message. Whoever lets too many lie is closed.
    pub(crate) fn tell(&mut self, key: Key<Participant>, message: RelayMessage) {
        if self.all[key].closing.is_none() {
            self.tell_later(key, message);
            self.wake(key);
        }
    }

    /// [`tell`](Self::tell), with whatever wakes the writer next. That something does, the caller sees to.
    pub(crate) fn tell_later(&mut self, key: Key<Participant>, message: RelayMessage) {
        let peer = &mut self.all[key];
        if peer.closing.is_some() {
            return;
        }
        if peer.outbox.control.len() >= self.control_messages_max {
            return self.close(key, CloseCode::Flood);
        }
        peer.outbox.control.push_back(message);
    }

    pub(crate) fn tell_each(&mut self, keys: &[Key<Participant>], message: &RelayMessage) {
        keys.iter().for_each(|key| self.tell(*key, message.clone()));
    }

    /// Queues the end of a stream.
    pub(crate) fn end_stream(&mut self, key: Key<Participant>, end: StreamEnd) {
        self.all[key].outbox.ends.push_back(end);
        self.wake(key);
    }

    /// Has the shell close the connection; everything else that waits is forgotten.
    pub(crate) fn close(&mut self, key: Key<Participant>, code: CloseCode) {
        let peer = &mut self.all[key];
        peer.closing.get_or_insert(Closing { code, told: false });
        peer.outbox.control.clear();
        self.wake(key);
    }

    /// Puts a lane that has something to write into its receiver's queue.
    pub(crate) fn queue(&mut self, key: Key<Lane>) {
        let lane = &mut self.lanes[key];
        if std::mem::replace(&mut lane.queued, true) {
            return;
        }
        let (receiver, class) = (lane.receiver, lane.class);
        self.all[receiver].outbox.lanes(class).push_back(key);
        self.wake(receiver);
    }

    /// Bytes came in for a lane: they wait from now on, and if its stream takes any its receiver's writer looks.
    /// Returns all that waits for the receiver.
    pub(crate) fn offer(&mut self, key: Key<Lane>, bytes: usize, is_held: bool) -> usize {
        if !is_held {
            self.queue(key);
        }
        let receiver = &mut self.all[self.lanes[key].receiver];
        receiver.waiting_bytes += bytes;
        receiver.waiting_bytes
    }

    /// Counts what a lane's receiver will not get, to be told when its writer comes by.
    pub(crate) fn count_dropped(&mut self, key: Key<Lane>, count: u32) {
        let lane = &mut self.lanes[key];
        let is_new = lane.dropped == 0;
        lane.dropped = lane.dropped.saturating_add(count);
        if is_new && count > 0 {
            let receiver = lane.receiver;
            self.all[receiver].outbox.notices.push_back(key);
            self.wake(receiver);
        }
    }

    /// How a lane's receiver does, if that was measured. What it has lost is reported by that.
    pub(crate) fn report_of(&mut self, key: Key<Lane>) -> Option<ReceiverReport> {
        let lane = &mut self.lanes[key];
        let receiver = &self.all[lane.receiver];
        Some(receiver.path?.report(receiver.id, std::mem::take(&mut lane.unreported)))
    }

    /// Forgets a lane, wherever it stands.
    pub(crate) fn remove_lane(&mut self, key: Key<Lane>) -> Option<Lane> {
        let lane = self.lanes.remove(key)?;
        let peer = &mut self.all[lane.receiver];
        peer.lanes.remove(&lane.alias);
        if lane.dropped > 0 {
            peer.outbox.notices.retain(|other| *other != key);
        }
        if lane.queued {
            peer.outbox.lanes(lane.class).retain(|other| *other != key);
        }
        Some(lane)
    }
}

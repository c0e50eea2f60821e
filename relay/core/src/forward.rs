//! The forwarding path: a chunk comes in, its receivers' writers wake, each pulls what is next for it.

use crate::arena::Key;
use crate::group::{Egress, Group, GroupState};
use crate::ingress::Admission;
use crate::participant::Participant;
use crate::track::Lane;
use crate::{ChunkOutcome, EgressId, IngressId, Session, Timestamp, Write, WriteRoom};
use bytes::Bytes;
use isi_wire::{DeliveryClass, ParticipantId, ResetCode};

impl Session {
    /// Takes the next bytes of a group and has all its receivers' writers look. O(receivers of the track).
    ///
    /// The bytes are held once, until the last receiver has them or their budget ends. A chunk for nobody is
    /// accepted and dropped: it is the sender's business what it sends.
    pub fn push_chunk(&mut self, now: Timestamp, ingress: IngressId, chunk: Bytes) -> ChunkOutcome {
        if chunk.is_empty() {
            return ChunkOutcome::Accepted;
        }
        match self.admit_chunk(now, ingress.0, chunk.len()) {
            Admission::Take => {}
            Admission::Wait => return ChunkOutcome::Full(chunk),
            Admission::Stop(code) => return ChunkOutcome::Stop(code),
        }
        self.fan_out(now, ingress.0, chunk);
        let over = self.over_budget(ingress.0);
        self.shed(over);
        ChunkOutcome::Accepted
    }

    fn fan_out(&mut self, now: Timestamp, key: Key<Group>, chunk: Bytes) {
        self.stats.bytes_in += chunk.len() as u64;
        let group = &mut self.groups[key];
        group.buffer.push(chunk, now, group.egresses.len(), &mut self.gauge);
        for egress in &group.egresses {
            self.peers.queue(self.egresses[*egress].lane);
        }
        self.watch_group(key);
    }

    /// What `to`'s writer does next. After a [`Wake::Writer`](crate::Wake::Writer) call it until there is
    /// nothing, and again when there is more `room`.
    ///
    /// Order: ends of streams, control, input, log, datagrams, media (newest group of each track first, tracks
    /// take turns), bulk.
    pub fn next_write(&mut self, now: Timestamp, to: ParticipantId, room: WriteRoom) -> Option<Write> {
        let key = self.peers.key(to)?;
        let write = match self.peers.all[key].closing {
            Some(_) => self.next_close(key),
            None => self.pick(now, key, room),
        };
        if write.is_none() {
            self.peers.all[key].awake = false;
        }
        write
    }

    fn pick(&mut self, now: Timestamp, to: Key<Participant>, room: WriteRoom) -> Option<Write> {
        self.next_stream_end(to)
            .or_else(|| self.peers.all[to].outbox.control.pop_front().map(Write::Control))
            .or_else(|| self.next_notice(to))
            .or_else(|| self.next_of_class(now, to, DeliveryClass::Input, usize::MAX))
            .or_else(|| self.next_log(to))
            .or_else(|| room.datagram.then(|| self.next_datagram(to)).flatten())
            .or_else(|| self.next_of_class(now, to, DeliveryClass::Media, room.media_bytes))
            .or_else(|| self.next_of_class(now, to, DeliveryClass::Bulk, room.media_bytes))
            .or_else(|| self.next_notice(to))
    }

    /// The next step of a class of group streams; lanes take turns, those that have nothing leave the queue.
    fn next_of_class(
        &mut self,
        now: Timestamp,
        to: Key<Participant>,
        class: DeliveryClass,
        room: usize,
    ) -> Option<Write> {
        if room == 0 {
            return None;
        }
        loop {
            let lane = self.peers.all[to].outbox.lanes(class).pop_front()?;
            let write = self.next_of_lane(lane, room);
            if write.is_none() {
                self.rest_lane(now, lane);
                continue;
            }
            // With its last group an unpublished track may be gone.
            if self.peers.lanes.get(lane).is_some() {
                self.peers.all[to].outbox.lanes(class).push_back(lane);
            }
            return write;
        }
    }

    /// There is nothing to write; if the receiver waits for a new group, it has room for one now.
    fn rest_lane(&mut self, now: Timestamp, lane: Key<Lane>) {
        let lane = &mut self.peers.lanes[lane];
        lane.queued = false;
        if std::mem::take(&mut lane.needs_group) {
            let alias = lane.alias;
            self.want_keyframe(now, alias);
        }
    }

    /// Media: the newest group first. Input and bulk: in order.
    fn next_of_lane(&mut self, lane: Key<Lane>, room: usize) -> Option<Write> {
        let Lane { class, ref egresses, .. } = self.peers.lanes[lane];
        let count = egresses.len();
        (0..count).find_map(|i| {
            let at = if class == DeliveryClass::Media { count - 1 - i } else { i };
            self.step(self.peers.lanes[lane].egresses[at], room)
        })
    }

    /// One receiver's next step through one group.
    fn step(&mut self, key: Key<Egress>, room: usize) -> Option<Write> {
        let egress = &mut self.egresses[key];
        let group = &mut self.groups[egress.group];
        let class = group.class;
        if !std::mem::replace(&mut egress.opened, true) {
            return Some(Write::Open { egress: EgressId(key), class, header: group.header.clone() });
        }
        if let Some(chunk) = group.buffer.get(egress.cursor) {
            let whole = chunk.len();
            let bytes = chunk.slice(egress.within..whole.min(egress.within.saturating_add(room)));
            egress.within += bytes.len();
            self.stats.bytes_out += bytes.len() as u64;
            if egress.within == whole {
                self.pass_chunk(key, whole);
            }
            return Some(Write::Chunk { egress: EgressId(key), class, bytes });
        }
        (group.state == GroupState::Finished).then(|| {
            self.drop_egress(key, None, ResetCode::TrackEnded);
            Write::Finish { egress: EgressId(key) }
        })
    }

    /// Moves a cursor on; the last one to pass frees the chunk, and may let the sender go on.
    fn pass_chunk(&mut self, key: Key<Egress>, bytes: usize) {
        let egress = &mut self.egresses[key];
        let group = egress.group;
        self.groups[group].buffer.pass(egress.cursor, &mut self.gauge);
        egress.cursor += 1;
        egress.within = 0;
        egress.passed += bytes as u64;
        self.wake_waiting(group);
    }
}

//! The forwarding path: chunks come in, their receivers' writers wake, each pulls what is next for it.

use crate::arena::Key;
use crate::group::{Egress, Group, GroupState};
use crate::participant::Participant;
use crate::{EgressId, IngressId, PushOutcome, Session, Timestamp, Write, WriteRoom};
use bytes::Bytes;
use isi_wire::{DeliveryClass, ParticipantId, ResetCode};
use std::collections::VecDeque;

impl Session {
    /// Takes the next bytes of a group off the front of `chunks` and has all its receivers' writers look.
    /// O(chunks + receivers of the track).
    ///
    /// The bytes are held once, until the last receiver has them or their budget ends. Chunks for nobody are
    /// accepted and dropped: it is the sender's business what it sends.
    pub fn push_chunks(
        &mut self,
        now: Timestamp,
        ingress: IngressId,
        chunks: &mut VecDeque<Bytes>,
    ) -> PushOutcome {
        let fitting = match self.admit_chunks(now, ingress.0, chunks) {
            Ok(fitting) => fitting,
            Err(code) => return PushOutcome::Stop(code),
        };
        self.fan_out(now, ingress.0, chunks.drain(..fitting));
        if chunks.is_empty() { PushOutcome::Accepted } else { PushOutcome::Full }
    }

    fn fan_out(&mut self, now: Timestamp, key: Key<Group>, chunks: impl Iterator<Item = Bytes>) {
        let group = &mut self.groups[key];
        let (mut bytes, mut held) = (0, 0);
        for chunk in chunks.filter(|chunk| !chunk.is_empty()) {
            bytes += chunk.len();
            held += group.buffer.push(chunk, now);
        }
        if bytes == 0 {
            return;
        }
        let (publisher, class, mut waiting_most) = (group.publisher, group.class, 0);
        for egress in &group.egresses {
            let egress = &self.egresses[*egress];
            waiting_most = waiting_most.max(self.peers.offer(egress.lane, bytes, egress.held));
        }
        self.count_in(class, bytes);
        self.hold(publisher, class, held);
        self.watch_group(key);
        self.shed(key, waiting_most);
    }

    /// What `to`'s writer does next. After a [`Wake::Writer`](crate::Wake::Writer) call it until there is
    /// nothing, and again when there is more `room`. The bytes of a [`Write::Stream`] are put into `chunks`,
    /// which is emptied first: keep it, so that its memory is used again.
    ///
    /// Order: ends of streams, control, input, log, datagrams, media, bulk. Tracks of a class take turns, by bytes.
    /// Groups of a track go in order, each finished before the next begins as far as it is there. Of media that has
    /// waited to begin for [`SUPERSEDED_MS_MIN`](crate::budgets::SUPERSEDED_MS_MIN) only the newest group is left.
    pub fn next_write(
        &mut self,
        now: Timestamp,
        to: ParticipantId,
        room: WriteRoom,
        chunks: &mut Vec<Bytes>,
    ) -> Option<Write> {
        chunks.clear();
        let key = self.peers.key(to)?;
        let write = match self.peers.all[key].closing {
            Some(_) => self.next_close(key),
            None => self.pick(now, key, room, chunks),
        };
        if write.is_none() {
            self.peers.all[key].awake = false;
        }
        write
    }

    fn pick(
        &mut self,
        now: Timestamp,
        to: Key<Participant>,
        room: WriteRoom,
        chunks: &mut Vec<Bytes>,
    ) -> Option<Write> {
        self.next_stream_end(to)
            .or_else(|| self.peers.all[to].outbox.control.pop_front().map(Write::Control))
            .or_else(|| self.next_notice(to))
            .or_else(|| self.next_of_class(now, to, DeliveryClass::Input, usize::MAX, chunks))
            .or_else(|| self.next_log(to))
            .or_else(|| room.datagram.then(|| self.next_datagram(to)).flatten())
            .or_else(|| self.next_of_class(now, to, DeliveryClass::Media, room.media_bytes, chunks))
            .or_else(|| self.next_of_class(now, to, DeliveryClass::Bulk, room.bulk_bytes, chunks))
            .or_else(|| self.next_notice(to))
    }

    /// One receiver's next step through one group: its beginning, its next chunks and its end, as far as they
    /// are there. The last cursor to pass a chunk frees it, and may let the sender go on.
    pub(crate) fn step(&mut self, key: Key<Egress>, room: usize, chunks: &mut Vec<Bytes>) -> Option<Write> {
        let egress = &mut self.egresses[key];
        let group = &mut self.groups[egress.group];
        if !egress.has_next(group) {
            return None;
        }
        let opens = !std::mem::replace(&mut egress.opened, true);
        if opens {
            chunks.push(group.header.clone());
        }
        let reading = group.buffer.read(&mut egress.cursor, room, chunks);
        egress.passed += reading.passed as u64;
        let finishes = group.state == GroupState::Finished && group.buffer.is_at_end(egress.cursor);
        let (from, lane, class, publisher) = (egress.group, egress.lane, group.class, group.publisher);
        self.count_out(class, reading.taken);
        self.take_turn(lane, reading);
        self.free(publisher, class, reading.freed);
        self.wake_waiting(from);
        if finishes {
            self.drop_egress(key, None, ResetCode::TrackEnded);
        }
        Some(Write::Stream { egress: EgressId(key), class, opens, bytes: reading.taken, finishes })
    }
}

//! Fair shares: the tracks of a class take turns, and a turn is measured in bytes, so that neither large chunks
//! nor many small ones get more.

use crate::arena::Key;
use crate::buffer::Reading;
use crate::participant::Participant;
use crate::track::Lane;
use crate::{Session, Timestamp, Write};
use bytes::Bytes;
use isi_wire::DeliveryClass;

/// One turn of a track while others of its class wait. Small: it is how long those wait.
pub(crate) const TURN_BYTES: usize = 16 * 1024;

impl Session {
    /// The next step of a class of group streams. Lanes take turns, those that have nothing leave the queue.
    pub(crate) fn next_of_class(
        &mut self,
        now: Timestamp,
        to: Key<Participant>,
        class: DeliveryClass,
        room: usize,
        chunks: &mut Vec<Bytes>,
    ) -> Option<Write> {
        if room == 0 {
            return None;
        }
        loop {
            let lanes = self.peers.all[to].outbox.lanes(class);
            let (lane, is_alone) = (*lanes.front()?, lanes.len() == 1);
            let turn = self.turn_of(lane, is_alone);
            let write = self.next_of_lane(now, lane, room.min(turn), chunks);
            // With its last group an unpublished track may be gone.
            let Some(still_there) = self.peers.lanes.get(lane) else { return write };
            match (&write, still_there.turn_bytes) {
                (None, _) => self.rest_lane(now, to, lane),
                (Some(_), 0) => self.peers.all[to].outbox.lanes(class).rotate_left(1),
                (Some(_), _) => {}
            }
            if write.is_some() {
                return write;
            }
        }
    }

    /// What a lane may write now: what is left of its turn, or all there is if nobody waits.
    fn turn_of(&mut self, key: Key<Lane>, is_alone: bool) -> usize {
        let lane = &mut self.peers.lanes[key];
        match (is_alone, lane.turn_bytes) {
            (true, _) => {
                lane.turn_bytes = 0;
                usize::MAX
            }
            (false, 0) => {
                lane.turn_bytes = TURN_BYTES;
                TURN_BYTES
            }
            (false, left) => left,
        }
    }

    /// Accounts for what a lane has written.
    pub(crate) fn take_turn(&mut self, key: Key<Lane>, reading: Reading) {
        let lane = &mut self.peers.lanes[key];
        lane.turn_bytes = lane.turn_bytes.saturating_sub(reading.taken);
        let receiver = lane.receiver;
        self.waits_no_more(receiver, reading.passed);
    }

    /// There is nothing to write; if the receiver waits for a new group, it has room for one now.
    fn rest_lane(&mut self, now: Timestamp, to: Key<Participant>, key: Key<Lane>) {
        let lane = &mut self.peers.lanes[key];
        lane.queued = false;
        lane.turn_bytes = 0;
        let (alias, class, needs_group) = (lane.alias, lane.class, std::mem::take(&mut lane.needs_group));
        self.peers.all[to].outbox.lanes(class).pop_front();
        if needs_group {
            self.want_keyframe(now, alias);
        }
    }

    /// Groups go in order, so what is in transfer is finished before the next begins; what is held lets that pass.
    /// Media that has not begun is left out when it is old.
    fn next_of_lane(
        &mut self,
        now: Timestamp,
        lane: Key<Lane>,
        room: usize,
        chunks: &mut Vec<Bytes>,
    ) -> Option<Write> {
        if self.peers.lanes[lane].class == DeliveryClass::Media {
            self.leave_out_superseded(now, lane);
        }
        let count = self.peers.lanes[lane].egresses.len();
        (0..count).find_map(|at| self.step(self.peers.lanes[lane].egresses[at], room, chunks))
    }
}

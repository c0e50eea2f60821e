//! How streams end, on both sides: an egress by Finish or Reset, an ingress by itself or by a stop.

use crate::arena::Key;
use crate::group::{Egress, Group, GroupState};
use crate::participant::{Participant, StreamEnd};
use crate::timers::Timer;
use crate::track::Lane;
use crate::{EgressId, IngressId, Session, Timestamp, Write};
use isi_wire::{DeliveryClass, ParticipantId, ResetCode};
use std::collections::VecDeque;

impl Session {
    /// A receiver has stopped a stream, or it broke: no further [`Write`] names it. The shell resets it.
    /// The next group of the track flows again.
    pub fn stream_stopped(&mut self, _now: Timestamp, to: ParticipantId, egress: EgressId) {
        if self.egress_of(to, egress).is_some() {
            self.drop_egress(egress.0, None, ResetCode::Unsubscribed);
        }
    }

    /// A stream takes nothing now, or cannot be opened yet: until [`release_egress`](Self::release_egress) no
    /// [`Write::Stream`] brings bytes for it. Other streams go on, the next group of the same track too. Its budget
    /// runs on, and it still gets its end. Without effect on a stream that is gone, not begun or another's.
    ///
    /// It is for a stream that its receiver holds back. When the whole connection is full, give no
    /// [room](crate::WriteRoom) instead: for a held media group the next one begins, and of many that have begun a slow
    /// receiver gets none whole.
    pub fn hold_egress(&mut self, to: ParticipantId, egress: EgressId) {
        if let Some(egress) = self.egress_of(to, egress)
            && egress.opened
            && !std::mem::replace(&mut egress.held, true)
        {
            self.stats.streams_held += 1;
        }
    }

    /// A stream that was held back goes on.
    pub fn release_egress(&mut self, to: ParticipantId, egress: EgressId) {
        let Some(Egress { held, lane, .. }) = self.egress_of(to, egress) else { return };
        if std::mem::replace(held, false) {
            let lane = *lane;
            self.stats.streams_held -= 1;
            self.peers.queue(lane);
        }
    }

    fn egress_of(&mut self, to: ParticipantId, egress: EgressId) -> Option<&mut Egress> {
        let receiver = self.peers.key(to)?;
        let egress = self.egresses.get_mut(egress.0)?;
        (self.peers.lanes[egress.lane].receiver == receiver).then_some(egress)
    }

    /// One receiver does not get the rest of a group; counted and told where that is a loss.
    pub(crate) fn give_up(&mut self, key: Key<Egress>, code: Option<ResetCode>) {
        let lane_key = self.egresses[key].lane;
        let is_loss = matches!(code, Some(ResetCode::Stale | ResetCode::OverBudget));
        let class = self.peers.lanes[lane_key].class;
        if is_loss && matches!(class, DeliveryClass::Media | DeliveryClass::Bulk) {
            self.stats.groups_reset += 1;
            self.stats.classes.get_mut(class).groups_reset += 1;
            // Of bulk the reset itself tells: each stream is a document that its receiver knows of.
            self.count_lost(lane_key, 1, class == DeliveryClass::Media);
        }
        self.drop_egress(key, code, code.unwrap_or(ResetCode::Unsubscribed));
    }

    /// Counts what a lane's receiver does not get, for itself and for the publisher.
    pub(crate) fn count_lost(&mut self, key: Key<Lane>, count: u32, is_told: bool) {
        if count == 0 {
            return;
        }
        let lane = &mut self.peers.lanes[key];
        lane.unreported = lane.unreported.saturating_add(count);
        let (alias, receiver) = (lane.alias, lane.receiver);
        if is_told {
            self.peers.count_dropped(key, count);
        }
        self.want_report_of(receiver, alias);
    }

    /// Ends an egress, with a reset if its receiver has seen it and is to be told. If it was the last one, the
    /// group goes if it is finished, and its sender is stopped with `stop` if nobody can come any more.
    pub(crate) fn drop_egress(&mut self, key: Key<Egress>, reset: Option<ResetCode>, stop: ResetCode) {
        let Some(egress) = self.egresses.remove(key) else { return };
        let lane = &mut self.peers.lanes[egress.lane];
        let receiver = lane.receiver;
        take_out(&mut lane.egresses, key);
        if let Some(code) = reset
            && egress.opened
        {
            self.peers.end_stream(receiver, StreamEnd::Reset(EgressId(key), code));
        }
        self.stats.streams_held -= usize::from(egress.held);
        self.give_back(&egress, receiver);
        let group = &self.groups[egress.group];
        match group.state {
            GroupState::Finished if group.egresses.is_empty() => self.retire(egress.group),
            GroupState::Open if group.egresses.is_empty() && group.class != DeliveryClass::Media => {
                self.end_group(egress.group, stop);
            }
            GroupState::Open | GroupState::Finished | GroupState::Stopped(_) => {}
        }
        self.wake_waiting(egress.group);
    }

    /// Takes an egress out of its group. What only it waited for is freed.
    fn give_back(&mut self, egress: &Egress, receiver: Key<Participant>) {
        let group = &mut self.groups[egress.group];
        group.egresses.swap_remove(egress.slot);
        if let Some(moved) = group.egresses.get(egress.slot) {
            self.egresses[*moved].slot = egress.slot;
        }
        let (waiting, freed) = (egress.backlog(group), group.buffer.leave(egress.cursor));
        let (publisher, class) = (group.publisher, group.class);
        self.waits_no_more(receiver, waiting);
        self.free(publisher, class, freed);
    }

    /// Ends a group for all its receivers; its sender is stopped if it is not through.
    pub(crate) fn end_group(&mut self, key: Key<Group>, code: ResetCode) {
        let group = &mut self.groups[key];
        let is_open = std::mem::replace(&mut group.state, GroupState::Stopped(code)) == GroupState::Open;
        group.waiting = None;
        let publisher = group.publisher;
        while let Some(egress) = self.groups[key].egresses.last().copied() {
            self.give_up(egress, Some(code));
        }
        self.detach(key);
        if is_open {
            self.peers.end_stream(publisher, StreamEnd::StopIngress(IngressId(key), code));
        } else {
            self.groups.remove(key);
        }
    }

    /// Forgets a group that everybody has.
    pub(crate) fn retire(&mut self, key: Key<Group>) {
        self.detach(key);
        self.groups.remove(key);
    }

    fn detach(&mut self, key: Key<Group>) {
        self.timers.disarm(Timer::Group(key));
        self.timers.disarm(Timer::Pace(key));
        let alias = self.groups[key].alias;
        if let Some(track) = self.tracks.get_mut(alias) {
            take_out(&mut track.groups, key);
        }
        self.end_if_drained(alias);
    }

    /// The next end of a stream. A group whose shell has heard of its end already is skipped.
    pub(crate) fn next_stream_end(&mut self, to: Key<Participant>) -> Option<Write> {
        loop {
            match self.peers.all[to].outbox.ends.pop_front()? {
                StreamEnd::Reset(egress, code) => return Some(Write::Reset { egress, code }),
                StreamEnd::StopIngress(ingress, code) => {
                    if self.groups.remove(ingress.0).is_some() {
                        return Some(Write::StopIngress { ingress, code });
                    }
                }
            }
        }
    }
}

/// Mostly it is the first.
fn take_out<T>(queue: &mut VecDeque<Key<T>>, key: Key<T>) {
    if let Some(at) = queue.iter().position(|other| *other == key) {
        queue.remove(at);
    }
}

//! What happens over budget: who loses what, and who is told. A receiver that is slow loses; the others and
//! the sender do not notice.

use crate::arena::Key;
use crate::directory::NO_SUCH_ALIAS;
use crate::group::{Egress, Group};
use crate::participant::Participant;
use crate::timers::Timer;
use crate::track::{Lane, Named};
use crate::{Session, Timestamp, Violation};
use isi_wire::{DeliveryClass, RelayMessage, ResetCode, TrackAlias, TrackEndReason};

impl Session {
    /// Lanes that have more waiting than their class may, after a chunk for `key`.
    ///
    /// Nobody has more before it than the relay holds of the track, so as long as that is little nobody is
    /// looked at.
    pub(crate) fn over_budget(&self, key: Key<Group>) -> Vec<Key<Lane>> {
        let group = &self.groups[key];
        let bytes_max = self.limits.class(group.class).bytes_max;
        let held: usize = match self.tracks.get(group.alias) {
            Some(track) => track.groups.iter().map(|key| self.groups[*key].buffer.bytes()).sum(),
            None => 0,
        };
        // Bulk waited at the door.
        if held <= bytes_max || group.class == DeliveryClass::Bulk {
            return Vec::new();
        }
        let lanes = group.egresses.iter().map(|egress| self.egresses[*egress].lane);
        lanes.filter(|lane| self.lane_backlog(*lane) > bytes_max).collect()
    }

    /// Cuts lanes back to their budget, oldest group first.
    pub(crate) fn shed(&mut self, over: Vec<Key<Lane>>) {
        for key in over {
            while let Some(lane) = self.peers.lanes.get(key)
                && self.lane_backlog(key) > self.limits.class(lane.class).bytes_max
            {
                let holds = |egress: &&Key<Egress>| self.egress_backlog(**egress) > 0;
                let Some(oldest) = lane.egresses.iter().find(holds) else { break };
                self.cut(*oldest);
            }
        }
    }

    /// One receiver does not get the rest of a group. What that means is the class's promise.
    fn cut(&mut self, key: Key<Egress>) {
        let Egress { lane: lane_key, .. } = self.egresses[key];
        let lane = &self.peers.lanes[lane_key];
        let (alias, is_newest) = (lane.alias, lane.egresses.back() == Some(&key));
        match lane.class {
            DeliveryClass::Input => {
                self.stats.input_tracks_closed += 1;
                self.end_track(alias, TrackEndReason::OverBudget, ResetCode::OverBudget);
            }
            DeliveryClass::Media if is_newest => {
                self.give_up(key, Some(ResetCode::OverBudget));
                self.need_group(lane_key);
            }
            DeliveryClass::Media => self.give_up(key, Some(ResetCode::Stale)),
            DeliveryClass::Bulk => self.give_up(key, Some(ResetCode::OverBudget)),
            DeliveryClass::Live | DeliveryClass::Log => debug_assert!(false, "has no groups"),
        }
    }

    /// Makes room for `bytes` in the session by cutting whoever holds the oldest media. Looks at all groups, but
    /// each time somebody is cut who gets no further chunk before the next group.
    pub(crate) fn make_room(&mut self, bytes: usize) -> bool {
        while self.gauge.streams() + bytes > self.limits.resident_bytes_max {
            let media = self.groups.iter().filter(|(_, group)| group.class == DeliveryClass::Media);
            let aged = media.filter_map(|(_, group)| Some((group.buffer.oldest()?, group)));
            let Some((_, group)) = aged.min_by_key(|(oldest, _)| *oldest) else { return false };
            let at = group.buffer.base();
            let holders: Vec<_> =
                group.egresses.iter().copied().filter(|egress| self.egresses[*egress].cursor == at).collect();
            debug_assert!(!holders.is_empty(), "a chunk is held for somebody");
            holders.into_iter().for_each(|egress| self.cut(egress));
        }
        true
    }

    /// There is no room for the rest of a group, even so.
    pub(crate) fn refuse_rest(&mut self, key: Key<Group>) {
        let Group { alias, class, .. } = self.groups[key];
        if class == DeliveryClass::Input {
            self.stats.input_tracks_closed += 1;
            self.end_track(alias, TrackEndReason::OverBudget, ResetCode::OverBudget);
        } else {
            self.end_group(key, ResetCode::OverBudget);
        }
        self.groups.remove(key);
    }

    /// Watches how long the oldest chunk of a group waits.
    pub(crate) fn watch_group(&mut self, key: Key<Group>) {
        if let Some(group) = self.groups.get_mut(key)
            && !group.timed
            && let Some(oldest) = group.buffer.oldest()
        {
            group.timed = true;
            self.timers.arm(Timer::Group(key), oldest.plus_ms(self.limits.class(group.class).ms_max));
        }
    }

    /// Cuts those whose next chunk has waited too long.
    pub(crate) fn expire_group(&mut self, now: Timestamp, key: Key<Group>) {
        let Some(group) = self.groups.get_mut(key) else { return };
        group.timed = false;
        let ms_max = self.limits.class(group.class).ms_max;
        let is_late = |egress: &Key<Egress>| {
            let arrived = group.buffer.arrived(self.egresses[*egress].cursor);
            arrived.is_some_and(|at| at.plus_ms(ms_max) <= now)
        };
        let late: Vec<_> = group.egresses.iter().copied().filter(is_late).collect();
        for egress in late {
            // An input track ends with its first one.
            if self.egresses.get(egress).is_some() {
                self.cut(egress);
            }
        }
        self.watch_group(key);
    }

    /// Has a lane's receiver get a new group, as soon as it has room for one.
    pub(crate) fn need_group(&mut self, key: Key<Lane>) {
        if let Some(lane) = self.peers.lanes.get_mut(key) {
            lane.needs_group = true;
            self.peers.queue(key);
        }
    }

    /// Asks a track's publisher for a new group: once however many need it. Too soon after the last time it is
    /// put off, and forgotten if a group begins until then.
    pub(crate) fn want_keyframe(&mut self, now: Timestamp, alias: TrackAlias) {
        let Some(track) = self.tracks.get(alias) else { return };
        let interval_ms = self.limits.keyframe_interval_ms_min;
        match track.keyframe_asked.map(|at| at.plus_ms(interval_ms)) {
            Some(again) if again > now => self.timers.arm(Timer::Keyframe(alias), again),
            Some(_) | None => self.ask_keyframe(now, alias),
        }
    }

    pub(crate) fn ask_keyframe(&mut self, now: Timestamp, alias: TrackAlias) {
        if let Some(track) = self.tracks.get_mut(alias) {
            track.keyframe_asked = Some(now);
            self.stats.keyframe_requests += 1;
            self.peers.tell(track.publisher, RelayMessage::KeyframeWanted { alias });
        }
    }

    pub(crate) fn request_keyframe(
        &mut self,
        now: Timestamp,
        from: Key<Participant>,
        alias: TrackAlias,
    ) -> Result<(), Violation> {
        match self.tracks.named(alias) {
            Named::Track(track) => {
                let has_groups = matches!(track.class, DeliveryClass::Media | DeliveryClass::Bulk);
                if has_groups && self.peers.all[from].lanes.contains_key(&alias) {
                    self.want_keyframe(now, alias);
                }
                Ok(())
            }
            Named::Gone => Ok(()),
            Named::Never => Err(NO_SUCH_ALIAS),
        }
    }

    fn lane_backlog(&self, key: Key<Lane>) -> usize {
        self.peers.lanes[key].egresses.iter().map(|egress| self.egress_backlog(*egress)).sum()
    }

    fn egress_backlog(&self, key: Key<Egress>) -> usize {
        let egress = &self.egresses[key];
        egress.backlog(&self.groups[egress.group])
    }
}

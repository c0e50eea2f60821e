//! What happens over budget: who loses what, and who is told. A receiver that is slow loses; the others and
//! the sender do not notice.

use crate::arena::Key;
use crate::directory::NO_SUCH_ALIAS;
use crate::group::{Egress, Group};
use crate::participant::Participant;
use crate::timers::Timer;
use crate::track::{Lane, Named, Track};
use crate::{Session, Timestamp, Violation};
use isi_wire::{DeliveryClass, RelayMessage, ResetCode, TrackAlias, TrackEndReason};

impl Session {
    /// Cuts receivers of a group back to their budgets after chunks for it came in. `waiting_most` is what waits
    /// for the one of them for whom most does.
    ///
    /// Nobody has more of a track before it than the relay holds of that, so as long as that is little no lane
    /// is looked at.
    pub(crate) fn shed(&mut self, key: Key<Group>, waiting_most: usize) {
        let group = &self.groups[key];
        // Bulk waited at the door.
        let bytes_max = self.limits.class(group.class).bytes_max;
        let is_track_over = group.class != DeliveryClass::Bulk && self.holds_more_of(group, bytes_max);
        let is_receiver_over = waiting_most > self.limits.waiting_bytes_per_receiver_max;
        if !is_track_over && !is_receiver_over {
            return;
        }
        let lanes: Vec<_> = group.egresses.iter().map(|egress| self.egresses[*egress].lane).collect();
        for lane in lanes {
            let Some(receiver) = self.peers.lanes.get(lane).map(|lane| lane.receiver) else { continue };
            if is_track_over {
                self.shed_lane(lane, bytes_max);
            }
            self.shed_receiver(receiver);
        }
    }

    /// Whether the relay holds more than `bytes_max` of a group's track. As long as it does not of all tracks of
    /// the publisher, no group is looked at.
    fn holds_more_of(&self, group: &Group, bytes_max: usize) -> bool {
        let bytes_of = |track: &Track| -> usize {
            track.groups.iter().map(|key| self.groups[*key].buffer.bytes()).sum()
        };
        self.peers.all[group.publisher].held_bytes > bytes_max
            && self.tracks.get(group.alias).is_some_and(|track| bytes_of(track) > bytes_max)
    }

    /// Cuts one track's way to one receiver back to its class's budget: media that has not begun goes up to the
    /// newest, then the oldest group.
    fn shed_lane(&mut self, key: Key<Lane>, bytes_max: usize) {
        if self.peers.lanes[key].class == DeliveryClass::Media && self.lane_backlog(key) > bytes_max {
            self.leave_out_all_but_newest(key);
        }
        while let Some(lane) = self.peers.lanes.get(key)
            && self.lane_backlog(key) > bytes_max
        {
            let holds = |egress: &&Key<Egress>| self.egress_backlog(**egress) > 0;
            let Some(oldest) = lane.egresses.iter().find(holds) else { break };
            self.cut(*oldest);
        }
    }

    /// Cuts what waits for one receiver back to its bound: the oldest media first, bulk only when there is none
    /// left, input last.
    fn shed_receiver(&mut self, key: Key<Participant>) {
        while self.peers.all[key].waiting_bytes > self.limits.waiting_bytes_per_receiver_max {
            let lanes = self.peers.all[key].lanes.values();
            let egresses = lanes.flat_map(|lane| self.peers.lanes[*lane].egresses.iter().copied());
            let oldest = egresses.filter_map(|key| {
                let egress = &self.egresses[key];
                let group = &self.groups[egress.group];
                Some((last_to_be_cut(group.class), group.buffer.arrived(egress.cursor)?, key))
            });
            let Some((_, _, oldest)) = oldest.min() else { break };
            self.cut(oldest);
        }
    }

    /// A group that has waited long enough for its turn to begin, while a newer one is there, shows that its
    /// receiver is behind.
    pub(crate) fn leave_out_superseded(&mut self, now: Timestamp, key: Key<Lane>) {
        let next = self.begun_of(key);
        let Some(next) = self.peers.lanes[key].egresses.get(next) else { return };
        let began = self.groups[self.egresses[*next].group].began;
        if began.plus_ms(self.limits.superseded_ms_min) <= now {
            self.leave_out_all_but_newest(key);
        }
    }

    /// A receiver that is behind goes on with the newest group; what has not begun before that does not come.
    fn leave_out_all_but_newest(&mut self, key: Key<Lane>) {
        let begun = self.begun_of(key);
        while let Some(newest) = self.peers.lanes[key].egresses.len().checked_sub(1)
            && begun < newest
        {
            self.give_up(self.peers.lanes[key].egresses[begun], Some(ResetCode::Stale));
        }
    }

    /// How many groups of a lane have begun: those are its oldest.
    fn begun_of(&self, key: Key<Lane>) -> usize {
        self.peers.lanes[key].egresses.partition_point(|egress| self.egresses[*egress].opened)
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

    /// Makes room for `bytes` of `publisher` by cutting whoever holds its oldest media, then, for the session as
    /// a whole, the oldest of all. Looks at all groups, but each time somebody is cut who gets no further chunk
    /// before the next group.
    pub(crate) fn make_room(&mut self, publisher: Key<Participant>, bytes: usize) -> bool {
        let limits = self.limits;
        while self.peers.all[publisher].held_bytes + bytes > limits.resident_bytes_per_publisher_max {
            if !self.cut_oldest_media(|group| group.publisher == publisher) {
                return false;
            }
        }
        while self.gauge.streams() + bytes > limits.resident_bytes_max {
            if !self.cut_oldest_media(|_| true) {
                return false;
            }
        }
        true
    }

    /// Whether there was any.
    fn cut_oldest_media(&mut self, is_meant: impl Fn(&Group) -> bool) -> bool {
        let groups = self.groups.iter().map(|(_, group)| group);
        let media = groups.filter(|group| group.class == DeliveryClass::Media && is_meant(group));
        let aged = media.filter_map(|group| Some((group.buffer.oldest()?, group)));
        let Some((_, group)) = aged.min_by_key(|(oldest, _)| *oldest) else { return false };
        let is_last = |egress: &Key<Egress>| group.buffer.is_last(self.egresses[*egress].cursor);
        let holders: Vec<_> = group.egresses.iter().copied().filter(is_last).collect();
        debug_assert!(!holders.is_empty(), "a chunk is held for somebody");
        holders.into_iter().for_each(|egress| self.cut(egress));
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

/// The order in which classes lose to a receiver's bound.
const fn last_to_be_cut(class: DeliveryClass) -> u8 {
    match class {
        DeliveryClass::Media => 0,
        DeliveryClass::Bulk => 1,
        DeliveryClass::Input | DeliveryClass::Live | DeliveryClass::Log => 2,
    }
}

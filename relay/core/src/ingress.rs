//! Groups on their way in: what is taken, what has to wait, how they end.

use crate::arena::Key;
use crate::budgets::OPEN_GROUPS_PER_TRACK_MAX;
use crate::buffer::SharedBuffer;
use crate::directory::{NO_SUCH_ALIAS, NOT_YOURS};
use crate::group::{Egress, Group, GroupState};
use crate::participant::Participant;
use crate::timers::Timer;
use crate::track::{Named, Track};
use crate::{GroupRefused, IngressId, Session, Timestamp, Violation};
use bytes::Bytes;
use isi_wire::{CloseCode, DeliveryClass, GroupHeader, ParticipantId, ResetCode, TrackAlias};

impl Session {
    /// Begins a group for everybody who receives the track now. `header_bytes` are stream type and header as
    /// they came; receivers get them unchanged.
    ///
    /// # Errors
    /// [`GroupRefused::Reset`]: stop the stream, the connection goes on; [`GroupRefused::Violation`]: close it.
    pub fn open_group(
        &mut self,
        now: Timestamp,
        from: ParticipantId,
        header: GroupHeader,
        header_bytes: Bytes,
    ) -> Result<IngressId, GroupRefused> {
        let publisher = self.peers.present(from).ok_or(GroupRefused::Reset(ResetCode::TrackEnded))?;
        self.check_header(publisher, header)?;
        self.make_way(header.alias)?;
        // A few bytes of their own: a slice of the receive buffer would keep all of it.
        let header_bytes = Bytes::copy_from_slice(&header_bytes);
        Ok(IngressId(self.begin_group(now, publisher, header, header_bytes)))
    }

    fn check_header(&self, from: Key<Participant>, header: GroupHeader) -> Result<(), GroupRefused> {
        let track = match self.tracks.named(header.alias) {
            Named::Track(track) if track.publisher == from => track,
            Named::Track(_) => return Err(NOT_YOURS.into()),
            Named::Gone => return Err(GroupRefused::Reset(ResetCode::TrackEnded)),
            Named::Never => return Err(NO_SUCH_ALIAS.into()),
        };
        if header.class != track.class {
            return Err(GroupRefused::Reset(ResetCode::BadHeader));
        }
        if self.peers.all[from].outbox.ends.len() >= self.limits.control_messages_max {
            return Err(FLOOD.into());
        }
        self.check_number(track, header.group)
    }

    /// Streams overtake each other, so an old number may be an honest one: of media it is stale.
    fn check_number(&self, track: &Track, number: u64) -> Result<(), GroupRefused> {
        let is_taken = match track.class {
            DeliveryClass::Media if track.newest.is_some_and(|newest| number < newest) => {
                return Err(GroupRefused::Reset(ResetCode::Stale));
            }
            DeliveryClass::Media | DeliveryClass::Input => {
                track.newest.is_some_and(|newest| number <= newest)
            }
            // A document may be sent again, from the offset that a receiver is at.
            DeliveryClass::Bulk => track.groups.iter().any(|key| {
                let group = &self.groups[*key];
                group.number == number && group.state == GroupState::Open
            }),
            DeliveryClass::Live | DeliveryClass::Log => true,
        };
        if is_taken {
            return Err(GroupRefused::Reset(ResetCode::BadHeader));
        }
        if track.lanes.is_empty() && track.class != DeliveryClass::Media {
            return Err(GroupRefused::Reset(ResetCode::Unsubscribed));
        }
        Ok(())
    }

    /// Keeps a track at its number of groups: an old media group makes way, if there is one that nobody has in
    /// transfer; reliable ones do not.
    fn make_way(&mut self, alias: TrackAlias) -> Result<(), GroupRefused> {
        while let Some(victim) = self.in_the_way(alias) {
            match self.groups[victim].class {
                DeliveryClass::Media => self.end_group(victim, ResetCode::Stale),
                DeliveryClass::Input | DeliveryClass::Live | DeliveryClass::Log | DeliveryClass::Bulk => {
                    return Err(GroupRefused::Reset(ResetCode::OverBudget));
                }
            }
        }
        Ok(())
    }

    /// The group that has to end before another may begin. Of media those still coming in are few, so that what a
    /// sender cannot get through in time is stopped at its side and not sent on for ever.
    fn in_the_way(&self, alias: TrackAlias) -> Option<Key<Group>> {
        let track = self.tracks.get(alias)?;
        let coming_in = |key: &&Key<Group>| self.groups[**key].state == GroupState::Open;
        if track.class == DeliveryClass::Media
            && track.groups.iter().filter(coming_in).count() >= OPEN_GROUPS_PER_TRACK_MAX
        {
            return track.groups.iter().find(coming_in).copied();
        }
        if track.groups.len() < self.limits.groups_per_track_max {
            return None;
        }
        let idle = track.groups.iter().find(|key| !self.is_in_transfer(**key));
        idle.or(track.groups.front()).copied()
    }

    /// Whether somebody has begun it and not got all of it yet.
    fn is_in_transfer(&self, key: Key<Group>) -> bool {
        self.groups[key].egresses.iter().any(|egress| self.egresses[*egress].opened)
    }

    fn begin_group(
        &mut self,
        now: Timestamp,
        publisher: Key<Participant>,
        header: GroupHeader,
        header_bytes: Bytes,
    ) -> Key<Group> {
        let key = self.groups.insert(Group {
            alias: header.alias,
            class: header.class,
            number: header.group,
            publisher,
            began: now,
            header: header_bytes,
            buffer: SharedBuffer::default(),
            egresses: Vec::new(),
            state: GroupState::Open,
            waiting: None,
            timed: false,
        });
        let Some(track) = self.tracks.get_mut(header.alias) else { unreachable!("its header was checked") };
        track.newest = track.newest.max(Some(header.group));
        track.groups.push_back(key);
        self.timers.disarm(Timer::Keyframe(header.alias));
        let group = &mut self.groups[key];
        group.egresses.reserve_exact(track.lanes.len());
        for (slot, key_of_lane) in track.lanes.iter().enumerate() {
            let egress = self.egresses.insert(Egress::new(key, *key_of_lane, slot, group.buffer.enter()));
            group.egresses.push(egress);
            let lane = &mut self.peers.lanes[*key_of_lane];
            lane.egresses.push_back(egress);
            lane.needs_group = false;
            self.peers.queue(*key_of_lane);
        }
        key
    }

    /// The sender has finished the group: it is whole.
    pub fn finish_group(&mut self, _now: Timestamp, ingress: IngressId) {
        let Some(group) = self.groups.get_mut(ingress.0) else { return };
        match group.state {
            GroupState::Open if group.egresses.is_empty() => self.retire(ingress.0),
            GroupState::Open => {
                group.state = GroupState::Finished;
                group.waiting = None;
                group.egresses.iter().for_each(|egress| self.peers.queue(self.egresses[*egress].lane));
            }
            GroupState::Finished => {}
            GroupState::Stopped(_) => drop(self.groups.remove(ingress.0)),
        }
    }

    /// The sender has reset the group, or its stream broke: receivers get the same code instead of the rest.
    pub fn reset_group(&mut self, _now: Timestamp, ingress: IngressId, code: ResetCode) {
        match self.groups.get_mut(ingress.0).map(|group| &mut group.state) {
            Some(state @ GroupState::Open) => {
                *state = GroupState::Finished;
                self.end_group(ingress.0, code);
            }
            Some(GroupState::Stopped(_)) => drop(self.groups.remove(ingress.0)),
            Some(GroupState::Finished) | None => {}
        }
    }
}

const FLOOD: Violation = Violation { code: CloseCode::Flood, what: "too many groups that had to be stopped" };

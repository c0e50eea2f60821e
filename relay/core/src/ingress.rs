//! Groups on their way in: what is taken, what has to wait, how they end.

use crate::arena::Key;
use crate::buffer::SharedBuffer;
use crate::directory::{NO_SUCH_ALIAS, NOT_YOURS};
use crate::group::{Egress, Group, GroupState};
use crate::participant::Participant;
use crate::timers::Timer;
use crate::track::{Named, Track};
use crate::{GroupRefused, IngressId, Session, Timestamp, Violation};
use bytes::Bytes;
use isi_wire::{CloseCode, DeliveryClass, GroupHeader, ParticipantId, ResetCode, TrackAlias};

/// Whether a chunk may come in.
pub(crate) enum Admission {
    Take,
    Wait,
    Stop(ResetCode),
}

impl Session {
    /// Begins a group for everybody who receives the track now. `header_bytes` are stream type and header as
    /// they came; receivers get them unchanged.
    ///
    /// # Errors
    /// [`GroupRefused::Reset`]: stop the stream, the connection goes on; [`GroupRefused::Violation`]: close it.
    pub fn open_group(
        &mut self,
        _now: Timestamp,
        from: ParticipantId,
        header: GroupHeader,
        header_bytes: Bytes,
    ) -> Result<IngressId, GroupRefused> {
        let publisher = self.peers.present(from).ok_or(GroupRefused::Reset(ResetCode::TrackEnded))?;
        self.check_header(publisher, header)?;
        self.make_way(header.alias)?;
        // A few bytes of their own: a slice of the receive buffer would keep all of it.
        let header_bytes = Bytes::copy_from_slice(&header_bytes);
        Ok(IngressId(self.begin_group(publisher, header, header_bytes)))
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

    /// Keeps a track at its number of groups: an old media group makes way, reliable ones do not.
    fn make_way(&mut self, alias: TrackAlias) -> Result<(), GroupRefused> {
        while let Some(track) = self.tracks.get(alias)
            && track.groups.len() >= self.limits.groups_per_track_max
        {
            match track.groups.front() {
                Some(oldest) if track.class == DeliveryClass::Media => {
                    self.end_group(*oldest, ResetCode::Stale)
                }
                Some(_) | None => return Err(GroupRefused::Reset(ResetCode::OverBudget)),
            }
        }
        Ok(())
    }

    fn begin_group(
        &mut self,
        publisher: Key<Participant>,
        header: GroupHeader,
        header_bytes: Bytes,
    ) -> Key<Group> {
        let key = self.groups.insert(Group {
            alias: header.alias,
            class: header.class,
            number: header.group,
            publisher,
            header: header_bytes,
            buffer: SharedBuffer::default(),
            egresses: Vec::new(),
            state: GroupState::Open,
            waiting: false,
            timed: false,
        });
        let Some(track) = self.tracks.get_mut(header.alias) else { unreachable!("its header was checked") };
        track.newest = track.newest.max(Some(header.group));
        track.groups.push_back(key);
        self.timers.disarm(Timer::Keyframe(header.alias));
        for lane in track.lanes.clone() {
            let egress = self.egresses.insert(Egress::new(key, lane));
            self.groups[key].egresses.push(egress);
            self.peers.lanes[lane].egresses.push_back(egress);
            self.peers.lanes[lane].needs_group = false;
            self.peers.queue(lane);
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
                group.waiting = false;
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

    pub(crate) fn admit_chunk(&mut self, now: Timestamp, key: Key<Group>, bytes: usize) -> Admission {
        let Some(group) = self.groups.get_mut(key) else { return Admission::Stop(ResetCode::TrackEnded) };
        if let GroupState::Stopped(code) = group.state {
            self.groups.remove(key);
            return Admission::Stop(code);
        }
        debug_assert_eq!(group.state, GroupState::Open, "the shell pushed after it finished");
        group.waiting = false;
        let (class, publisher, is_wanted) = (group.class, group.publisher, !group.egresses.is_empty());
        if class != DeliveryClass::Input && !self.pace_allows(now, key)
            || class == DeliveryClass::Bulk && !self.bulk_fits(key, bytes)
        {
            self.groups[key].waiting = true;
            self.stats.backpressure += 1;
            return Admission::Wait;
        }
        if is_wanted && !self.make_room(bytes) {
            self.refuse_rest(key);
            return Admission::Stop(ResetCode::OverBudget);
        }
        self.charge(publisher, bytes);
        Admission::Take
    }

    /// Input is never held back by a rate, only counted.
    fn pace_allows(&mut self, now: Timestamp, key: Key<Group>) -> bool {
        let publisher = self.groups[key].publisher;
        let Some(bucket) = &mut self.peers.all[publisher].pace else { return true };
        let is_open = bucket.is_open(now);
        if !is_open {
            self.timers.arm(Timer::Pace(key), bucket.opens_at());
        }
        is_open
    }

    pub(crate) fn charge(&mut self, publisher: Key<Participant>, bytes: usize) {
        if let Some(bucket) = &mut self.peers.all[publisher].pace {
            bucket.charge(bytes);
        }
    }

    /// Bulk goes at the pace of the slowest receiver, and leaves half of the session's memory to the rest. One
    /// chunk always fits.
    fn bulk_fits(&mut self, key: Key<Group>, bytes: usize) -> bool {
        let held = self.groups[key].buffer.bytes();
        if held > 0 && held + bytes > self.limits.bulk.bytes_max {
            return false;
        }
        let is_starved =
            self.gauge.streams() > 0 && self.gauge.streams() + bytes > self.limits.resident_bytes_max / 2;
        if is_starved {
            self.starved.push(key);
        }
        !is_starved
    }

    /// Lets a sender go on whose receivers have caught up by half.
    pub(crate) fn wake_waiting(&mut self, key: Key<Group>) {
        if let Some(group) = self.groups.get_mut(key)
            && group.waiting
            && group.buffer.bytes() <= self.limits.bulk.bytes_max / 2
        {
            self.wake_ingress(key);
        }
        self.wake_starved();
    }

    /// Lets bulk go on that waited for the session to hold less.
    pub(crate) fn wake_starved(&mut self) {
        if !self.starved.is_empty() && self.gauge.streams() <= self.limits.resident_bytes_max / 2 {
            std::mem::take(&mut self.starved).into_iter().for_each(|key| self.wake_ingress(key));
        }
    }

    /// Has the sender push its chunk again, if it waits for that.
    pub(crate) fn wake_ingress(&mut self, key: Key<Group>) {
        if let Some(group) = self.groups.get_mut(key)
            && std::mem::replace(&mut group.waiting, false)
        {
            self.peers.wake_ingress(IngressId(key));
        }
    }
}

const FLOOD: Violation = Violation { code: CloseCode::Flood, what: "too many groups that had to be stopped" };

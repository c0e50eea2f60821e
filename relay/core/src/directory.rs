//! Tracks and who gets them.

use crate::arena::Key;
use crate::buffer::SharedBuffer;
use crate::group::{Group, GroupState};
use crate::participant::Participant;
use crate::timers::Timer;
use crate::track::{Lane, Named, Track};
use crate::{Session, Timestamp, Violation};
use isi_wire::{
    Audience, CloseCode, DeliveryClass, RefuseReason, RelayMessage, ResetCode, TrackAlias, TrackEndReason,
    TrackId, TrackKind,
};
use std::collections::VecDeque;

impl Session {
    pub(crate) fn publish(
        &mut self,
        now: Timestamp,
        publisher: Key<Participant>,
        id: TrackId,
        kind: TrackKind,
        class: DeliveryClass,
        audience: Audience,
    ) -> Result<TrackAlias, RefuseReason> {
        let alias = self.check_publish(now, publisher, id, kind, class, audience)?;
        let peer = &mut self.peers.all[publisher];
        peer.announcements.charge(1);
        peer.tracks.insert(id, alias);
        self.tracks.insert(Track {
            alias,
            publisher,
            publisher_id: peer.id,
            id,
            kind,
            class,
            audience,
            ending: false,
            lanes: Vec::new(),
            groups: VecDeque::new(),
            newest: None,
            datagrams: SharedBuffer::default(),
            timed: false,
            keyframe_asked: None,
            reported: None,
        });
        self.announce(alias);
        Ok(alias)
    }

    fn check_publish(
        &mut self,
        now: Timestamp,
        publisher: Key<Participant>,
        id: TrackId,
        kind: TrackKind,
        class: DeliveryClass,
        audience: Audience,
    ) -> Result<TrackAlias, RefuseReason> {
        let peer = &mut self.peers.all[publisher];
        if !peer.grants.publish.contains(kind) {
            return Err(RefuseReason::Forbidden);
        }
        if !goes_together(kind, class, audience) || audience == Audience::One(peer.id) {
            return Err(RefuseReason::Mismatch);
        }
        if peer.tracks.contains_key(&id) {
            return Err(RefuseReason::Duplicate);
        }
        let tracks_max = peer.grants.tracks_max.min(self.limits.tracks_per_participant_max);
        if peer.tracks.len() >= tracks_max
            || self.tracks.len() >= self.limits.tracks_max
            || !peer.announcements.is_open(now)
        {
            return Err(RefuseReason::Limit);
        }
        if let Audience::One(receiver) = audience {
            let receiver = self.peers.present(receiver).ok_or(RefuseReason::NotFound)?;
            if !self.peers.all[receiver].grants.subscribe.contains(kind) {
                return Err(RefuseReason::Forbidden);
            }
        }
        self.tracks.next_alias().ok_or(RefuseReason::Limit)
    }

    /// Tells those who may receive a new track. One that is directed flows from now on.
    fn announce(&mut self, alias: TrackAlias) {
        let Some(track) = self.tracks.get(alias) else { return };
        let (info, is_directed) = (track.info(), matches!(track.audience, Audience::One(_)));
        let receivers = self.peers.select(|peer| track.is_for(peer));
        self.peers.tell_each(&receivers, &RelayMessage::TrackAdded(info));
        if is_directed {
            receivers.iter().for_each(|key| self.add_lane(alias, *key));
        }
    }

    pub(crate) fn unpublish(&mut self, from: Key<Participant>, alias: TrackAlias) -> Result<(), Violation> {
        match self.tracks.named(alias) {
            Named::Track(track) if track.publisher == from => {
                self.end_when_drained(alias);
                Ok(())
            }
            Named::Track(_) => Err(NOT_YOURS),
            Named::Gone => Ok(()),
            Named::Never => Err(NO_SUCH_ALIAS),
        }
    }

    /// Ends what is not whole now, the track itself when the rest is with everybody.
    fn end_when_drained(&mut self, alias: TrackAlias) {
        let Some(track) = self.tracks.get_mut(alias) else { return };
        track.ending = true;
        let is_open = |key: &Key<Group>| self.groups[*key].state == GroupState::Open;
        let open: Vec<_> = track.groups.iter().copied().filter(is_open).collect();
        open.into_iter().for_each(|group| self.end_group(group, ResetCode::TrackEnded));
        self.end_if_drained(alias);
    }

    pub(crate) fn end_if_drained(&mut self, alias: TrackAlias) {
        if self.tracks.get(alias).is_some_and(|track| track.ending && track.groups.is_empty()) {
            self.end_track(alias, TrackEndReason::Unpublished, ResetCode::TrackEnded);
        }
    }

    pub(crate) fn subscribe(
        &mut self,
        from: Key<Participant>,
        alias: TrackAlias,
    ) -> Result<Result<(), RefuseReason>, Violation> {
        let track = match self.tracks.named(alias) {
            Named::Track(track) => track,
            Named::Gone => return Ok(Err(RefuseReason::NotFound)),
            Named::Never => return Err(NO_SUCH_ALIAS),
        };
        let peer = &self.peers.all[from];
        if !track.is_for(peer) {
            // A track that is for others is not there for this one.
            let is_known = track.audience == Audience::Everyone && track.publisher != from;
            return Ok(Err(if is_known { RefuseReason::Forbidden } else { RefuseReason::NotFound }));
        }
        if !peer.lanes.contains_key(&alias) {
            let needs_group = matches!(track.class, DeliveryClass::Media | DeliveryClass::Bulk);
            self.add_lane(alias, from);
            if needs_group {
                self.need_group(self.peers.all[from].lanes[&alias]);
            }
        }
        Ok(Ok(()))
    }

    pub(crate) fn unsubscribe(&mut self, from: Key<Participant>, alias: TrackAlias) -> Result<(), Violation> {
        if let Some(lane) = self.peers.all[from].lanes.get(&alias).copied() {
            self.drop_lane(lane, Some(ResetCode::Unsubscribed));
        } else if matches!(self.tracks.named(alias), Named::Never) {
            return Err(NO_SUCH_ALIAS);
        }
        Ok(())
    }

    fn add_lane(&mut self, alias: TrackAlias, receiver: Key<Participant>) {
        let Some(track) = self.tracks.get_mut(alias) else { return };
        let cursor = track.datagrams.enter();
        let lane = self.peers.lanes.insert(Lane::new(track, receiver, cursor));
        track.lanes.push(lane);
        self.peers.all[receiver].lanes.insert(alias, lane);
        self.want_report_of(receiver, alias);
    }

    /// Ends a track's way to one receiver; streams that were opened are reset with `code`, or go with the
    /// connection.
    pub(crate) fn drop_lane(&mut self, key: Key<Lane>, code: Option<ResetCode>) {
        while let Some(egress) = self.peers.lanes.get(key).and_then(|lane| lane.egresses.front().copied()) {
            self.give_up(egress, code);
        }
        let Some(lane) = self.peers.remove_lane(key) else { return };
        let Some(track) = self.tracks.get_mut(lane.alias) else { return };
        track.lanes.swap_remove(lane.slot);
        if let Some(moved) = track.lanes.get(lane.slot) {
            self.peers.lanes[*moved].slot = lane.slot;
        }
        let freed = track.datagrams.leave(lane.cursor);
        let publisher = track.publisher;
        self.free(publisher, DeliveryClass::Live, freed);
        self.want_report_of(lane.receiver, lane.alias);
    }

    /// Ends a track for everybody. Streams on their way are reset with `code`, its publisher's are stopped.
    pub(crate) fn end_track(&mut self, alias: TrackAlias, reason: TrackEndReason, code: ResetCode) {
        while let Some(group) = self.tracks.get(alias).and_then(|track| track.groups.front().copied()) {
            self.end_group(group, code);
        }
        let lanes = self.tracks.get(alias).map(|track| track.lanes.clone()).unwrap_or_default();
        lanes.into_iter().for_each(|lane| self.drop_lane(lane, Some(code)));
        let Some(track) = self.tracks.remove(alias) else { return };
        self.timers.disarm(Timer::Live(alias));
        self.timers.disarm(Timer::Keyframe(alias));
        self.timers.disarm(Timer::Report(alias));
        self.peers.all[track.publisher].tracks.remove(&track.id);
        let told = self.peers.select(|peer| track.is_for(peer) || publisher_is_told(&track, peer, reason));
        self.peers.tell_each(&told, &RelayMessage::TrackRemoved { alias, reason });
    }
}

/// Which kinds go with which class, and that input has exactly one receiver.
const fn goes_together(kind: TrackKind, class: DeliveryClass, audience: Audience) -> bool {
    match kind {
        TrackKind::Input => matches!((class, audience), (DeliveryClass::Input, Audience::One(_))),
        TrackKind::Audio | TrackKind::Pointer => matches!(class, DeliveryClass::Live),
        TrackKind::Screen | TrackKind::Video => matches!(class, DeliveryClass::Media),
        TrackKind::Document => matches!(class, DeliveryClass::Bulk),
        TrackKind::Message => matches!(class, DeliveryClass::Log),
    }
}

fn publisher_is_told(track: &Track, peer: &Participant, reason: TrackEndReason) -> bool {
    peer.id == track.publisher_id
        && matches!(reason, TrackEndReason::ReceiverLeft | TrackEndReason::OverBudget)
}

pub(crate) const NOT_YOURS: Violation =
    Violation { code: CloseCode::Forbidden, what: "the track is another participant's" };
pub(crate) const NO_SUCH_ALIAS: Violation =
    Violation { code: CloseCode::ProtocolViolation, what: "the alias was never given to a track" };

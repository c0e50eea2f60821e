//! Datagrams: newest wins. A ring per track, a cursor per receiver; who is too slow finds its cursor behind.

use crate::arena::Key;
use crate::directory::{NO_SUCH_ALIAS, NOT_YOURS};
use crate::participant::Participant;
use crate::timers::Timer;
use crate::track::Named;
use crate::{Session, Timestamp, Violation, Write};
use bytes::Bytes;
use isi_wire::{CloseCode, DeliveryClass, ParticipantId, RelayMessage, TrackAlias};

impl Session {
    /// Takes a datagram, header included, for everybody who receives the track. O(receivers of the track).
    /// What is over the sender's rate or the session's memory is dropped and counted.
    ///
    /// # Errors
    /// [`Violation`]: the track is another's, is not live, or never was.
    pub fn push_datagram(
        &mut self,
        now: Timestamp,
        from: ParticipantId,
        alias: TrackAlias,
        datagram: Bytes,
    ) -> Result<(), Violation> {
        let Some(publisher) = self.peers.present(from) else { return Ok(()) };
        match self.tracks.named(alias) {
            Named::Track(track) if track.publisher != publisher => return Err(NOT_YOURS),
            Named::Track(track) if track.class != DeliveryClass::Live => return Err(NOT_LIVE),
            Named::Track(_) => {}
            Named::Gone => return Ok(()),
            Named::Never => return Err(NO_SUCH_ALIAS),
        }
        let bucket = self.peers.all[publisher].pace.as_mut();
        let is_allowed = bucket.is_none_or(|bucket| bucket.is_open(now));
        if is_allowed && self.make_room(publisher, datagram.len()) {
            self.charge(publisher, datagram.len());
            self.fan_out_datagram(now, alias, datagram);
        } else {
            self.drop_datagram(alias);
        }
        Ok(())
    }

    fn fan_out_datagram(&mut self, now: Timestamp, alias: TrackAlias, datagram: Bytes) {
        let Some(track) = self.tracks.get_mut(alias) else { return };
        let publisher = track.publisher;
        let bytes = datagram.len();
        let held = track.datagrams.push(datagram, now);
        let mut evicted = 0;
        while track.datagrams.bytes() > self.limits.live.bytes_max {
            evicted += track.datagrams.evict_front();
        }
        track.lanes.iter().for_each(|lane| self.peers.queue(*lane));
        self.count_in(DeliveryClass::Live, bytes);
        self.hold(publisher, DeliveryClass::Live, held);
        self.free(publisher, DeliveryClass::Live, evicted);
        self.watch_datagrams(alias);
    }

    /// The datagram is refused at the door: everybody misses it.
    fn drop_datagram(&mut self, alias: TrackAlias) {
        let Some(track) = self.tracks.get(alias) else { return };
        self.stats.datagrams_dropped += track.lanes.len() as u64;
        let lanes = track.lanes.clone();
        lanes.into_iter().for_each(|lane| self.count_lost(lane, 1, true));
    }

    /// Watches how long the oldest datagram of a track waits.
    fn watch_datagrams(&mut self, alias: TrackAlias) {
        if let Some(track) = self.tracks.get_mut(alias)
            && !track.timed
            && let Some(oldest) = track.datagrams.oldest()
        {
            track.timed = true;
            self.timers.arm(Timer::Live(alias), oldest.plus_ms(self.limits.live.ms_max));
        }
    }

    /// Lets go of datagrams that have waited too long.
    pub(crate) fn expire_datagrams(&mut self, now: Timestamp, alias: TrackAlias) {
        let Some(track) = self.tracks.get_mut(alias) else { return };
        track.timed = false;
        let ms_max = self.limits.live.ms_max;
        let mut evicted = 0;
        while track.datagrams.oldest().is_some_and(|at| at.plus_ms(ms_max) <= now) {
            evicted += track.datagrams.evict_front();
        }
        let publisher = track.publisher;
        self.free(publisher, DeliveryClass::Live, evicted);
        self.watch_datagrams(alias);
    }

    /// The next datagram; tracks take turns.
    pub(crate) fn next_datagram(&mut self, to: Key<Participant>) -> Option<Write> {
        loop {
            let key = self.peers.all[to].outbox.lanes(DeliveryClass::Live).pop_front()?;
            let lane = &mut self.peers.lanes[key];
            let Some(track) = self.tracks.get_mut(lane.alias) else {
                unreachable!("a lane outlived its track")
            };
            let missed = track.datagrams.catch_up(&mut lane.cursor);
            let next = track.datagrams.next(&mut lane.cursor);
            let publisher = track.publisher;
            match next {
                Some(_) => self.peers.all[to].outbox.lanes(DeliveryClass::Live).push_back(key),
                None => lane.queued = false,
            }
            self.stats.datagrams_dropped += missed;
            self.count_lost(key, u32::try_from(missed).unwrap_or(u32::MAX), true);
            if let Some((datagram, freed)) = next {
                self.free(publisher, DeliveryClass::Live, freed);
                self.count_out(DeliveryClass::Live, datagram.len());
                return Some(Write::Datagram(datagram));
            }
        }
    }

    /// What somebody has missed since it was last told.
    pub(crate) fn next_notice(&mut self, to: Key<Participant>) -> Option<Write> {
        let lane = self.peers.all[to].outbox.notices.pop_front()?;
        let lane = &mut self.peers.lanes[lane];
        let count = std::mem::take(&mut lane.dropped);
        Some(Write::Control(RelayMessage::Dropped { alias: lane.alias, count }))
    }
}

const NOT_LIVE: Violation =
    Violation { code: CloseCode::ProtocolViolation, what: "a datagram for a track that is not live" };

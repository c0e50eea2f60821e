//! While a lease runs its driven side tells the driver every 100 ms where it is, so that input that somebody holds back is
//! found out.

use super::requests::PublishThen;
use super::state::State;
use crate::event::{Event, Refused};
use crate::lease::LeaseId;
use crate::payload::{TICK_SCREENS_MAX, Tick};
use bytes::Bytes;
use isi_e2ee::{Expected, LeaseEndReason, MonotonicMs, Opener, SealMeta, Sealer, TICK_MS, Transport};
use isi_wire::{Audience, DatagramHeader, TrackAlias, TrackId, TrackInfo, TrackKind};

/// Datagrams: a tick that is late is worth nothing. The relay gives them to the driver alone.
const TICKS_KIND: TrackKind = TrackKind::Pointer;
const TICKS_META: SealMeta = SealMeta { group: 0, keyframe: false };
const TICKS_EXPECTED: Expected = Expected { group: Some(0), transport: Transport::Datagram };
/// What was held back is told once in so many ticks.
const TICKS_PER_TELLING: u64 = 1_000 / TICK_MS;

/// The driven side's ticks of one lease.
#[derive(Default)]
pub(super) struct GivenTicks {
    /// `None` until the relay has taken the track.
    track: Option<(TrackId, TrackAlias, Sealer)>,
    /// How much was held back when it was last told.
    told: u64,
}

impl State {
    /// Asks the relay for the way to the driver.
    pub(super) fn publish_ticks(&mut self) {
        let Some(lease) = self.leases.given.as_ref().map(|given| given.lease) else { return };
        if let Some(driver) = self.people.participant_of(lease.driver) {
            self.publish(TICKS_KIND, Audience::One(driver), PublishThen::Ticks(lease.id));
        }
    }

    /// The way is there; whether the lease still is, too.
    pub(super) fn ticks_published(
        &mut self,
        id: LeaseId,
        track: TrackId,
        alias: TrackAlias,
        sealer: Sealer,
    ) -> bool {
        let given = self.leases.given.as_mut().filter(|given| given.lease.id == id);
        let Some(given) = given else { return false };
        given.ticks.track = Some((track, alias, sealer));
        true
    }

    /// Without ticks nothing that the driver does would be new enough.
    pub(super) fn ticks_lost(&mut self, id: LeaseId) {
        if self.leases.given.as_ref().is_some_and(|given| given.lease.id == id) {
            self.end_given(LeaseEndReason::OutOfTouch);
        }
    }

    pub(super) fn stop_ticks(&mut self, ticks: &GivenTicks) {
        if let Some((track, ..)) = ticks.track {
            self.unpublish(track);
        }
    }

    /// Sends a tick if one is due.
    pub(super) fn tick(&mut self, now: MonotonicMs) {
        let Some((number, held_back)) = self.leases.gate.tick(now) else { return };
        let Some(given) = &mut self.leases.given else { return };
        let (lease, ticks) = (given.lease, &mut given.ticks);
        if number.is_multiple_of(TICKS_PER_TELLING) && held_back > ticks.told {
            let events = held_back - std::mem::replace(&mut ticks.told, held_back);
            self.events.send(Event::InputHeldBack { lease, events });
        }
        let Some((_, alias, sealer)) = &mut ticks.track else { return };
        let frames = self.screens.newest_sent(TICK_SCREENS_MAX);
        let tick = Tick { lease: lease.id.0, number, held_back: ticks.told, frames };
        if let Ok(object) = sealer.seal(now, TICKS_META, &tick.encode()) {
            self.out.datagrams.push(DatagramHeader { alias: *alias }.encode(&object));
        }
    }

    /// A datagram that is directed at this member.
    pub(super) fn handle_directed_datagram(&mut self, info: &TrackInfo, object: Bytes) {
        let Some(from) = self.people.member_of(info.participant) else { return };
        let me = self.me;
        let mut known = self.leases.known.iter_mut();
        // Of a lease that has ended already it is nobody's mistake.
        let Some(known) = known.rfind(|known| known.lease.driven == from && known.lease.driver == me) else {
            return;
        };
        if known.ticks_opener.as_ref().is_none_or(|(track, _)| *track != info.track) {
            let opener = Opener::new(&self.group.keyring(), from.leaf, info.track, TICKS_KIND);
            known.ticks_opener = Some((info.track, opener));
        }
        let Some((_, opener)) = &mut known.ticks_opener else { return };
        let opened = opener.open(self.clock.now(), TICKS_EXPECTED, object.clone()).map_err(Refused::Object);
        let tick = opened.and_then(|opened| {
            self.events.opened(&object, &opened.plaintext);
            Ok(Tick::decode(&opened.plaintext)?)
        });
        match tick {
            Ok(tick) if tick.lease == known.lease.id.0 => {
                if tick.held_back > known.held_back {
                    let events = tick.held_back - std::mem::replace(&mut known.held_back, tick.held_back);
                    self.events.send(Event::InputHeldBack { lease: known.lease, events });
                }
                known.ticks.hear(tick);
            }
            Ok(_) => {}
            Err(why) => self.events.refused(Some(from), why),
        }
    }
}

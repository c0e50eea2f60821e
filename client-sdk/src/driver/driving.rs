use super::agreement::agree;
use super::requests::{PublishThen, nobody};
use super::signal::Signal;
use super::state::State;
use crate::MemberId;
use crate::command::{Command, Reply};
use crate::error::DriveError;
use crate::event::Event;
use crate::lease::{Agreement, Lease, LeaseId, TicksSeen};
use crate::limits::LEASES_KNOWN_MAX;
use crate::track::{OwnTrack, TrackState};
use isi_e2ee::{LeaseEnd, LeaseEndReason, LeaseError, Opener};
use isi_wire::{Audience, TrackId, TrackKind};
use std::sync::Arc;

/// A lease of another member that runs.
pub(super) struct Known {
    pub(super) lease: Lease,
    /// Set while this member drives by it.
    driving: Option<Arc<TrackState>>,
    /// What the driven side's ticks say, if this member is its driver.
    pub(super) ticks: Arc<TicksSeen>,
    /// Of the track that the ticks came on.
    pub(super) ticks_opener: Option<(TrackId, Opener)>,
    /// How much of this member's input the driven side says it dropped.
    pub(super) held_back: u64,
}

impl super::leases::Leases {
    pub(super) fn known(&mut self, id: LeaseId) -> Option<&mut Known> {
        self.known.iter_mut().find(|known| known.lease.id == id)
    }
}

impl State {
    /// A handle of a lease was dropped: the driven side takes it back, the driver gives it up.
    pub(super) fn drop_lease(&mut self, id: LeaseId) {
        if self.leases.given.as_ref().is_some_and(|given| given.lease.id == id) {
            return self.end_given(LeaseEndReason::Revoked);
        }
        let me = self.me;
        if self.leases.known(id).is_some_and(|known| known.lease.driver == me) {
            let end = LeaseEnd { id: id.0, reason: LeaseEndReason::Released };
            if let Ok(signed) = self.group.keyring().sign_lease_end(&end) {
                self.append_or_fail(&Signal::LeaseEnd(signed), Audience::Everyone, nobody());
            }
            self.forget_lease(id, LeaseEndReason::Released);
        }
    }

    pub(super) fn handle_lease_grant(&mut self, from: MemberId, signed: &[u8]) {
        let terms = match self.group.keyring().verify_lease(signed, from.leaf, self.clock.now()) {
            Ok(terms) => terms,
            Err(error) => return self.events.refused(Some(from), error),
        };
        let Some(driver) = self.people.at(terms.driver) else {
            return self.events.refused(Some(from), LeaseError::NotAMember(terms.driver));
        };
        let lease = Lease { id: LeaseId(terms.id), driver, driven: from, terms };
        if self.leases.known(lease.id).is_some() {
            return self.events.refused(Some(from), LeaseError::Malformed);
        }
        if self.leases.known.len() >= LEASES_KNOWN_MAX {
            self.leases.known.pop_front();
        }
        self.leases.known.push_back(Known {
            lease,
            driving: None,
            ticks: Arc::new(TicksSeen::new(from)),
            ticks_opener: None,
            held_back: 0,
        });
        if driver == self.me {
            self.rotate_for_granted_lease();
        }
        self.events.send(Event::LeaseGranted(lease));
    }

    pub(super) fn handle_lease_end(&mut self, from: MemberId, signed: &[u8]) {
        let end = match self.group.keyring().verify_lease_end(signed, from.leaf, self.clock.now()) {
            Ok(end) => end,
            Err(error) => return self.events.refused(Some(from), error),
        };
        let id = LeaseId(end.id);
        if self.leases.given.as_ref().is_some_and(|given| given.lease.id == id && given.lease.driver == from)
        {
            // A driver has these two reasons and no other.
            let out_of_touch = end.reason == LeaseEndReason::OutOfTouch;
            return self.end_given(if out_of_touch { end.reason } else { LeaseEndReason::Released });
        }
        if self.leases.known(id).is_some_and(|known| known.lease.driven == from || known.lease.driver == from)
        {
            self.forget_lease(id, end.reason);
        }
    }

    fn forget_lease(&mut self, id: LeaseId, reason: LeaseEndReason) {
        let Some(place) = self.leases.known.iter().position(|known| known.lease.id == id) else { return };
        let Some(Known { lease, driving, .. }) = self.leases.known.remove(place) else { return };
        driving.into_iter().for_each(|track| track.end());
        self.events.send(Event::LeaseEnded { lease, reason });
    }

    /// This member lost its connection: it drives nobody any more, and hears nothing of others.
    pub(super) fn leases_disconnected(&mut self) {
        let me = self.me;
        for lease in self.leases.known.iter().map(|known| known.lease).collect::<Vec<_>>() {
            let reason =
                if lease.driver == me { LeaseEndReason::DriverGone } else { LeaseEndReason::SharingStopped };
            self.forget_lease(lease.id, reason);
        }
    }

    /// A member left, was removed or lost its connection.
    pub(super) fn leases_lose(&mut self, member: MemberId) {
        if self.leases.given.as_ref().is_some_and(|given| given.lease.driver == member) {
            self.end_given(LeaseEndReason::DriverGone);
        }
        let lost = |known: &&Known| known.lease.driver == member || known.lease.driven == member;
        for lease in self.leases.known.iter().filter(lost).map(|known| known.lease).collect::<Vec<_>>() {
            let driver_gone = lease.driver == member;
            let reason =
                if driver_gone { LeaseEndReason::DriverGone } else { LeaseEndReason::SharingStopped };
            self.forget_lease(lease.id, reason);
        }
    }

    /// This member drives nobody any more.
    pub(super) fn stop_driving(&mut self, reason: LeaseEndReason) {
        let me = self.me;
        let mine = self.leases.known.iter().filter(|known| known.lease.driver == me);
        for id in mine.map(|known| known.lease.id).collect::<Vec<_>>() {
            let end = LeaseEnd { id: id.0, reason };
            if let Ok(signed) = self.group.keyring().sign_lease_end(&end) {
                self.append_or_fail(&Signal::LeaseEnd(signed), Audience::Everyone, nobody());
            }
            self.forget_lease(id, reason);
        }
    }

    pub(super) fn drive(&mut self, lease: Lease, reply: Reply<OwnTrack, DriveError>) {
        let (me, input) = (self.me, self.watching.standing().input);
        let known = self.leases.known(lease.id).filter(|known| known.lease == lease && lease.driver == me);
        let refused = match known {
            None => Some(DriveError::NoLease),
            Some(_) if !input => Some(DriveError::OutOfTouch),
            Some(known) if known.driving.is_some() => Some(DriveError::InUse),
            Some(_) => None,
        };
        if let Some(refused) = refused {
            let _ = reply.send(Err(refused));
            return;
        }
        let Some(participant) = self.people.participant_of(lease.driven) else {
            return self.wait_for(lease.driven, Command::Drive { lease, reply });
        };
        self.publish(TrackKind::Input, Audience::One(participant), PublishThen::Drive(lease.id, reply));
    }

    /// The input track of a lease is there; whether the lease still is, too.
    pub(super) fn driving(&mut self, id: LeaseId, state: &Arc<TrackState>) -> bool {
        let Some(known) = self.leases.known(id) else { return false };
        known.driving = Some(Arc::clone(state));
        true
    }

    /// The driver's keys for a lease, in the newest epoch.
    pub(super) fn agree_input(&mut self, id: LeaseId) -> Option<(Agreement, Arc<TicksSeen>)> {
        let known = self.leases.known(id)?;
        let (lease, ticks) = (known.lease, Arc::clone(&known.ticks));
        agree(&self.group, lease.driven.leaf, id.0, &lease.terms.public_key)
            .map(|agreement| (agreement, ticks))
    }
}

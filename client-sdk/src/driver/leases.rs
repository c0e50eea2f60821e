use super::agreement::{PrivateInbox, agree};
use super::requests::{PublishThen, answer, nobody};
use super::signal::Signal;
use super::state::State;
use crate::MemberId;
use crate::command::{Command, Reply};
use crate::error::{DriveError, GrantError, LeaseRequestError, RequestError};
use crate::event::{Event, Refused};
use crate::inbox::Inbox;
use crate::lease::{Agreement, GivenLease, InputStreams, Lease, LeaseId, Prologue};
use crate::limits::{GROUPS_QUEUED_MAX, LEASE_MS_MAX, LEASES_KNOWN_MAX};
use crate::track::{OwnTrack, TrackState};
use isi_e2ee::{
    Ended, LeaseEnd, LeaseEndReason, LeaseError, LeaseScope, LeaseState, LeaseTerms, MonotonicMs, PrivateKeys,
};
use isi_wire::{Audience, ParticipantId, TrackId, TrackKind};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Who drives whom: the lease this member gave, those it has, and those of others.
#[derive(Default)]
pub(super) struct Leases {
    gate: Arc<Mutex<LeaseState>>,
    generation: u64,
    given: Option<Given>,
    /// Leases of others that run, the oldest first.
    known: VecDeque<Known>,
}

/// The lease this member gave.
struct Given {
    lease: Lease,
    inbox: PrivateInbox,
    streams: InputStreams,
    end: oneshot::Sender<Ended>,
    /// A prologue of an epoch that this member has not entered yet.
    early: Option<(Prologue, oneshot::Sender<Option<PrivateKeys>>)>,
}

struct Known {
    lease: Lease,
    /// Set while this member drives by it.
    driving: Option<Arc<TrackState>>,
}

impl Leases {
    pub(super) fn next_deadline(&self) -> Option<MonotonicMs> {
        self.gate().next_deadline()
    }

    /// Where input of this member goes, if it drives this one.
    pub(super) fn streams_of(&self, driver: MemberId) -> Option<&InputStreams> {
        self.given.as_ref().filter(|given| given.lease.driver == driver).map(|given| &given.streams)
    }

    // A poisoned lock means a panic between two whole updates elsewhere; the state is as valid as before.
    fn gate(&self) -> MutexGuard<'_, LeaseState> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&mut self, id: LeaseId) -> Option<&mut Known> {
        self.known.iter_mut().find(|known| known.lease.id == id)
    }
}

impl State {
    pub(super) fn request_lease(&mut self, from: MemberId, reply: Reply<(), LeaseRequestError>) {
        match self.people.participant_of(from) {
            Some(participant) => {
                self.append_or_fail(&Signal::LeaseRequest, Audience::One(participant), answer(reply));
            }
            None if self.people.is_member(from) && from != self.me => {
                self.wait_for(from, Command::RequestLease { from, reply });
            }
            None => drop(reply.send(Err(LeaseRequestError::NotReachable))),
        }
    }

    pub(super) fn grant_lease(
        &mut self,
        driver: MemberId,
        scope: LeaseScope,
        duration_ms: u64,
        reply: Reply<GivenLease, GrantError>,
    ) {
        if self.people.participant_of(driver).is_none() && self.people.is_member(driver) && driver != self.me
        {
            return self.wait_for(driver, Command::GrantLease { driver, scope, duration_ms, reply });
        }
        let _ = reply.send(self.start_lease(driver, scope, duration_ms));
    }

    fn start_lease(
        &mut self,
        driver: MemberId,
        scope: LeaseScope,
        duration_ms: u64,
    ) -> Result<GivenLease, GrantError> {
        if duration_ms == 0 || duration_ms > LEASE_MS_MAX {
            return Err(GrantError::Duration);
        }
        if self.people.participant_of(driver).is_none() {
            return Err(GrantError::NotReachable);
        }
        self.check_room()?;
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|_| GrantError::NoRandomness)?;
        let inbox = PrivateInbox::new(&self.group, id);
        let terms = LeaseTerms {
            id,
            generation: self.leases.generation + 1,
            driver: driver.leaf,
            driven: self.me.leaf,
            scope,
            duration_ms,
            public_key: inbox.public_key(),
        };
        let signed = self.group.keyring().sign_lease(&terms)?;
        // Ended before the new one starts, so that everybody hears of both in this order.
        self.end_given(LeaseEndReason::Superseded);
        self.leases.generation = terms.generation;
        let _ = self.leases.gate().start(terms, self.clock.now());
        let lease = Lease { id: LeaseId(id), driver, driven: self.me, terms };
        let (end, ended) = oneshot::channel();
        let streams = Inbox::new(GROUPS_QUEUED_MAX);
        self.leases.given = Some(Given { lease, inbox, streams: streams.clone(), end, early: None });
        self.append_or_fail(&Signal::LeaseGrant(signed), Audience::Everyone, nobody());
        self.events.send(Event::LeaseGranted(lease));
        Ok(GivenLease { lease, gate: Arc::clone(&self.leases.gate), streams, ended })
    }

    /// Ends the lease this member gave: its receiver gets what is to be released, everybody is told.
    pub(super) fn end_given(&mut self, reason: LeaseEndReason) {
        let ended = self.leases.gate().end(reason);
        self.lease_ended(ended);
    }

    pub(super) fn expire_lease(&mut self, now: MonotonicMs) {
        let ended = self.leases.gate().poll(now);
        self.lease_ended(ended);
    }

    fn lease_ended(&mut self, ended: Option<Ended>) {
        // Nothing is taken unless it has ended: most timers are others'.
        let Some(ended) = ended else { return };
        let Some(given) = self.leases.given.take() else { return };
        let reason = ended.reason;
        // The receiver may be gone; then nobody can release anything.
        let _ = given.end.send(ended);
        given.streams.close();
        let end = LeaseEnd { id: given.lease.id.0, reason };
        if let Ok(signed) = self.group.keyring().sign_lease_end(&end) {
            self.append_or_fail(&Signal::LeaseEnd(signed), Audience::Everyone, nobody());
        }
        self.events.send(Event::LeaseEnded { lease: given.lease, reason });
    }

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

    /// Input did not arrive whole: a lost release would be a key that stays down.
    pub(super) fn input_cut(&mut self, id: LeaseId) {
        if self.leases.given.as_ref().is_some_and(|given| given.lease.id == id) {
            self.end_given(LeaseEndReason::DriverGone);
        }
    }

    /// The relay could not deliver a member's input in order.
    pub(super) fn input_track_cut(&mut self, participant: ParticipantId) {
        let driver = self.people.member_of(participant);
        if self.leases.given.as_ref().is_some_and(|given| Some(given.lease.driver) == driver) {
            self.end_given(LeaseEndReason::DriverGone);
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
        self.leases.known.push_back(Known { lease, driving: None });
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
            return self.end_given(LeaseEndReason::Released);
        }
        if self.leases.known(id).is_some_and(|known| known.lease.driven == from || known.lease.driver == from)
        {
            self.forget_lease(id, end.reason);
        }
    }

    fn forget_lease(&mut self, id: LeaseId, reason: LeaseEndReason) {
        let Some(place) = self.leases.known.iter().position(|known| known.lease.id == id) else { return };
        let Some(Known { lease, driving }) = self.leases.known.remove(place) else { return };
        driving.into_iter().for_each(|track| track.end());
        self.events.send(Event::LeaseEnded { lease, reason });
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

    pub(super) fn drive(&mut self, lease: Lease, reply: Reply<(TrackId, OwnTrack), DriveError>) {
        let me = self.me;
        let known = self.leases.known(lease.id).filter(|known| known.lease == lease && lease.driver == me);
        let refused = match known {
            None => Some(DriveError::NoLease),
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
    pub(super) fn agree_input(&mut self, id: LeaseId) -> Option<Agreement> {
        let lease = self.leases.known(id)?.lease;
        agree(&self.group, lease.driven.leaf, id.0, &lease.terms.public_key)
    }

    /// The driven side's keys; waits when the driver's epoch is not entered here yet.
    pub(super) fn accept_input(&mut self, prologue: Prologue, reply: oneshot::Sender<Option<PrivateKeys>>) {
        let given = self.leases.given.as_mut().filter(|given| given.lease.id.0 == prologue.lease);
        let Some(given) = given else { return drop(reply.send(None)) };
        if prologue.epoch > self.group.epoch() {
            given.early = Some((prologue, reply));
            return;
        }
        let driver = given.lease.driver.leaf;
        let _ = reply.send(given.inbox.accept(&self.group, driver, prologue.epoch, &prologue.enc));
    }

    /// The membership changed.
    pub(super) fn leases_enter_epoch(&mut self) {
        let Some(given) = &mut self.leases.given else { return };
        given.inbox.enter_epoch(&self.group);
        if let Some((prologue, reply)) = given.early.take() {
            self.accept_input(prologue, reply);
        }
    }

    /// A stream of input that is directed at this member.
    pub(super) fn handle_input_stream(
        &mut self,
        from: Option<MemberId>,
        track: TrackId,
        group: crate::transport::IncomingGroup,
    ) {
        let streams = from.and_then(|from| self.leases.streams_of(from));
        let turned_away = match streams {
            Some(streams) => streams.push((track, group)).map(|(_, group)| group),
            None => {
                self.events.refused(from, Refused::UnexpectedStream);
                Some(group)
            }
        };
        turned_away.into_iter().for_each(|group| group.stop(isi_wire::ResetCode::Unsubscribed));
    }
}

impl From<isi_e2ee::LeaseSignError> for GrantError {
    fn from(error: isi_e2ee::LeaseSignError) -> Self {
        match error {
            isi_e2ee::LeaseSignError::Terms(terms) => Self::Terms(terms),
            isi_e2ee::LeaseSignError::Closed => {
                Self::Request(RequestError::Over(crate::error::Disconnected::RemovedFromGroup))
            }
            _ => Self::NotReachable,
        }
    }
}

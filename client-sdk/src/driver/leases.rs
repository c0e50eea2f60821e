use super::agreement::PrivateInbox;
use super::driving::Known;
use super::requests::nobody;
use super::signal::Signal;
use super::state::State;
use super::ticks::GivenTicks;
use crate::MemberId;
use crate::command::{Command, Reply};
use crate::error::{GrantError, RequestError};
use crate::event::{Event, Refused};
use crate::inbox::Inbox;
use crate::lease::{Gate, GivenLease, InputStreams, Lease, LeaseId, Prologue};
use crate::limits::{GROUPS_QUEUED_MAX, LEASE_MS_MAX};
use isi_e2ee::{LeaseEnd, LeaseEndReason, LeaseScope, LeaseTerms, MonotonicMs, PrivateKeys};
use isi_wire::{Audience, ParticipantId, TrackId};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Who drives whom: the lease this member gave, those it has, and those of others.
pub(super) struct Leases {
    pub(super) gate: Arc<Gate>,
    generation: u64,
    pub(super) given: Option<Given>,
    /// Leases of others that run, the oldest first.
    pub(super) known: VecDeque<Known>,
}

/// The lease this member gave.
pub(super) struct Given {
    pub(super) lease: Lease,
    inbox: PrivateInbox,
    streams: InputStreams,
    /// A prologue of an epoch that this member has not entered yet.
    early: Option<(Prologue, oneshot::Sender<Option<PrivateKeys>>)>,
    pub(super) ticks: GivenTicks,
    pub(super) expires_at: MonotonicMs,
}

impl Leases {
    pub(super) const fn new(gate: Arc<Gate>) -> Self {
        Self { gate, generation: 0, given: None, known: VecDeque::new() }
    }

    pub(super) fn next_deadline(&self) -> Option<MonotonicMs> {
        self.gate.next_deadline()
    }

    /// Where input of this member goes, if it drives this one.
    pub(super) fn streams_of(&self, driver: MemberId) -> Option<&InputStreams> {
        self.given.as_ref().filter(|given| given.lease.driver == driver).map(|given| &given.streams)
    }
}

impl Drop for Leases {
    /// The session is over: whoever applies input learns it, and lets go of what is held.
    fn drop(&mut self) {
        let _ = self.gate.end(None, LeaseEndReason::DriverGone);
    }
}

impl State {
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
        if !self.watching.standing().input {
            return Err(GrantError::OutOfTouch);
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
        let ended = self.leases.gate.start(terms);
        let lease = Lease { id: LeaseId(id), driver, driven: self.me, terms };
        let streams = Inbox::new(GROUPS_QUEUED_MAX);
        let ticks = GivenTicks::default();
        let expires_at = MonotonicMs(self.clock.now().0.saturating_add(duration_ms));
        self.leases.given =
            Some(Given { lease, inbox, streams: streams.clone(), early: None, ticks, expires_at });
        self.append_or_fail(&Signal::LeaseGrant(signed), Audience::Everyone, nobody());
        self.publish_ticks();
        self.rotate_for_lease();
        self.events.send(Event::LeaseGranted(lease));
        self.record_lease(&lease);
        Ok(GivenLease { lease, streams, ended })
    }

    /// The lease this member gave.
    pub(super) fn given_lease(&self) -> Option<Lease> {
        self.leases.given.as_ref().map(|given| given.lease)
    }

    /// Ends the lease this member gave: its receiver gets what is to be released, everybody is told.
    pub(super) fn end_given(&mut self, reason: LeaseEndReason) {
        let _ = self.leases.gate.end(None, reason);
        self.tell_lease_end();
    }

    pub(super) fn expire_lease(&mut self, now: MonotonicMs) {
        self.leases.gate.expire(now);
        self.tell_lease_end();
    }

    /// Tells everybody that a lease is over, if one is: by this task, or by somebody who takes it back elsewhere.
    pub(super) fn tell_lease_end(&mut self) {
        // Nothing is taken unless it has ended: most timers are others'.
        let Some((terms, reason)) = self.leases.gate.take_untold() else { return };
        let Some(given) = self.leases.given.take_if(|given| given.lease.id.0 == terms.id) else { return };
        given.streams.close();
        self.stop_ticks(&given.ticks);
        let end = LeaseEnd { id: given.lease.id.0, reason };
        if let Ok(signed) = self.group.keyring().sign_lease_end(&end) {
            self.append_or_fail(&Signal::LeaseEnd(signed), Audience::Everyone, nobody());
        }
        self.events.send(Event::LeaseEnded { lease: given.lease, reason });
        self.record_lease_end(&given.lease, reason);
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

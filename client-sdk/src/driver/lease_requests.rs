//! What comes before a lease: asking for one, refusing it, and wanting to pass it on.

use super::requests::answer;
use super::signal::Signal;
use super::state::State;
use crate::MemberId;
use crate::command::{Command, Reply};
use crate::error::{GrantError, LeaseRequestError};
use crate::event::Event;
use crate::lease::{GivenLease, Lease, LeaseId, LeaseRefusal};
use isi_e2ee::LeafIndex;
use isi_wire::Audience;

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

    pub(super) fn refuse_lease(
        &mut self,
        to: MemberId,
        refusal: LeaseRefusal,
        reply: Reply<(), LeaseRequestError>,
    ) {
        match self.people.participant_of(to) {
            Some(participant) => {
                let signal = Signal::LeaseRefused(refusal);
                self.append_or_fail(&signal, Audience::One(participant), answer(reply));
            }
            // It asked, so it was here.
            None => drop(reply.send(Err(LeaseRequestError::NotReachable))),
        }
    }

    /// The driver wants somebody else to go on.
    pub(super) fn request_hand_over(
        &mut self,
        lease: Lease,
        to: MemberId,
        reply: Reply<(), LeaseRequestError>,
    ) {
        let me = self.me;
        let runs =
            self.leases.known(lease.id).is_some_and(|known| known.lease == lease && lease.driver == me);
        match self.people.participant_of(lease.driven) {
            Some(participant) if runs && self.people.is_member(to) => {
                let signal = Signal::LeaseHandOver { lease: lease.id.0, to: to.leaf.0 };
                self.append_or_fail(&signal, Audience::One(participant), answer(reply));
            }
            _ => drop(reply.send(Err(LeaseRequestError::NotReachable))),
        }
    }

    pub(super) fn handle_hand_over(&mut self, from: MemberId, lease: [u8; 16], to: u16) {
        let id = LeaseId(lease);
        let given = self.leases.given.as_ref().map(|given| given.lease);
        // Of a lease that has ended meanwhile it means nothing any more.
        let Some(lease) = given.filter(|lease| lease.id == id && lease.driver == from) else { return };
        if let Some(to) = self.people.at(LeafIndex(to)).filter(|to| *to != self.me && *to != from) {
            self.events.send(Event::LeaseHandOverRequested { lease, to });
        }
    }

    /// The driven side gives the lease that runs to somebody else, as far as it goes.
    pub(super) fn hand_over_lease(&mut self, to: MemberId, reply: Reply<GivenLease, GrantError>) {
        let Some(given) = &self.leases.given else {
            let _ = reply.send(Err(GrantError::NoLease));
            return;
        };
        let scope = given.lease.terms.scope;
        let rest_ms = given.expires_at.0.saturating_sub(self.clock.now().0).max(1);
        self.grant_lease(to, scope, rest_ms, reply);
    }
}

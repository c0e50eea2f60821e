//! Fresh keys for who sends: every ten minutes, and for each lease.
//!
//! Whoever stole a member's keys is shut out when that member has made new ones. The driven side makes them when it grants
//! a lease, since its keys sign it; the driver when it asks for one, since its keys sign the input. Who was not asked makes
//! them a little after the grant, so that the two commits do not come together: input opens in the newest epoch and the one
//! before it only.

use super::membership::{Change, What};
use super::state::State;
use crate::command::Command;
use crate::error::{ChangeError, Refusal, RequestError};
use crate::limits::{FRESH_KEYS_MS, LEASE_ROTATION_DELAY_MS, RETRY_MS, ROTATION_JITTER_MS, ROTATION_MS};
use isi_e2ee::MonotonicMs;

/// When this member makes new keys.
#[derive(Debug)]
pub(super) struct Rotation {
    /// By the timer, if it sends.
    due: MonotonicMs,
    /// For a lease, or since a try has failed.
    soon: Option<MonotonicMs>,
    /// Since when it has the keys it has.
    fresh_since: Option<MonotonicMs>,
    /// Whether it wrote anything since. Its tracks are looked at when the time comes.
    has_written: bool,
    under_way: bool,
}

impl Rotation {
    pub(super) fn new(now: MonotonicMs) -> Self {
        let due = next_due(now);
        Self { due, soon: None, fresh_since: Some(now), has_written: false, under_way: false }
    }

    pub(super) fn next_deadline(&self) -> Option<MonotonicMs> {
        let due = self.soon.map_or(self.due, |soon| soon.min(self.due));
        (!self.under_way).then_some(due)
    }
}

impl State {
    pub(super) fn handle_rotation_deadline(&mut self, now: MonotonicMs) {
        if self.rotation.under_way {
            return;
        }
        let asked_for = self.rotation.soon.take_if(|at| now >= *at).is_some();
        let by_timer = now >= self.rotation.due;
        if by_timer {
            self.rotation.due = next_due(now);
        }
        let sends = self.rotation.has_written || self.tracks.has_own();
        if asked_for || by_timer && sends {
            self.rotation.under_way = true;
            self.change(Change::new(What::Rotate, None));
        }
    }

    /// What a call means for keys: who writes makes new ones in its time, who asks to drive at once.
    pub(super) fn rotate_by(&mut self, command: &Command) {
        match command {
            Command::Send { .. } | Command::SendPrivate { .. } => self.rotation.has_written = true,
            Command::RequestLease { .. } => self.rotate_for_lease(),
            _ => {}
        }
    }

    /// This member asks to drive or lets somebody drive.
    pub(super) fn rotate_for_lease(&mut self) {
        self.rotate_in(0);
    }

    /// A lease was granted to this member. Usually it has asked, and has new keys since.
    pub(super) fn rotate_for_granted_lease(&mut self) {
        self.rotate_in(LEASE_ROTATION_DELAY_MS);
    }

    fn rotate_in(&mut self, ms: u64) {
        let now = self.clock.now();
        let is_fresh = |since: MonotonicMs| now.0.saturating_sub(since.0) < FRESH_KEYS_MS;
        if self.rotation.under_way
            || self.rotation.soon.is_some()
            || self.rotation.fresh_since.is_some_and(is_fresh)
        {
            return;
        }
        self.rotation.soon = Some(later(now, ms));
        self.handle_rotation_deadline(now);
    }

    /// This member's keys are new, whatever the commit was for.
    pub(super) fn keys_are_fresh(&mut self) {
        let now = self.clock.now();
        let under_way = self.rotation.under_way;
        self.rotation = Rotation { under_way, ..Rotation::new(now) };
    }

    /// A rotation that this file began has ended. A failed one is tried again, but not what the relay does not allow.
    pub(super) fn rotation_concluded(&mut self, result: &Result<(), ChangeError>) {
        self.rotation.under_way = false;
        let now = self.clock.now();
        match result {
            Ok(()) => {}
            Err(ChangeError::Request(RequestError::Refused(Refusal::Forbidden))) => {
                self.rotation.soon = None;
                self.rotation.due = next_due(now);
            }
            Err(_) => self.rotation.soon = Some(later(now, RETRY_MS + random_below(RETRY_MS))),
        }
    }
}

/// Members begin at different times and are spread out further, so that they do not all come at once.
fn next_due(now: MonotonicMs) -> MonotonicMs {
    later(now, ROTATION_MS - ROTATION_JITTER_MS + random_below(2 * ROTATION_JITTER_MS))
}

const fn later(at: MonotonicMs, ms: u64) -> MonotonicMs {
    MonotonicMs(at.0.saturating_add(ms))
}

/// Without randomness no key can be made either; then it does not matter when.
fn random_below(bound: u64) -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_or(0, |()| u64::from_be_bytes(bytes) % bound)
}

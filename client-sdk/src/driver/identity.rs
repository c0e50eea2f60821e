//! Statements that end: one's own is told in time, others' are removed by an organizer. And clocks that differ.

use super::expels::ExpelReason;
use super::state::State;
use crate::MemberId;
use crate::event::Event;
use crate::limits::STATEMENT_WARNING_S;
use isi_e2ee::{CLOCK_SKEW_SECONDS_MAX, EpochChange, MonotonicMs, UnixSeconds};
use std::collections::BTreeSet;

/// What is due because statements end. Looked through when the membership changes and when the next one ends, never in
/// between.
#[derive(Debug, Default)]
pub(super) struct Identities {
    due: Option<MonotonicMs>,
    /// The end of the own statement that the app was warned of.
    warned_of: Option<UnixSeconds>,
    /// Members whose clocks differ and are told. At most one entry per member.
    skewed: BTreeSet<MemberId>,
}

impl Identities {
    pub(super) const fn next_deadline(&self) -> Option<MonotonicMs> {
        self.due
    }

    pub(super) fn forget(&mut self, member: MemberId) {
        self.skewed.remove(&member);
    }
}

impl State {
    /// The membership changed, or has just begun.
    pub(super) fn identities_enter_epoch(&mut self) {
        let over = self.group.expired(grace_over(self.clock.wall()));
        self.membership.expels.renewed(|member| !over.contains(&member.leaf));
        self.identities.due = self.next_identity_deadline();
    }

    pub(super) fn handle_identity_deadline(&mut self, now: MonotonicMs) {
        if self.identities.due.take_if(|at| now >= *at).is_none() {
            return;
        }
        let wall = self.clock.wall();
        self.warn_of_own_end(wall);
        for leaf in self.group.expired(grace_over(wall)) {
            if let Some(member) = self.people.at(leaf) {
                self.expel(member, ExpelReason::Expired);
            }
        }
        self.identities.due = self.next_identity_deadline();
    }

    /// A commit states its time: whoever is far off is named, once until it is right again.
    pub(super) fn compare_clocks(&mut self, change: &EpochChange) {
        let Some(member) = self.people.at(change.committer).filter(|member| *member != self.me) else {
            return;
        };
        match change.clock_skew(self.clock.wall()) {
            Some(seconds) if self.identities.skewed.insert(member) => {
                self.events.send(Event::ClockSkew { member, seconds });
            }
            Some(_) => {}
            None => self.identities.forget(member),
        }
    }

    fn warn_of_own_end(&mut self, wall: UnixSeconds) {
        let Some(end) = self.group.own_expiry().filter(|end| self.identities.warned_of != Some(*end)) else {
            return;
        };
        let in_seconds = end.0.saturating_sub(wall.0);
        if in_seconds <= STATEMENT_WARNING_S {
            self.identities.warned_of = Some(end);
            self.events.send(Event::StatementExpires { in_seconds });
        }
    }

    fn next_identity_deadline(&self) -> Option<MonotonicMs> {
        let wall = self.clock.wall();
        let own = self.group.own_expiry().filter(|end| self.identities.warned_of != Some(*end));
        let own = own.map(|end| end.0.saturating_sub(STATEMENT_WARNING_S));
        let others = self.group.next_expiry(grace_over(wall));
        let others = others.map(|end| end.0.saturating_add(CLOCK_SKEW_SECONDS_MAX));
        let seconds = own.into_iter().chain(others).min()?.saturating_sub(wall.0);
        // The clock gives whole seconds, rounded down.
        let ms = seconds.saturating_add(1).saturating_mul(1000);
        Some(MonotonicMs(self.clock.now().0.saturating_add(ms)))
    }
}

/// Statements that ended before this are over for good: as long as clocks may differ, their holders may still renew them.
const fn grace_over(wall: UnixSeconds) -> UnixSeconds {
    UnixSeconds(wall.0.saturating_sub(CLOCK_SKEW_SECONDS_MAX))
}

use super::membership::{Change, What};
use super::state::State;
use crate::MemberId;
use crate::limits::{RETRY_MS, TURN_MS};
use isi_e2ee::MonotonicMs;
use std::collections::BTreeMap;
use std::time::Duration;

/// Why a member is to be taken out of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpelReason {
    /// It asked for it.
    Leaves,
    /// It closed its connection.
    Went,
    /// Its connection is gone; it may come back.
    Lost,
    /// Its statement is over.
    Expired,
}

/// Members that some organizer has to take out. Everybody keeps the list, since anybody may become the organizer whose turn
/// it is. At most one entry per member.
#[derive(Debug, Default)]
pub(super) struct Expels {
    grace_ms: u64,
    pending: BTreeMap<MemberId, Expel>,
}

#[derive(Debug)]
struct Expel {
    reason: ExpelReason,
    /// How long somebody is waited for that may come back.
    not_before: MonotonicMs,
    /// When it is this member's turn; `None` for who does not organize, or while the commit is under way.
    due: Option<MonotonicMs>,
}

impl Expels {
    pub(super) fn set_grace(&mut self, grace: Duration) {
        self.grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
    }

    pub(super) fn next_deadline(&self) -> Option<MonotonicMs> {
        self.pending.values().filter_map(|expel| expel.due).min()
    }

    /// It is no member any more.
    pub(super) fn forget(&mut self, member: MemberId) {
        self.pending.remove(&member);
    }

    /// Those whose statements are new are no longer expired.
    pub(super) fn renewed(&mut self, is_renewed: impl Fn(&MemberId) -> bool) {
        self.pending.retain(|member, expel| expel.reason != ExpelReason::Expired || !is_renewed(member));
    }

    /// Whether it is still to go.
    pub(super) fn is_pending(&self, member: MemberId) -> bool {
        self.pending.contains_key(&member)
    }

    /// Its connection is back.
    pub(super) fn found(&mut self, member: MemberId) {
        if self.pending.get(&member).is_some_and(|expel| expel.reason != ExpelReason::Leaves) {
            self.pending.remove(&member);
        }
    }
}

impl State {
    /// How long this organizer leaves pending work to those before it: listed earlier, and with a connection. So one that
    /// crashes holds nothing up, and those that live do not race.
    pub(super) fn turn_delay_ms(&self) -> u64 {
        let is_there =
            |member: &&MemberId| **member == self.me || self.people.participant_of(**member).is_some();
        let organizers = self.membership.organizers.iter().filter(is_there);
        TURN_MS * organizers.take_while(|member| **member != self.me).count() as u64
    }

    /// A member is to go; one of the organizers says so to the group.
    pub(super) fn expel(&mut self, member: MemberId, reason: ExpelReason) {
        if member == self.me {
            return;
        }
        let grace_ms = if reason == ExpelReason::Lost { self.membership.expels.grace_ms } else { 0 };
        let not_before = MonotonicMs(self.clock.now().0.saturating_add(grace_ms));
        let due = self.expel_due_at(not_before);
        let expels = &mut self.membership.expels.pending;
        let expel = expels.entry(member).or_insert(Expel { reason, not_before, due });
        // Who has asked to leave is not held by a connection that comes back.
        if reason == ExpelReason::Leaves && expel.reason != reason {
            *expel = Expel { reason, not_before, due };
        }
    }

    /// One commit for all whose time has come.
    pub(super) fn expel_due(&mut self, now: MonotonicMs) {
        let due = self.membership.expels.pending.iter_mut();
        let due = due.filter_map(|(member, expel)| expel.due.take_if(|at| now >= *at).map(|_| *member));
        let due: Vec<_> = due.collect();
        if !due.is_empty() {
            self.change(Change::new(What::Expel(due), None));
        }
    }

    /// The commit failed.
    pub(super) fn expel_later(&mut self, members: &[MemberId]) {
        let due = self.expel_due_at(MonotonicMs(self.clock.now().0.saturating_add(RETRY_MS)));
        for member in members {
            if let Some(expel) = self.membership.expels.pending.get_mut(member) {
                expel.due = due;
            }
        }
    }

    /// There are other organizers: turns are counted anew.
    pub(super) fn expel_in_new_turn(&mut self) {
        let mut pending = std::mem::take(&mut self.membership.expels.pending);
        let now = self.clock.now();
        pending.values_mut().for_each(|expel| expel.due = self.expel_due_at(expel.not_before.max(now)));
        self.membership.expels.pending = pending;
    }

    fn expel_due_at(&self, not_before: MonotonicMs) -> Option<MonotonicMs> {
        let at = not_before.0.saturating_add(self.turn_delay_ms());
        self.group.is_organizer().then_some(MonotonicMs(at))
    }
}

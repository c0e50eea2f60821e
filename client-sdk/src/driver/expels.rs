use super::membership::{Change, What};
use super::state::State;
use crate::MemberId;
use crate::limits::{RETRY_MS, TURN_MS};
use isi_e2ee::MonotonicMs;
use std::collections::BTreeMap;

/// Why a member is to be taken out of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpelReason {
    /// It asked for it.
    Leaves,
    /// Its connection is gone.
    Lost,
    /// Its statement is over.
    Expired,
}

/// Members that some organizer has to take out. Everybody keeps the list, since anybody may become the organizer whose turn
/// it is. At most one entry per member.
#[derive(Debug, Default)]
pub(super) struct Expels {
    pending: BTreeMap<MemberId, Expel>,
}

#[derive(Debug)]
struct Expel {
    reason: ExpelReason,
    /// When it is this member's turn; `None` for who does not organize, or while the commit is under way.
    due: Option<MonotonicMs>,
}

impl Expels {
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
        if self.pending.get(&member).is_some_and(|expel| expel.reason == ExpelReason::Lost) {
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
        let due = self.expel_due_at(0);
        let expel = self.membership.expels.pending.entry(member).or_insert(Expel { reason, due });
        // Who has asked to leave is not held by a connection that comes back.
        if reason == ExpelReason::Leaves {
            expel.reason = reason;
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
        let due = self.expel_due_at(RETRY_MS);
        for member in members {
            if let Some(expel) = self.membership.expels.pending.get_mut(member) {
                expel.due = due;
            }
        }
    }

    /// There are other organizers: turns are counted anew.
    pub(super) fn expel_in_new_turn(&mut self) {
        let due = self.expel_due_at(0);
        self.membership.expels.pending.values_mut().for_each(|expel| expel.due = due);
    }

    fn expel_due_at(&self, wait_ms: u64) -> Option<MonotonicMs> {
        let at = self.clock.now().0.saturating_add(wait_ms + self.turn_delay_ms());
        self.group.is_organizer().then_some(MonotonicMs(at))
    }
}

use crate::Timestamp;
use crate::arena::Key;
use crate::group::Group;
use isi_wire::TrackAlias;
use std::collections::{BTreeMap, BTreeSet};

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The oldest chunk of a group has waited as long as its class may.
    Group(Key<Group>),
    /// The publisher's rate allows the chunk that was handed back.
    Pace(Key<Group>),
    /// The oldest datagram of a live track has waited long enough.
    Live(TrackAlias),
    /// A keyframe may be asked for again.
    Keyframe(TrackAlias),
    /// A track's publisher may be told again how it reaches its receivers.
    Report(TrackAlias),
    /// Arrivals are to be told.
    Arrivals,
    /// The oldest log entry is no longer recent.
    LogRecent,
    /// The oldest Welcome was not acknowledged in time.
    Welcome,
}

/// Deadlines, at most one per timer, so as many as there are things to watch. Armed when something begins to
/// wait and looked at again when due: nothing is touched per packet.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeSet<(Timestamp, Timer)>,
    armed: BTreeMap<Timer, Timestamp>,
}

impl Timers {
    /// Sets `timer` to `at`. One that is set stays as it is: the thing that waits longest decides.
    pub(crate) fn arm(&mut self, timer: Timer, at: Timestamp) {
        if let std::collections::btree_map::Entry::Vacant(vacant) = self.armed.entry(timer) {
            vacant.insert(at);
            self.due.insert((at, timer));
        }
    }

    pub(crate) fn disarm(&mut self, timer: Timer) {
        if let Some(at) = self.armed.remove(&timer) {
            self.due.remove(&(at, timer));
        }
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes a timer that is due.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        let (at, timer) = *self.due.first()?;
        if at > now {
            return None;
        }
        self.disarm(timer);
        Some(timer)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.due.is_empty() && self.armed.is_empty()
    }
}

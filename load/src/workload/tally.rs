use super::{Measure, PartOutcome, Slot};
use crate::clock::monotonic_ns;
use crate::stamp::Stamp;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Slots of one measurement at most; later deliveries are in none.
const SLOTS_MAX: u64 = 4096;

/// Counts what one part sends and receives in this process.
#[derive(Debug, Default)]
pub(super) struct Tally {
    measure: OnceLock<Measure>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    outcome: PartOutcome,
    /// Everything that ever arrived.
    seen: u64,
}

impl Tally {
    /// Counts from now on for this time. Only the first call counts.
    pub(super) fn begin(&self, measure: Measure) {
        let slots = measure.end_ns.saturating_sub(measure.begin_ns).div_ceil(measure.slot_ns.max(1));
        let slots = usize::try_from(slots.min(SLOTS_MAX)).unwrap_or_default();
        self.state().outcome.slots = vec![Slot::default(); slots];
        // Begun already: that measure stays.
        let _ = self.measure.set(measure);
    }

    pub(super) fn sent(&self, stamp: &Stamp) {
        if self.counts(stamp.sent_ns) {
            self.state().outcome.sent += 1;
        }
    }

    /// Objects whose time has passed before they could be sent.
    pub(super) fn skipped(&self, now_ns: u64, objects: u64) {
        if self.counts(now_ns) {
            self.state().outcome.skipped += objects;
        }
    }

    pub(super) fn arrived(&self, stamp: &Stamp, bytes: usize) {
        let now_ns = monotonic_ns();
        let mut state = self.state();
        state.seen += 1;
        let Some(measure) = self.measure.get() else { return };
        if let Some(slot) = slot_of(measure, now_ns).and_then(|slot| state.outcome.slots.get_mut(slot)) {
            slot.objects += 1;
            slot.bytes += bytes as u64;
        }
        if self.counts(stamp.sent_ns) {
            state.outcome.arrived += 1;
            state.outcome.latency.record_ns(now_ns.saturating_sub(stamp.sent_ns));
        }
    }

    /// Everything that ever arrived, also what does not count.
    pub(super) fn seen(&self) -> u64 {
        self.state().seen
    }

    pub(super) fn outcome(&self) -> PartOutcome {
        self.state().outcome.clone()
    }

    fn counts(&self, at_ns: u64) -> bool {
        self.measure.get().is_some_and(|measure| (measure.begin_ns..measure.end_ns).contains(&at_ns))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn slot_of(measure: &Measure, now_ns: u64) -> Option<usize> {
    let since_ns = now_ns.checked_sub(measure.begin_ns).filter(|_| now_ns < measure.end_ns)?;
    usize::try_from(since_ns / measure.slot_ns.max(1)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sent_in_time_counts() {
        let (tally, now) = (Tally::default(), monotonic_ns());
        let stamp = |sent_ns| Stamp { sent_ns, sender: 0, sequence: 0 };
        tally.arrived(&stamp(now), 10);
        let hour = 3_600_000_000_000;
        tally.begin(Measure { begin_ns: now, end_ns: now + hour, slot_ns: hour });
        for sent_ns in [now - 1, now, now + hour - 1, now + hour] {
            tally.sent(&stamp(sent_ns));
            tally.arrived(&stamp(sent_ns), 10);
        }
        let outcome = tally.outcome();
        assert_eq!((outcome.sent, outcome.arrived, outcome.latency.count()), (2, 2, 2));
        assert_eq!(
            outcome.slots,
            [Slot { objects: 4, bytes: 40 }],
            "what arrives in the time is in its slot"
        );
        assert_eq!(tally.seen(), 5);
    }

    #[test]
    fn endless_measures_have_bounded_slots() {
        let tally = Tally::default();
        tally.begin(Measure { begin_ns: 0, end_ns: u64::MAX, slot_ns: 0 });
        assert_eq!(tally.outcome().slots.len() as u64, SLOTS_MAX);
        tally.arrived(&Stamp { sent_ns: 1, sender: 0, sequence: 0 }, 1);
    }
}

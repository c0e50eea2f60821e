use super::scope::{category, released};
use crate::clock::Clock;
use crate::event::Refused;
use crate::payload::{InputEvent, InputMessage};
use isi_e2ee::{Ended, InputRefused, LeafIndex, LeaseEndReason, LeaseState, LeaseTerms, MonotonicMs};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Decides about input of the lease this member gave. Driver task, receiver and panic switches share it; whoever ends the
/// lease ends it here, under the lock, before anybody else hears of it.
#[derive(Debug)]
pub(crate) struct Gate {
    clock: Clock,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    leases: LeaseState,
    running: Option<Running>,
    /// An end that the driver task has not told the others yet. At most one: no lease starts before it is told.
    untold: Option<(LeaseTerms, LeaseEndReason)>,
}

#[derive(Debug)]
struct Running {
    id: [u8; 16],
    /// To the receiver.
    end: oneshot::Sender<EndedInput>,
    report: InputReport,
    last_accepted: Option<Duration>,
}

/// What the receiver of a lease's input learns at its end.
#[derive(Clone, Debug)]
pub(crate) struct EndedInput {
    pub(crate) reason: LeaseEndReason,
    pub(crate) releases: Vec<InputEvent>,
    pub(crate) report: InputReport,
}

/// What became of the input of one lease. Each count stands still once the lease has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InputReport {
    /// Events handed out to be applied.
    pub accepted: u64,
    /// Events that the lease did not cover.
    pub refused: u64,
    /// Events that came too late, and what built on them.
    pub held_back: u64,
    /// From the call that took the lease back to the last event that was still handed out, zero if none was: how long the
    /// driver could go on. Zero as well when something else ended the lease.
    pub accepted_after_take_back: Duration,
}

impl Gate {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, inner: Mutex::default() }
    }

    /// Starts a lease; none runs.
    pub(crate) fn start(&self, terms: LeaseTerms) -> oneshot::Receiver<EndedInput> {
        let (end, ended) = oneshot::channel();
        let mut inner = self.lock();
        let superseded = inner.leases.start(terms, self.clock.now());
        debug_assert_eq!(superseded, Ok(None), "the one before was ended, and generations rise");
        inner.running =
            Some(Running { id: terms.id, end, report: InputReport::default(), last_accepted: None });
        ended
    }

    /// Ends the running lease, if there is one and if it is this one.
    pub(crate) fn end(&self, id: Option<[u8; 16]>, reason: LeaseEndReason) -> Option<EndedInput> {
        let asked = self.clock.elapsed();
        let mut inner = self.lock();
        let now = self.clock.now();
        let active = inner.leases.active(now).is_some_and(|terms| id.is_none_or(|id| id == terms.id));
        // One that has just expired does so, whoever comes first.
        let ended = if active { inner.leases.end(reason) } else { inner.leases.poll(now) };
        inner.finish(ended?, Some(asked).filter(|_| active))
    }

    pub(crate) fn expire(&self, now: MonotonicMs) {
        let mut inner = self.lock();
        if let Some(ended) = inner.leases.poll(now) {
            let _ = inner.finish(ended, None);
        }
    }

    /// What has ended since this was last asked, for the driver task to tell.
    pub(crate) fn take_untold(&self) -> Option<(LeaseTerms, LeaseEndReason)> {
        self.lock().untold.take()
    }

    pub(crate) fn next_deadline(&self) -> Option<MonotonicMs> {
        self.lock().leases.next_deadline()
    }

    /// The next tick's number and how much was held back so far, when a tick is due.
    pub(crate) fn tick(&self, now: MonotonicMs) -> Option<(u64, u64)> {
        let mut inner = self.lock();
        let tick = inner.leases.tick(now)?;
        Some((tick, inner.running.as_ref()?.report.held_back))
    }

    /// Whether the event is to be applied, with the clock read right here.
    pub(crate) fn admit(
        &self,
        from: LeafIndex,
        id: &[u8; 16],
        message: &InputMessage,
    ) -> Result<(), Refused> {
        let (first, then) = category(&message.event);
        let mut inner = self.lock();
        let Inner { leases, running, .. } = &mut *inner;
        let now = self.clock.now();
        let mut parts = std::iter::once(first).chain(then);
        let judged = parts.try_for_each(|part| leases.admit(now, from, id, message.tick, part));
        if let Some(running) = running {
            running.count(judged, self.clock.elapsed());
        }
        Ok(judged?)
    }

    /// Of the lease that runs, if it is this one.
    pub(crate) fn report(&self, id: [u8; 16]) -> Option<InputReport> {
        self.lock().running.as_ref().filter(|running| running.id == id).map(|running| running.report)
    }

    // A poisoned lock means a panic between two whole updates elsewhere; the state is as valid as before.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// `asked` is when it was taken back.
    fn finish(&mut self, ended: Ended, asked: Option<Duration>) -> Option<EndedInput> {
        let Running { end, mut report, last_accepted, .. } = self.running.take()?;
        self.untold = Some((ended.terms, ended.reason));
        let after = last_accepted.zip(asked).map(|(last, asked)| last.saturating_sub(asked));
        report.accepted_after_take_back = after.unwrap_or_default();
        let releases = ended.releases.into_iter().map(released).collect();
        let ended = EndedInput { reason: ended.reason, releases, report };
        // The receiver may be gone; then nobody can release anything.
        let _ = end.send(ended.clone());
        Some(ended)
    }
}

impl Running {
    fn count(&mut self, judged: Result<(), InputRefused>, now: Duration) {
        match judged {
            Ok(()) => {
                self.report.accepted += 1;
                self.last_accepted = Some(now);
            }
            Err(InputRefused::HeldBack) => self.report.held_back += 1,
            Err(_) => self.report.refused += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isi_e2ee::LeaseScope;
    use std::sync::Arc;
    use tokio::time::advance;

    const DRIVER: LeafIndex = LeafIndex(1);
    const MINUTE_MS: u64 = 60_000;

    fn terms(id: u8) -> LeaseTerms {
        LeaseTerms {
            id: [id; 16],
            generation: id.into(),
            driver: DRIVER,
            driven: LeafIndex(0),
            scope: LeaseScope { pointer: true, keyboard: true, clipboard: false, rectangle: None },
            duration_ms: MINUTE_MS,
            public_key: [0; 32],
        }
    }

    fn press(keysym: u32) -> InputMessage {
        InputMessage { sequence: 0, at_us: 0, tick: 0, event: InputEvent::Key { keysym, pressed: true } }
    }

    fn gate() -> (Arc<Gate>, oneshot::Receiver<EndedInput>) {
        let gate = Arc::new(Gate::new(Clock::start()));
        let ended = gate.start(terms(1));
        (gate, ended)
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_accepted_once_the_lease_is_taken_back_and_all_that_is_held_is_handed_out() {
        let (gate, mut ended) = gate();
        assert_eq!(gate.admit(DRIVER, &[1; 16], &press(7)), Ok(()));
        advance(Duration::from_millis(40)).await;
        let taken_back = gate.end(None, LeaseEndReason::Revoked).unwrap();
        let late = Refused::Input(InputRefused::NoLease);
        assert_eq!(gate.admit(DRIVER, &[1; 16], &press(8)), Err(late));
        let up = InputEvent::Key { keysym: 7, pressed: false };
        assert_eq!((taken_back.releases, taken_back.report.accepted), (vec![up], 1));
        assert_eq!(taken_back.report.accepted_after_take_back, Duration::ZERO);
        // The receiver hears it without anybody's help, the driver task when it asks.
        assert_eq!(ended.try_recv().unwrap().releases, [up]);
        assert_eq!(gate.take_untold(), Some((terms(1), LeaseEndReason::Revoked)));
        assert!(gate.take_untold().is_none() && gate.end(None, LeaseEndReason::Revoked).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_that_overtakes_the_take_back_is_measured() {
        let (gate, _ended) = gate();
        let asked = gate.clock.elapsed();
        advance(Duration::from_millis(3)).await;
        assert_eq!(gate.admit(DRIVER, &[1; 16], &press(7)), Ok(()));
        let mut inner = gate.lock();
        let ended = inner.leases.end(LeaseEndReason::Revoked).unwrap();
        let ended = inner.finish(ended, Some(asked)).unwrap();
        assert_eq!(ended.report.accepted_after_take_back, Duration::from_millis(3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_switch_of_another_lease_ends_nothing_and_time_does() {
        let (gate, mut ended) = gate();
        assert!(gate.end(Some([2; 16]), LeaseEndReason::Revoked).is_none());
        gate.expire(MonotonicMs(MINUTE_MS - 1));
        assert!(ended.try_recv().is_err() && gate.take_untold().is_none());
        advance(Duration::from_millis(MINUTE_MS)).await;
        gate.expire(MonotonicMs(MINUTE_MS));
        assert_eq!(ended.try_recv().unwrap().reason, LeaseEndReason::Expired);
        assert_eq!(gate.take_untold(), Some((terms(1), LeaseEndReason::Expired)));
    }
}

use super::out::Out;
use super::person::Run;
use super::window::Window;
use super::{Measure, Pace};
use crate::client::{ClientError, Payload};
use crate::clock::monotonic_ns;
use crate::stamp::Stamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::sleep;

const SECOND_NS: u64 = 1_000_000_000;

/// One who sends one part.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) out: Out,
    pub(super) payload: Payload,
    pub(super) pace: Pace,
    /// Index of the part.
    pub(super) part: usize,
    /// What its stamps say.
    pub(super) number: u32,
    /// Of a saturating part.
    pub(super) window: Option<Arc<Window>>,
    /// Set when somebody needs a new group.
    pub(super) keyframe: Arc<AtomicBool>,
    /// Part of a period by which it is later than others, 0 to 1: not all send at once.
    pub(super) phase: f64,
}

impl Sender {
    /// Sends until the measure ends.
    pub(super) async fn send(mut self, run: Arc<Run>, measure: Measure) -> Result<(), ClientError> {
        match self.pace {
            Pace::PerSecond(rate) => self.send_paced(&run, measure, rate).await,
            Pace::InFlight(objects) => self.send_saturating(&run, measure, objects).await,
        }
    }

    async fn send_paced(&mut self, run: &Run, measure: Measure, rate: u32) -> Result<(), ClientError> {
        let period_ns = (SECOND_NS / u64::from(rate.max(1))).max(1);
        let mut next_ns = monotonic_ns() + (period_ns as f64 * self.phase) as u64;
        let mut sequence = 0;
        while next_ns < measure.end_ns {
            sleep(Duration::from_nanos(next_ns.saturating_sub(monotonic_ns()))).await;
            self.send_one(run, sequence).await?;
            sequence += 1;
            // What was held up for whole periods is not made up for: a screen has newer frames by then.
            let late = monotonic_ns().saturating_sub(next_ns) / period_ns;
            self.tally(run, |tally| tally.skipped(next_ns, late));
            next_ns += (late + 1) * period_ns;
        }
        Ok(())
    }

    async fn send_saturating(
        &mut self,
        run: &Run,
        measure: Measure,
        objects: u32,
    ) -> Result<(), ClientError> {
        let Some(window) = self.window.take() else { return Ok(()) };
        loop {
            window.room(objects).await;
            if monotonic_ns() >= measure.end_ns {
                return Ok(());
            }
            let sequence = window.send();
            self.send_one(run, sequence).await?;
        }
    }

    async fn send_one(&mut self, run: &Run, sequence: u64) -> Result<(), ClientError> {
        if self.keyframe.swap(false, Ordering::Relaxed) {
            self.out.begin_group();
        }
        let stamp = Stamp { sent_ns: monotonic_ns(), sender: self.number, sequence };
        self.tally(run, |tally| tally.sent(&stamp));
        self.out.send(&self.payload, &stamp).await.map(|_taken| ())
    }

    fn tally(&self, run: &Run, count: impl FnOnce(&super::tally::Tally)) {
        if let Some(tally) = run.tallies.get(self.part) {
            count(tally);
        }
    }
}

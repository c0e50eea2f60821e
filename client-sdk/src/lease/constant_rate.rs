use super::{InputSender, Lease, scope_covers};
use crate::error::InputSendError;
use crate::payload::InputEvent;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

/// Most events that wait for their turn at a constant rate; then [`ConstantRateSender::send`] waits, and nothing is dropped.
pub const CONSTANT_RATE_EVENTS_QUEUED_MAX: usize = 256;
/// Shortest interval of a constant rate; shorter ones are raised to it.
pub const CONSTANT_RATE_INTERVAL_MIN: Duration = Duration::from_millis(5);
/// Longest interval of a constant rate, all that an event may wait for its turn; longer ones are cut to it.
pub const CONSTANT_RATE_INTERVAL_MAX: Duration = Duration::from_millis(500);

/// Drives another member's screen as [`InputSender`] does, but whoever watches the wire does not see when and how much: an
/// object of 256 bytes leaves at every interval, whether something happened or not.
///
/// What happens within an interval leaves together at its end, at most 140 bytes of it: four keys or moves, the rest with the next
/// object. So an event is delayed by half the interval on average. The cost is `256 B / interval`, 12,800 bytes a second at 20 ms, and
/// at most 80 bytes an object for the packets, for as long as this lives. Epochs of the group show: keys are agreed anew then, in one
/// more object.
///
/// Made by [`InputSender::at_constant_rate`], which spawns a task; it ends with the lease, or when this is dropped and what was sent
/// before has left. Dropping this gives the lease up.
#[derive(Debug)]
pub struct ConstantRateSender {
    lease: Lease,
    queue: mpsc::Sender<TimedEvent>,
}

/// An event and the caller's time of it.
pub(super) type TimedEvent = (InputEvent, u64);

impl ConstantRateSender {
    pub(super) fn spawn(sender: InputSender, every: Duration) -> Self {
        let lease = *sender.lease();
        let (queue, waiting) = mpsc::channel(CONSTANT_RATE_EVENTS_QUEUED_MAX);
        tokio::spawn(run(
            sender,
            waiting,
            every.clamp(CONSTANT_RATE_INTERVAL_MIN, CONSTANT_RATE_INTERVAL_MAX),
        ));
        Self { lease, queue }
    }

    /// The lease it drives by.
    #[must_use]
    pub const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Has one event sent with the next object that has room; `at_us` as in [`InputSender::send`]. Waits while
    /// [`CONSTANT_RATE_EVENTS_QUEUED_MAX`] events do. Cancel safe: an event is sent or not.
    ///
    /// # Errors
    /// [`InputSendError::OutOfScope`] changes nothing; after [`InputSendError::LeaseEnded`] drop this.
    pub async fn send(&mut self, event: InputEvent, at_us: u64) -> Result<(), InputSendError> {
        if !scope_covers(&self.lease.terms.scope, &event) {
            return Err(InputSendError::OutOfScope);
        }
        self.queue.send((event, at_us)).await.map_err(|_| InputSendError::LeaseEnded)
    }
}

async fn run(mut sender: InputSender, mut queue: mpsc::Receiver<TimedEvent>, every: Duration) {
    let mut ticks = interval(every);
    // A connection that did not keep up must not be seen to catch up.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut waiting = VecDeque::new();
    loop {
        ticks.tick().await;
        while waiting.len() < crate::payload::INPUT_BATCH_EVENTS_MAX
            && let Ok(event) = queue.try_recv()
        {
            waiting.push_back(event);
        }
        let is_over = waiting.is_empty() && queue.is_closed() && queue.is_empty();
        if is_over || sender.send_waiting(&mut waiting).await.is_err() {
            return;
        }
    }
}

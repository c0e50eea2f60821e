//! Who has received what, and how long it took.

use isi_load::clock::monotonic_ns;
use isi_load::latency::Latency;
use isi_load::stamp::Stamp;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// An object that is this late is lost: no relay's budgets keep one for longer at these rates.
const LOST_AFTER: Duration = Duration::from_secs(2);

/// Counts what arrives: holds the sender to its window, and measures.
#[derive(Debug)]
pub struct Tally {
    receivers: u32,
    state: Mutex<State>,
    moved: Notify,
}

/// What arrived while it was measured.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    /// Objects, each counted at each receiver.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// From the moment before the object was handed to the transport until it was whole at a receiver.
    pub latency: Latency,
}

/// Of the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Objects that should arrive, counted once for each receiver.
    pub due: u64,
    /// Those that did.
    pub arrived: u64,
}

#[derive(Debug, Default)]
struct State {
    /// For each object that is not with everybody yet, how many lack it. The first is number `oldest`.
    lacking: VecDeque<u32>,
    oldest: u64,
    totals: Totals,
    measured: Option<Measured>,
}

impl Tally {
    /// For so many receivers.
    #[must_use]
    pub fn new(receivers: usize) -> Self {
        let receivers = u32::try_from(receivers).unwrap_or(u32::MAX);
        Self { receivers, state: Mutex::default(), moved: Notify::new() }
    }

    /// Waits until fewer than `objects_max` are on their way. Whatever holds it up for too long is given up as lost.
    pub async fn room(&self, objects_max: usize) {
        while self.state().lacking.len() >= objects_max.max(1) {
            if timeout(LOST_AFTER, self.moved.notified()).await.is_err() {
                self.state().give_up_oldest();
            }
        }
    }

    /// The next object's number. At most `objects_max` are on their way then: with one more, the oldest is lost.
    pub fn send(&self, objects_max: usize) -> u64 {
        let mut state = self.state();
        while state.lacking.len() >= objects_max.max(1) {
            state.give_up_oldest();
        }
        state.lacking.push_back(self.receivers);
        state.totals.due += u64::from(self.receivers);
        state.oldest + state.lacking.len() as u64 - 1
    }

    /// An object is whole at one of the receivers.
    pub fn arrived(&self, stamp: &Stamp, object_bytes: usize) {
        let now_ns = monotonic_ns();
        let mut state = self.state();
        state.totals.arrived += 1;
        if let Some(measured) = &mut state.measured {
            measured.objects += 1;
            measured.bytes += object_bytes as u64;
            measured.latency.record_ns(now_ns.saturating_sub(stamp.sent_ns));
        }
        if state.strike_off(stamp.sequence) {
            drop(state);
            self.moved.notify_waiters();
        }
    }

    /// Counts from here on.
    pub fn begin(&self) {
        self.state().measured = Some(Measured::default());
    }

    /// What was counted since [`begin`](Self::begin).
    pub fn end(&self) -> Measured {
        self.state().measured.take().unwrap_or_default()
    }

    /// Waits until everything is with everybody, or nothing has arrived for a while.
    pub async fn drained(&self) -> Totals {
        loop {
            let moved = self.moved.notified();
            if self.state().lacking.is_empty() || timeout(LOST_AFTER, moved).await.is_err() {
                return self.state().totals;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether the window moved.
    fn strike_off(&mut self, sequence: u64) -> bool {
        let Some(index) = sequence.checked_sub(self.oldest).and_then(|index| usize::try_from(index).ok())
        else {
            return false;
        };
        if let Some(lacking) = self.lacking.get_mut(index) {
            *lacking = lacking.saturating_sub(1);
        }
        let before = self.oldest;
        while self.lacking.front() == Some(&0) {
            self.give_up_oldest();
        }
        self.oldest != before
    }

    fn give_up_oldest(&mut self) {
        if self.lacking.pop_front().is_some() {
            self.oldest += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn stamp(sequence: u64) -> Stamp {
        Stamp { sent_ns: monotonic_ns(), sender: 0, sequence }
    }

    fn has_room(tally: &Tally, objects_max: usize) -> bool {
        let waiting = pin!(tally.room(objects_max));
        waiting.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[tokio::test]
    async fn the_slowest_receiver_moves_the_window() {
        let tally = Tally::new(2);
        assert_eq!((tally.send(2), tally.send(2)), (0, 1));
        assert!(!has_room(&tally, 2));
        tally.arrived(&stamp(0), 10);
        tally.arrived(&stamp(1), 10);
        tally.arrived(&stamp(1), 10);
        assert!(!has_room(&tally, 2), "one receiver lacks the first");
        tally.arrived(&stamp(0), 10);
        assert!(has_room(&tally, 1));
        assert_eq!(tally.drained().await, Totals { due: 4, arrived: 4 });
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_arrives_is_lost_and_counted() {
        let tally = Tally::new(1);
        tally.send(1);
        tally.room(1).await;
        tally.send(1);
        tally.arrived(&stamp(1), 10);
        assert_eq!(tally.drained().await, Totals { due: 2, arrived: 1 });
    }

    #[tokio::test]
    async fn a_paced_sender_loses_the_oldest_beyond_the_window() {
        let tally = Tally::new(1);
        for sequence in 0..3 {
            assert_eq!(tally.send(2), sequence);
        }
        tally.arrived(&stamp(2), 10);
        tally.arrived(&stamp(1), 10);
        assert_eq!(tally.drained().await, Totals { due: 3, arrived: 2 });
    }

    #[test]
    fn only_what_arrives_between_begin_and_end_is_measured() {
        let tally = Tally::new(1);
        assert_eq!(tally.end().objects, 0);
        for _ in 0..3 {
            tally.send(3);
        }
        tally.arrived(&stamp(0), 10);
        tally.begin();
        tally.arrived(&stamp(1), 20);
        let measured = tally.end();
        tally.arrived(&stamp(2), 40);
        assert_eq!((measured.objects, measured.bytes), (1, 20));
    }
}

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// What has not moved for so long is lost: no relay's budgets keep it.
const LOST_AFTER: Duration = Duration::from_secs(2);

/// Holds a saturating sender to a number of objects on their way: sent, but not yet with every receiver.
#[derive(Debug)]
pub(super) struct Window {
    receivers: u32,
    state: Mutex<State>,
    moved: Notify,
}

#[derive(Debug)]
struct State {
    /// For each object on its way, how many lack it. The first is number `oldest`.
    lacking: VecDeque<u32>,
    oldest: u64,
    /// For each person, up to which number it has everything, or will never have it.
    passed: Vec<u64>,
}

impl Window {
    /// For a session of so many people, of whom `receivers` should get each object.
    pub(super) fn new(people: u32, receivers: u32) -> Self {
        let passed = vec![0; usize::try_from(people).unwrap_or_default()];
        let state = State { lacking: VecDeque::new(), oldest: 0, passed };
        Self { receivers, state: Mutex::new(state), moved: Notify::new() }
    }

    /// Waits until fewer than `objects_max` are on their way. What holds it up for too long is given up.
    pub(super) async fn room(&self, objects_max: u32) {
        let objects_max = usize::try_from(objects_max.max(1)).unwrap_or(usize::MAX);
        while self.state().lacking.len() >= objects_max {
            if timeout(LOST_AFTER, self.moved.notified()).await.is_err() {
                self.state().advance(1);
            }
        }
    }

    /// The next object's number.
    pub(super) fn send(&self) -> u64 {
        let mut state = self.state();
        state.lacking.push_back(self.receivers);
        state.oldest + state.lacking.len() as u64 - 1
    }

    /// An object is with a person. Those before it which the person has not got will not come: a track is in order but for
    /// groups that are given up.
    pub(super) fn arrived(&self, person: u32, sequence: u64) {
        if self.state().pass(person, sequence) {
            self.moved.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether the window moved.
    fn pass(&mut self, person: u32, sequence: u64) -> bool {
        let oldest = self.oldest;
        let index = |number: u64| usize::try_from(number.saturating_sub(oldest)).unwrap_or(usize::MAX);
        let Some(passed) = usize::try_from(person).ok().and_then(|person| self.passed.get_mut(person)) else {
            return false;
        };
        let (from, to) = (index(*passed), index(sequence.saturating_add(1)));
        *passed = (*passed).max(sequence.saturating_add(1));
        for lacking in self.lacking.iter_mut().take(to).skip(from) {
            *lacking = lacking.saturating_sub(1);
        }
        let done = self.lacking.iter().take_while(|lacking| **lacking == 0).count();
        self.advance(done);
        done > 0
    }

    fn advance(&mut self, objects: usize) {
        let gone = self.lacking.drain(..objects.min(self.lacking.len())).count();
        self.oldest += gone as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn has_room(window: &Window, objects_max: u32) -> bool {
        pin!(window.room(objects_max)).poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[tokio::test]
    async fn the_slowest_receiver_moves_the_window() {
        let window = Window::new(3, 2);
        assert_eq!((window.send(), window.send()), (0, 1));
        assert!(!has_room(&window, 2));
        window.arrived(1, 0);
        window.arrived(1, 1);
        assert!(!has_room(&window, 2), "one receiver lacks the first");
        window.arrived(2, 0);
        assert!(has_room(&window, 2) && !has_room(&window, 1));
        window.arrived(2, 1);
        assert!(has_room(&window, 1));
    }

    #[tokio::test]
    async fn what_was_left_out_holds_nobody_up() {
        let window = Window::new(1, 1);
        for _ in 0..3 {
            window.send();
        }
        window.arrived(0, 2);
        window.arrived(0, 1);
        assert!(has_room(&window, 1));
        window.arrived(7, 0);
        assert_eq!(window.send(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_is_gone_does_not_hold_the_sender_for_ever() {
        let window = Window::new(1, 1);
        window.send();
        window.room(1).await;
        assert_eq!(window.send(), 1);
    }
}

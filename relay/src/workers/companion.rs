//! A second future in the task of a connection's driver: the one that writes to it. What it has written goes out in the same
//! turn, while all of the connection is in the core's cache; of hundreds of connections each would be out of it by then.

use super::line::Urgency;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// What runs beside a driver. It tells by itself what it ended with.
pub(super) type Companion = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a companion comes to a driver's task, and goes.
#[derive(Default)]
pub(super) struct Door {
    /// Whether the task is to look.
    knocked: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    task: Option<Waker>,
    newcomer: Option<Companion>,
    /// No companion from now on.
    closed: bool,
}

/// Half of a task: polled only when it was woken itself.
#[derive(Debug, Default)]
pub(super) struct Half(Option<Arc<HalfWaker>>);

#[derive(Debug)]
struct HalfWaker {
    is_due: AtomicBool,
    /// Has the task go first.
    urgency: Option<Arc<Urgency>>,
    task: Waker,
}

impl Door {
    /// Hands a companion to the driver's task; gives it back when there is none.
    pub(super) fn enter(&self, companion: Companion) -> Result<(), Companion> {
        let mut state = self.lock();
        let Some(task) = state.task.clone() else { return Err(companion) };
        state.newcomer = Some(companion);
        self.knock(state, &task);
        Ok(())
    }

    /// The companion has no further turn.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        if let Some(task) = state.task.clone() {
            self.knock(state, &task);
        }
    }

    /// Says which task it is that looks.
    pub(super) fn kept_by(&self, task: &Waker) {
        self.lock().task = Some(task.clone());
    }

    /// Lets in and out who wants to.
    pub(super) fn look(&self, companion: &mut Option<Companion>) {
        if self.knocked.load(Ordering::Relaxed) && self.knocked.swap(false, Ordering::Acquire) {
            let mut state = self.lock();
            *companion = state.newcomer.take().or_else(|| companion.take()).filter(|_| !state.closed);
        }
    }

    fn knock(&self, state: MutexGuard<'_, State>, task: &Waker) {
        // Under the lock: a task that takes over the door meanwhile sees it.
        self.knocked.store(true, Ordering::Release);
        drop(state);
        task.wake_by_ref();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}

impl Half {
    /// Polls it if it was woken, and at first. `urgency`: whoever wakes it has the task go first.
    pub(super) fn poll_if_due<F: Future + Unpin + ?Sized>(
        &mut self,
        future: &mut F,
        task: &Waker,
        urgency: Option<&Arc<Urgency>>,
    ) -> Poll<F::Output> {
        let waker = self.waker_for(task, urgency);
        if !waker.is_due.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        Pin::new(future).poll(&mut Context::from_waker(&waker.into()))
    }

    fn waker_for(&mut self, task: &Waker, urgency: Option<&Arc<Urgency>>) -> Arc<HalfWaker> {
        let fits = |known: &Arc<HalfWaker>| {
            known.task.will_wake(task) && known.urgency.is_some() == urgency.is_some()
        };
        let known = self.0.take().filter(fits);
        let make =
            || HalfWaker { is_due: AtomicBool::new(true), urgency: urgency.cloned(), task: task.clone() };
        let waker = known.unwrap_or_else(|| Arc::new(make()));
        self.0 = Some(Arc::clone(&waker));
        waker
    }
}

/// Polls a companion if it was woken. One that has ended, or panicked, is gone: its peer's connection ends, the others stay.
pub(super) fn poll_companion(half: &mut Half, companion: &mut Option<Companion>, task: &Waker) {
    let Some(future) = companion else { return };
    let polled = catch_unwind(AssertUnwindSafe(|| half.poll_if_due(future, task, None)));
    if !matches!(polled, Ok(Poll::Pending)) {
        *companion = None;
    }
}

impl Wake for HalfWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_due.store(true, Ordering::Release);
        if let Some(urgency) = &self.urgency {
            urgency.mark();
        }
        self.task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use tokio::sync::Notify;
    use tokio::task::yield_now;

    /// A driver's task, as far as its companion sees it.
    async fn task(door: Arc<Door>) {
        let (mut companion, mut half, mut is_known) = (None, Half::default(), false);
        std::future::poll_fn(|cx| {
            if !std::mem::replace(&mut is_known, true) {
                door.kept_by(cx.waker());
            }
            door.look(&mut companion);
            poll_companion(&mut half, &mut companion, cx.waker());
            Poll::<()>::Pending
        })
        .await;
    }

    fn counting(polls: &Arc<AtomicUsize>, wake: &Arc<Notify>) -> Companion {
        let (polls, wake) = (Arc::clone(polls), Arc::clone(wake));
        Box::pin(async move {
            loop {
                polls.fetch_add(1, Ordering::Relaxed);
                wake.notified().await;
            }
        })
    }

    #[tokio::test]
    async fn a_companion_runs_when_it_is_woken_and_not_after_it_was_dismissed() {
        let (door, polls, wake) = (Arc::<Door>::default(), Arc::default(), Arc::default());
        assert!(door.enter(counting(&polls, &wake)).is_err(), "there is no task yet");
        tokio::spawn(task(Arc::clone(&door)));
        yield_now().await;
        assert!(door.enter(counting(&polls, &wake)).is_ok());
        yield_now().await;
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        // The task is woken, its companion is not.
        door.lock().task.clone().unwrap().wake();
        yield_now().await;
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        wake.notify_one();
        yield_now().await;
        assert_eq!(polls.load(Ordering::Relaxed), 2);
        wake.notify_one();
        door.close();
        yield_now().await;
        assert_eq!((polls.load(Ordering::Relaxed), Arc::strong_count(&polls)), (2, 1), "it is gone");
    }

    #[tokio::test]
    async fn a_task_that_takes_over_finds_who_came_in_before() {
        let (door, polls, wake) = (Arc::<Door>::default(), Arc::default(), Arc::default());
        let before = tokio::spawn(task(Arc::clone(&door)));
        yield_now().await;
        before.abort();
        let _ = before.await;
        assert!(door.enter(counting(&polls, &wake)).is_ok());
        tokio::spawn(task(Arc::clone(&door)));
        yield_now().await;
        assert_eq!(polls.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_panic_ends_the_companion_and_not_the_task() {
        let door = Arc::<Door>::default();
        let driver = tokio::spawn(task(Arc::clone(&door)));
        yield_now().await;
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let panics = Box::pin(async {
            let _kept = tell;
            panic!("of a writer")
        });
        assert!(door.enter(panics).is_ok());
        assert!(told.await.is_err(), "whoever waits for its end hears of it");
        assert!(!driver.is_finished());
    }
}

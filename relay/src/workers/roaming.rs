//! Connections that move. A handshake is done by any worker; which session it was for shows in its last message, and then the
//! connection goes where that session lives. quinn spawns a task that drives the connection, and that task has to go along.

use super::companion::{Companion, Door, Half, poll_companion};
use super::line::{Patience, Urgency};
use super::{Worker, Workers};
use quinn::{AsyncTimer, Connecting, ConnectionError, Incoming, Runtime, TokioRuntime};
use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::time::{Sleep, sleep_until};

thread_local! {
    /// Which worker this thread is; none for the thread of the socket, and none when all runs in one thread.
    static THIS_WORKER: Cell<Option<usize>> = const { Cell::new(None) };
    /// Whose driver quinn is about to spawn. Here, because it does not say: it does so within `accept`.
    static ACCEPTING: RefCell<Option<Home>> = const { RefCell::new(None) };
}

/// Where a connection is driven.
#[derive(Clone, Debug)]
pub(crate) struct Home(Arc<Place>);

#[derive(Debug)]
struct Place {
    workers: Workers,
    index: AtomicUsize,
    /// Once it lives where it stays.
    urgency: OnceLock<Arc<Urgency>>,
    /// Whether input comes from the peer.
    is_input_source: AtomicBool,
    door: Door,
}

impl Home {
    /// Has the connection driven by `worker` from its next event on, in turns by that urgency.
    pub(crate) fn move_to(&self, worker: &Worker, urgency: Arc<Urgency>) {
        self.0.index.store(worker.index, Ordering::Release);
        self.0.urgency.get_or_init(|| urgency);
    }

    /// Runs this in the driver's task, until it is dismissed. Where a runtime of others drives the connection, it is given
    /// back, to be run in a task of its own.
    pub(crate) fn run_beside(
        &self,
        companion: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), impl Future<Output = ()> + Send + 'static> {
        let urgency = self.0.urgency.get().cloned();
        self.0.door.enter(Box::pin(companion)).map_err(|companion| unmarking(urgency, companion))
    }

    /// Ends what runs beside the driver: it has no further turn.
    pub(crate) fn dismiss(&self) {
        self.0.door.close();
    }

    /// From now on its turns go first when something has come from its peer.
    pub(crate) fn is_input_source(&self) {
        self.0.is_input_source.store(true, Ordering::Relaxed);
    }

    fn worker(&self) -> &Arc<Worker> {
        self.0.workers.get(self.0.index.load(Ordering::Acquire))
    }
}

/// Says once which worker the calling thread is.
pub(super) fn this_thread_is(worker: usize) {
    THIS_WORKER.set(Some(worker));
}

/// Accepts a connection, to be driven by this worker until it is told to move. The endpoint's lock is held while the TLS
/// handshake's first step is taken, if all of it has come.
///
/// # Errors
/// quinn's: the peer's first packet was nothing.
pub(crate) fn accept(workers: &Workers, incoming: Incoming) -> Result<(Connecting, Home), ConnectionError> {
    let index = AtomicUsize::new(THIS_WORKER.get().unwrap_or_default());
    let urgency = OnceLock::new();
    let is_input_source = AtomicBool::new(false);
    let (workers, door) = (workers.clone(), Door::default());
    let home = Home(Arc::new(Place { workers, index, urgency, is_input_source, door }));
    ACCEPTING.set(Some(home.clone()));
    let accepted = incoming.accept();
    ACCEPTING.take();
    Ok((accepted?, home))
}

/// Spawns what quinn wants to have run: the driver of the connection that is being accepted on this thread, or else
/// the one that reads the socket, which stays where it is.
pub(crate) fn spawn_driver(workers: &Workers, driver: impl Driver) {
    match ACCEPTING.take() {
        Some(home) => {
            let worker = Arc::clone(home.worker());
            Roaming::start(driver, home, &worker);
        }
        None => workers.spawn_socket_reader(driver),
    }
}

/// A timer for quinn that is always the polling thread's own.
pub(crate) fn new_timer(at: Instant) -> Pin<Box<dyn AsyncTimer>> {
    match THIS_WORKER.get() {
        None => TokioRuntime.new_timer(at),
        Some(worker) => Box::pin(RoamingTimer { sleep: Box::pin(sleep_until(at.into())), worker }),
    }
}

/// What can be moved between two polls.
pub(crate) trait Driver: Future<Output = ()> + Send + Unpin + 'static {}

impl<T: Future<Output = ()> + Send + Unpin + 'static> Driver for T {}

/// A connection's driver. Polled where its connection no longer lives, it goes there.
struct Roaming<D> {
    /// `None` once it has gone.
    driver: Option<D>,
    home: Home,
    companion: Option<Companion>,
    patience: Patience,
    halves: [Half; 2],
    /// Whether its home knows this task.
    is_known: bool,
    _counted: Counted,
}

impl<D: Driver> Roaming<D> {
    fn start(driver: D, home: Home, worker: &Arc<Worker>) {
        let counted = Counted::on(Arc::clone(worker));
        let (companion, patience, halves) = Default::default();
        let driver = Some(driver);
        worker.spawn(Self { driver, home, companion, patience, halves, is_known: false, _counted: counted });
    }

    /// One turn, when it is its turn: first whoever writes, then the driver, which sends it.
    fn poll_here(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { driver: Some(driver), home, companion, patience, halves: [writing, driving], .. } = self
        else {
            return Poll::Ready(());
        };
        let place = &home.0;
        if !std::mem::replace(&mut self.is_known, true) {
            place.door.kept_by(cx.waker());
        }
        let Some(urgency) = place.urgency.get() else { return Pin::new(driver).poll(cx) };
        let is_urgent = std::task::ready!(urgency.poll_turn(patience, cx));
        place.door.look(companion);
        let source = place.is_input_source.load(Ordering::Relaxed).then_some(urgency);
        urgency.line().run_turn(is_urgent, || {
            poll_companion(writing, companion, cx.waker());
            driving.poll_if_due(driver, cx.waker(), source)
        })
    }
}

/// A companion without a driver in its task: whoever is marked is unmarked when it has its turn.
async fn unmarking(urgency: Option<Arc<Urgency>>, mut companion: Companion) {
    std::future::poll_fn(|cx| {
        if let Some(urgency) = &urgency {
            urgency.unmark();
        }
        companion.as_mut().poll(cx)
    })
    .await;
}

impl<D: Driver> Future for Roaming<D> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let worker = self.home.worker();
        if THIS_WORKER.get().is_none_or(|here| here == worker.index) {
            return self.poll_here(cx);
        }
        // Whoever wakes this task from now on wakes nobody, but the new one is polled first of all and then sees everything.
        let worker = Arc::clone(worker);
        if let Some(driver) = self.driver.take() {
            Self::start(driver, self.home.clone(), &worker);
        }
        Poll::Ready(())
    }
}

/// One connection in a worker's figures.
struct Counted(Arc<Worker>);

impl Counted {
    fn on(worker: Arc<Worker>) -> Self {
        worker.load.connections.fetch_add(1, Ordering::Relaxed);
        Self(worker)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.load.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A timer of a thread's runtime. Polled or set on another thread, it is made anew there: it would go on to wake the task,
/// but at the cost of two threads, and would end with a runtime that is not its task's.
#[derive(Debug)]
struct RoamingTimer {
    sleep: Pin<Box<Sleep>>,
    worker: usize,
}

impl RoamingTimer {
    /// The timer, set to `at`, as one of this thread.
    fn here(&mut self, at: tokio::time::Instant) -> Pin<&mut Sleep> {
        let here = THIS_WORKER.get().unwrap_or(self.worker);
        if here != self.worker {
            *self = Self { sleep: Box::pin(sleep_until(at)), worker: here };
        }
        self.sleep.as_mut()
    }
}

impl AsyncTimer for RoamingTimer {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        self.here(at.into()).reset(at.into());
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = self.sleep.deadline();
        Future::poll(self.here(at), cx)
    }
}

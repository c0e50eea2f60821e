//! One connection's turn on its core: quinn's driver runs until it has nothing more to send or its turn is over, then all it
//! sent goes to the kernel together.

use super::batch::Batch;
use super::socket::CoalescingSocket;
use crate::workers::{Pace, pace};
use quinn::{AsyncUdpSocket, UdpPoller};
use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use tokio::task::coop::poll_proceed;

/// quinn's driver pauses after twenty datagrams, though it has more. Two of those make a batch of forty, which is the most
/// that one system call takes.
const POLLS_PER_TURN_MAX: usize = 2;
/// Received datagrams that a connection's driver takes in a short turn, some 25 us.
const RECEIVED_PER_SHORT_TURN_MAX: usize = 32;
/// What tokio lets a task take from channels in one turn; quinn's driver takes received datagrams from one, as many as that.
const TOKIO_BUDGET: usize = 128;

/// quinn's future for a connection or for the endpoint, run turn by turn.
pub(super) struct Turn {
    inner: Pin<Box<dyn Future<Output = ()> + Send>>,
    socket: Arc<CoalescingSocket>,
    waker: Option<Arc<TurnWaker>>,
    /// What the kernel did not take at the last turn's end. Until it does, there is no further turn.
    unsent: Batch,
    writable: Option<Pin<Box<dyn UdpPoller>>>,
}

thread_local! {
    /// The batch of the turn that runs on this thread, if one does. Here, because quinn's driver does not say who it is when
    /// it sends; and one buffer per core stays in its cache.
    static RUNNING: RefCell<Running> = RefCell::new(Running::default());
}

#[derive(Default)]
struct Running {
    is_turn: bool,
    batch: Batch,
}

/// Lets `send` add to the batch of the turn that runs on this thread; outside of a turn there is none.
pub(super) fn gather<T>(send: impl FnOnce(Option<&mut Batch>) -> T) -> T {
    RUNNING.with_borrow_mut(|running| match running.is_turn {
        true => send(Some(&mut running.batch)),
        false => send(None),
    })
}

impl Turn {
    pub(super) fn new(
        socket: Arc<CoalescingSocket>,
        inner: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Self {
        Self { inner, socket, waker: None, unsent: Batch::default(), writable: None }
    }

    /// Polls quinn's future, again if it only paused.
    fn run(&mut self, outer: &Waker) -> Poll<()> {
        let turn_waker = self.waker_for(outer);
        let waker = Waker::from(Arc::clone(&turn_waker));
        let mut cx = Context::from_waker(&waker);
        let mut polled = Poll::Pending;
        let polls = match pace() {
            Pace::Full => POLLS_PER_TURN_MAX,
            Pace::Short | Pace::Urgent => {
                spend_budget();
                1
            }
        };
        for _ in 0..polls {
            turn_waker.begin();
            polled = self.inner.as_mut().poll(&mut cx);
            if polled.is_ready() || !turn_waker.is_woken() {
                break;
            }
        }
        turn_waker.end();
        polled
    }

    fn waker_for(&mut self, outer: &Waker) -> Arc<TurnWaker> {
        let known = self.waker.take().filter(|known| known.outer.will_wake(outer));
        let waker = known.unwrap_or_else(|| Arc::new(TurnWaker::new(outer.clone())));
        self.waker = Some(Arc::clone(&waker));
        waker
    }

    /// Sends what an earlier turn left. Pending until the kernel takes it.
    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.socket.flush(&mut self.unsent).is_err() {
            let socket = &self.socket;
            let writable = self.writable.get_or_insert_with(|| Arc::clone(socket).create_io_poller());
            // An error of the runtime's poll set: the next send says what is wrong.
            let Poll::Ready(_) = writable.as_mut().poll_writable(cx) else { return Poll::Pending };
        }
        Poll::Ready(())
    }
}

/// Leaves the running task so much of tokio's budget that it takes [`RECEIVED_PER_SHORT_TURN_MAX`] datagrams.
fn spend_budget() {
    let mut cx = Context::from_waker(Waker::noop());
    for _ in RECEIVED_PER_SHORT_TURN_MAX..TOKIO_BUDGET {
        if let Poll::Ready(unit) = poll_proceed(&mut cx) {
            unit.made_progress();
        }
    }
}

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        std::task::ready!(self.poll_unsent(cx));
        let batching = Batching::begin();
        let polled = self.run(cx.waker());
        batching.end(&self.socket).into_iter().for_each(|unsent| self.unsent = unsent);
        if polled.is_pending() {
            // Has the task woken once the kernel takes more. Ready: nothing is left.
            let _ = self.poll_unsent(cx);
        }
        polled
    }
}

/// While it lives, what this thread sends is gathered.
struct Batching;

impl Batching {
    fn begin() -> Self {
        // What an event waits for goes at once, not at the turn's end.
        RUNNING.with_borrow_mut(|running| running.is_turn = pace() != Pace::Urgent);
        Self
    }

    /// Sends what was gathered. Returns what the kernel does not take.
    fn end(self, socket: &CoalescingSocket) -> Option<Batch> {
        RUNNING.with_borrow_mut(|running| {
            let sent = socket.flush(&mut running.batch);
            sent.is_err().then(|| std::mem::take(&mut running.batch))
        })
    }
}

impl Drop for Batching {
    // Also when quinn's future panicked: then what it sent goes with it.
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(|running| {
            running.is_turn = false;
            running.batch.clear();
        });
    }
}

/// Tells a driver that only paused from one that has nothing to do.
struct TurnWaker {
    outer: Waker,
    in_turn: AtomicBool,
    woken: AtomicBool,
}

impl TurnWaker {
    const fn new(outer: Waker) -> Self {
        Self { outer, in_turn: AtomicBool::new(false), woken: AtomicBool::new(false) }
    }

    /// Before each poll: whoever woke us until now is seen by it.
    fn begin(&self) {
        self.in_turn.store(true, Ordering::SeqCst);
        self.woken.store(false, Ordering::SeqCst);
    }

    fn is_woken(&self) -> bool {
        self.woken.load(Ordering::SeqCst)
    }

    /// A wake that came since the last poll began becomes one of the task.
    fn end(&self) {
        self.in_turn.store(false, Ordering::SeqCst);
        if self.woken.swap(false, Ordering::SeqCst) {
            self.outer.wake_by_ref();
        }
    }
}

impl Wake for TurnWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        if !self.in_turn.load(Ordering::SeqCst) {
            self.outer.wake_by_ref();
        }
    }
}

//! Who goes first on a core. Tokio has tasks take turns in the order in which they were woken, and under load a round of
//! them takes far longer than an input event's own way through the relay. So a task that an event waits for is marked,
//! and while one is, the others give up their turns.

use super::companion::Half;
use std::cell::Cell;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

/// Turns that a task gives up before it has one: an event's way is five turns long, from the socket to the socket.
/// So nobody starves, whoever is marked.
const TURNS_GIVEN_UP_MAX: u8 = 6;
/// Turns of connections after an input event which are short, and after each of which the socket is looked at: a second or
/// more of a core that is busy. Tokio by itself looks after every 61 turns, or when there is nothing else to do.
const ATTENTIVE_TURNS: u32 = 65_536;

thread_local! {
    /// How the turn is to be that runs on this thread.
    static PACE: Cell<Pace> = const { Cell::new(Pace::Full) };
    /// Whether the socket is to be read whatever tokio knows of it.
    static LOOK_AT_SOCKET: Cell<bool> = const { Cell::new(false) };
}

/// How much a connection's driver does in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As much as is good for the throughput.
    Full,
    /// Little: an event may come any moment.
    Short,
    /// Little, and what it sends goes at once: an event waits for it.
    Urgent,
}

/// The tasks of one core.
#[derive(Debug, Default)]
pub(crate) struct Line {
    marked: AtomicUsize,
    attentive_turns: AtomicU32,
    /// Whoever reads the socket, if it is a task of this core.
    reader: OnceLock<UrgentWaker>,
}

/// One task's place in the line. Dropped, it is out of it.
#[derive(Debug)]
pub(crate) struct Urgency {
    line: Arc<Line>,
    is_marked: AtomicBool,
}

/// Turns that a task has given up.
#[derive(Debug, Default)]
pub(super) struct Patience(u8);

/// A task that input comes through: whoever wakes it has it go first.
pub(crate) struct Urgent<F> {
    task: Pin<Box<F>>,
    urgency: Arc<Urgency>,
    half: Half,
}

/// The task that reads the socket. It goes first when it is asked to look, not whenever something came.
pub(super) struct SocketReader<F> {
    task: F,
    urgency: Arc<Urgency>,
}

/// Marks the reader before waking it.
#[derive(Debug)]
struct UrgentWaker {
    urgency: Arc<Urgency>,
    task: Waker,
}

/// How the turn is to be that runs on this thread.
pub(crate) fn pace() -> Pace {
    PACE.get()
}

/// Whether the socket is to be read though tokio has not said that there is something; once.
pub(crate) fn take_look_at_socket() -> bool {
    LOOK_AT_SOCKET.take()
}

impl Line {
    /// An input event went by: from now on the socket is looked at more often.
    pub(crate) fn saw_input(&self) {
        self.attentive_turns.store(ATTENTIVE_TURNS, Ordering::Relaxed);
    }

    /// For a task that no event waits for: returns when it is its turn.
    pub(crate) async fn turn(&self) {
        let mut patience = Patience::default();
        std::future::poll_fn(|cx| self.poll_turn(&mut patience, cx)).await;
    }

    fn poll_turn(&self, patience: &mut Patience, cx: &Context<'_>) -> Poll<()> {
        if patience.0 < TURNS_GIVEN_UP_MAX && self.marked.load(Ordering::Relaxed) > 0 {
            patience.0 += 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// One turn of a connection's driver; within, [`pace`] says how it is to be. Afterwards the socket is looked at, if an
    /// event may have come meanwhile.
    pub(super) fn run_turn<T>(&self, is_urgent: bool, turn: impl FnOnce() -> T) -> T {
        let attentive = self.attentive_turns.load(Ordering::Relaxed);
        PACE.set(match (is_urgent, attentive) {
            (true, _) => Pace::Urgent,
            (false, 0) => Pace::Full,
            (false, _) => Pace::Short,
        });
        let result = turn();
        PACE.set(Pace::Full);
        if let Some(fewer) = attentive.checked_sub(1) {
            self.attentive_turns.store(fewer, Ordering::Relaxed);
            self.reader.get().into_iter().for_each(UrgentWaker::wake);
        }
        result
    }
}

impl Urgency {
    pub(crate) fn new(line: &Arc<Line>) -> Arc<Self> {
        Arc::new(Self { line: Arc::clone(line), is_marked: AtomicBool::new(false) })
    }

    pub(super) fn line(&self) -> &Line {
        &self.line
    }

    /// Has the task go first. To be called before it is woken.
    pub(crate) fn mark(&self) {
        if !self.is_marked.swap(true, Ordering::Relaxed) {
            self.line.marked.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// At the beginning of the task's turn: ready with whether an event waits for it; pending, and woken again, while
    /// others go first.
    pub(super) fn poll_turn(&self, patience: &mut Patience, cx: &Context<'_>) -> Poll<bool> {
        let is_marked = self.unmark();
        if !is_marked {
            std::task::ready!(self.line.poll_turn(patience, cx));
        }
        patience.0 = 0;
        Poll::Ready(is_marked)
    }

    /// Whether an event waited for the task: it has its turn now.
    pub(super) fn unmark(&self) -> bool {
        let was_marked =
            self.is_marked.load(Ordering::Relaxed) && self.is_marked.swap(false, Ordering::Relaxed);
        if was_marked {
            self.line.marked.fetch_sub(1, Ordering::Relaxed);
        }
        was_marked
    }
}

impl Drop for Urgency {
    fn drop(&mut self) {
        self.unmark();
    }
}

impl<F: Future> Urgent<F> {
    pub(crate) fn new(line: &Arc<Line>, task: F) -> Self {
        Self { task: Box::pin(task), urgency: Urgency::new(line), half: Half::default() }
    }
}

impl<F: Future> Future for Urgent<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { task, urgency, half } = &mut *self;
        urgency.unmark();
        half.poll_if_due(task, cx.waker(), Some(urgency))
    }
}

impl<F: Future<Output = ()> + Unpin> SocketReader<F> {
    pub(super) fn new(line: &Arc<Line>, task: F) -> Self {
        Self { task, urgency: Urgency::new(line) }
    }
}

impl<F: Future<Output = ()> + Unpin> Future for SocketReader<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let urgency = &self.urgency;
        let register = || UrgentWaker { urgency: Arc::clone(urgency), task: cx.waker().clone() };
        urgency.line.reader.get_or_init(register);
        LOOK_AT_SOCKET.set(urgency.unmark());
        let polled = Pin::new(&mut self.task).poll(cx);
        LOOK_AT_SOCKET.set(false);
        polled
    }
}

impl UrgentWaker {
    fn wake(&self) {
        self.urgency.mark();
        self.task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use tokio::sync::Notify;
    use tokio::task::yield_now;

    type Order = Arc<Mutex<Vec<&'static str>>>;

    /// A task that always has something to do.
    async fn busy(line: Arc<Line>, order: Order) {
        for _ in 0..20 {
            line.turn().await;
            order.lock().unwrap().push("busy");
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_an_event_waits_for_goes_before_whoever_was_woken_earlier() {
        let (line, order) = (Arc::<Line>::default(), Order::default());
        let [one, two] = [(); 2].map(|()| Arc::new(Notify::new()));
        // An event's way: one task wakes the next.
        let hop = |mine: &Arc<Notify>, next: Option<&Arc<Notify>>, name| {
            let (mine, next, order) = (Arc::clone(mine), next.cloned(), Arc::clone(&order));
            tokio::spawn(Urgent::new(&line, async move {
                mine.notified().await;
                order.lock().unwrap().push(name);
                next.into_iter().for_each(|next| next.notify_one());
            }))
        };
        let first = hop(&one, Some(&two), "first");
        let second = hop(&two, None, "second");
        yield_now().await;
        let crowd = [(); 10].map(|()| tokio::spawn(busy(Arc::clone(&line), Arc::clone(&order))));
        one.notify_one();
        for task in crowd.into_iter().chain([first, second]) {
            task.await.unwrap();
        }
        let order = order.lock().unwrap();
        assert_eq!(order[..2], ["first", "second"]);
        assert_eq!(order.len(), 202, "all others had their turns");
        assert_eq!(line.marked.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn nobody_starves_however_long_a_mark_stays() {
        let (line, order) = (Arc::<Line>::default(), Order::default());
        let never_polled = Urgency::new(&line);
        never_polled.mark();
        busy(Arc::clone(&line), Arc::clone(&order)).await;
        assert_eq!(order.lock().unwrap().len(), 20);
        drop(never_polled);
        assert_eq!(line.marked.load(Ordering::Relaxed), 0, "whoever is gone is waited for no more");
    }

    #[tokio::test]
    async fn after_input_the_socket_is_looked_at_after_each_turn_for_a_while() {
        let (line, looks) = (Arc::<Line>::default(), Order::default());
        let seen = Arc::clone(&looks);
        let reader = std::future::poll_fn(move |_| {
            if take_look_at_socket() {
                seen.lock().unwrap().push("look");
            }
            Poll::Pending
        });
        tokio::spawn(SocketReader::new(&line, reader));
        yield_now().await;
        assert_eq!(line.run_turn(false, pace), Pace::Full);
        yield_now().await;
        assert_eq!(looks.lock().unwrap().len(), 0, "there was no input");
        line.saw_input();
        for _ in 0..3 {
            assert_eq!(line.run_turn(false, pace), Pace::Short);
            yield_now().await;
        }
        assert_eq!(line.run_turn(true, pace), Pace::Urgent);
        assert_eq!(pace(), Pace::Full, "what is no turn of a connection");
        assert_eq!(looks.lock().unwrap().len(), 3);
    }
}

//! What was read from the socket and no worker has looked at yet. quinn hands datagrams to connections through queues without
//! a bound; with one thread the next datagram is only read when the last one was worked off, with several it has to be seen to.

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// Datagrams that wait for a worker; what one system call brings may come on top. Beyond, the socket is not read: the
/// kernel's buffer fills, then datagrams are lost, and that is what slows a sender down.
const UNSEEN_BYTES_MAX: usize = 4 * 1024 * 1024;
/// After so many bytes the workers are asked whether they have seen them.
const UNASKED_BYTES_MAX: usize = UNSEEN_BYTES_MAX / 4;

/// The socket, read only as fast as the slowest worker works off what was read.
#[derive(Debug)]
pub(crate) struct GatedSocket {
    socket: Arc<dyn AsyncUdpSocket>,
    unseen: Arc<Unseen>,
}

/// The count of what no worker may have seen.
#[derive(Debug)]
pub(super) struct Unseen {
    state: Mutex<State>,
    /// One for each worker: it is to say when it has seen all that is there.
    questions: Vec<Notify>,
}

#[derive(Debug, Default)]
struct State {
    /// Read before the workers were asked, and not answered for by all of them.
    asked_bytes: usize,
    /// Read since.
    unasked_bytes: usize,
    /// Workers that have not answered.
    answers_owed: usize,
    /// Waits to read on.
    reader: Option<Waker>,
}

impl Unseen {
    /// For these workers, each of which is given a task that answers.
    pub(super) fn by<'a>(workers: impl Iterator<Item = &'a Handle> + Clone) -> Arc<Self> {
        let questions = workers.clone().map(|_| Notify::new()).collect();
        let unseen = Arc::new(Self { state: Mutex::default(), questions });
        for (index, worker) in workers.enumerate() {
            worker.spawn(Arc::clone(&unseen).answer(index));
        }
        unseen
    }

    pub(super) fn gate(self: &Arc<Self>, socket: Arc<dyn AsyncUdpSocket>) -> Arc<GatedSocket> {
        Arc::new(GatedSocket { socket, unseen: Arc::clone(self) })
    }

    async fn answer(self: Arc<Self>, worker: usize) {
        let Some(question) = self.questions.get(worker) else { return };
        loop {
            question.notified().await;
            // Whoever was woken before has then had its turn, and a connection in its turn takes all that is there for it.
            tokio::task::yield_now().await;
            self.answered();
        }
    }

    fn answered(&self) {
        let mut state = self.lock();
        state.answers_owed = state.answers_owed.saturating_sub(1);
        if state.answers_owed == 0 {
            state.asked_bytes = 0;
            state.reader.take().into_iter().for_each(Waker::wake);
            self.ask_if_due(&mut state);
        }
    }

    fn read(&self, bytes: usize) {
        let mut state = self.lock();
        state.unasked_bytes += bytes;
        self.ask_if_due(&mut state);
    }

    fn ask_if_due(&self, state: &mut State) {
        if state.answers_owed == 0 && state.unasked_bytes >= UNASKED_BYTES_MAX {
            state.asked_bytes = std::mem::take(&mut state.unasked_bytes);
            state.answers_owed = self.questions.len();
            self.questions.iter().for_each(Notify::notify_one);
        }
    }

    /// Whether the socket may be read; if not, `cx` is woken when it may.
    fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.asked_bytes + state.unasked_bytes < UNSEEN_BYTES_MAX {
            return Poll::Ready(());
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncUdpSocket for GatedSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.socket).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.socket.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        std::task::ready!(self.unseen.poll_room(cx));
        let polled = self.socket.poll_recv(cx, buffers, metas);
        if let Poll::Ready(Ok(count)) = &polled {
            self.unseen.read(metas.iter().take(*count).map(|meta| meta.len).sum());
        }
        polled
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.socket.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.socket.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.socket.may_fragment()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime::Builder;

    fn room(unseen: &Unseen) -> bool {
        unseen.poll_room(&Context::from_waker(Waker::noop())).is_ready()
    }

    #[tokio::test]
    async fn no_more_is_read_than_the_slowest_worker_has_seen() {
        let worker = Handle::current();
        // Both live in this thread, so neither has a turn before the test waits.
        let unseen = Unseen::by([&worker, &worker].into_iter());
        let read = 100_000;
        let mut bytes = 0;
        while room(&unseen) && bytes < 2 * UNSEEN_BYTES_MAX {
            unseen.read(read);
            bytes += read;
        }
        assert!((UNSEEN_BYTES_MAX..UNSEEN_BYTES_MAX + read).contains(&bytes));
        std::future::poll_fn(|cx| unseen.poll_room(cx)).await;
        // What was read after the question is still unseen, and was asked about at once.
        assert!(unseen.lock().asked_bytes >= UNSEEN_BYTES_MAX - UNASKED_BYTES_MAX - read);
        unseen.read(2 * UNASKED_BYTES_MAX);
        std::future::poll_fn(|cx| unseen.poll_room(cx)).await;
    }

    #[tokio::test]
    async fn workers_that_keep_up_are_never_waited_for_in_vain() {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let worker = Builder::new_current_thread().build().unwrap();
        let unseen = Unseen::by([worker.handle(), &Handle::current()].into_iter());
        let thread = std::thread::spawn(move || worker.block_on(stopped));
        for _ in 0..100 {
            std::future::poll_fn(|cx| unseen.poll_room(cx)).await;
            unseen.read(UNSEEN_BYTES_MAX);
        }
        drop(stop);
        thread.join().unwrap().unwrap_err();
    }
}

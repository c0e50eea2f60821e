//! The node's UDP socket. quinn hands over at most ten datagrams at a time; what one connection sends in one turn goes to
//! the kernel together, up to its bound of 64 KiB. That is a third of the cost of sending.

use super::batch::Batch;
use super::turn::gather;
use crate::workers::take_look_at_socket;
use quinn::udp::{RecvMeta, Transmit, UdpSocketState};
use quinn::{AsyncUdpSocket, UdpPoller};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::Interest;

/// See the module.
#[derive(Debug)]
pub(super) struct CoalescingSocket {
    io: tokio::net::UdpSocket,
    state: UdpSocketState,
    /// The kernel took no more at the last attempt.
    blocked: AtomicBool,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    sends: AtomicU64,
    datagrams: AtomicU64,
    split_batches: AtomicU64,
    blocked: AtomicU64,
}

/// What the socket did since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketStats {
    /// System calls that sent something.
    pub sends: u64,
    /// Datagrams sent by them.
    pub datagrams: u64,
    /// Batches that the kernel refused as a whole, so that their datagrams were sent one by one: no segmentation offload
    /// on this way, or a path that became narrower.
    pub split_batches: u64,
    /// Times the kernel's send buffer was full.
    pub blocked: u64,
    /// Datagrams per batch that the kernel takes. 1: it has no segmentation offload.
    pub segments_max: u64,
}

impl CoalescingSocket {
    /// # Errors
    /// The system's: no room in the runtime's poll set, or the socket lacks an option that quinn needs.
    pub(super) fn new(socket: std::net::UdpSocket) -> io::Result<Arc<Self>> {
        let state = UdpSocketState::new((&socket).into())?;
        let io = tokio::net::UdpSocket::from_std(socket)?;
        Ok(Arc::new(Self { io, state, blocked: AtomicBool::new(false), counters: Counters::default() }))
    }

    pub(super) fn stats(&self) -> SocketStats {
        let counters = &self.counters;
        SocketStats {
            sends: counters.sends.load(Ordering::Relaxed),
            datagrams: counters.datagrams.load(Ordering::Relaxed),
            split_batches: counters.split_batches.load(Ordering::Relaxed),
            blocked: counters.blocked.load(Ordering::Relaxed),
            segments_max: self.state.max_gso_segments() as u64,
        }
    }

    /// Sends all of the batch. What the kernel does not take for other reasons than a full buffer is lost, as it may be on
    /// any network.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock): the rest is still in the batch.
    pub(super) fn flush(&self, batch: &mut Batch) -> io::Result<()> {
        let Some(transmit) = batch.whole() else { return Ok(()) };
        match self.send(&transmit) {
            Ok(()) => batch.clear(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
            Err(_) => {
                self.counters.split_batches.fetch_add(1, Ordering::Relaxed);
                self.flush_one_by_one(batch)?;
            }
        }
        Ok(())
    }

    fn flush_one_by_one(&self, batch: &mut Batch) -> io::Result<()> {
        while let Some(datagram) = batch.first_datagram() {
            self.send_or_lose(&datagram)?;
            batch.drop_first();
        }
        Ok(())
    }

    /// Appends to the turn's batch what can be appended. The end of a burst goes out at once.
    fn gather(&self, batch: &mut Batch, transmit: &Transmit<'_>) -> io::Result<()> {
        if !batch.add(transmit) {
            self.flush(batch)?;
            if !batch.add(transmit) {
                return self.send_or_lose(transmit);
            }
        }
        if batch.is_closed() {
            // Blocked: it is in the batch, and the turn's end tries again.
            let _ = self.flush(batch);
        }
        Ok(())
    }

    /// Like quinn's own socket: an error other than a full buffer is a lost datagram. MTU probes that are too large end here.
    fn send_or_lose(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        match self.send(transmit) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let sent = self.io.try_io(Interest::WRITABLE, || self.state.try_send((&self.io).into(), transmit));
        match &sent {
            Ok(()) => {
                let segment_bytes = transmit.segment_size.unwrap_or(usize::MAX);
                let datagrams = transmit.contents.len().div_ceil(segment_bytes) as u64;
                self.counters.sends.fetch_add(1, Ordering::Relaxed);
                self.counters.datagrams.fetch_add(datagrams, Ordering::Relaxed);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.blocked.store(true, Ordering::Relaxed);
                self.counters.blocked.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {}
        }
        sent
    }
}

impl AsyncUdpSocket for CoalescingSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writable { socket: self, waiting: None })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        gather(|batch| match batch {
            Some(batch) => self.gather(batch, transmit),
            None => self.send_or_lose(transmit),
        })
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        if take_look_at_socket() {
            match self.state.recv((&self.io).into(), bufs, meta) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return Poll::Ready(received),
            }
        }
        loop {
            ready!(self.io.poll_recv_ready(cx))?;
            let received =
                self.io.try_io(Interest::READABLE, || self.state.recv((&self.io).into(), bufs, meta));
            match received {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return Poll::Ready(received),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.state.gro_segments()
    }

    fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }
}

type WritableFuture = Pin<Box<dyn Future<Output = io::Result<()>> + Send + Sync>>;

/// Waits for the kernel's send buffer, on behalf of one task. Costs nothing as long as it has room.
struct Writable {
    socket: Arc<CoalescingSocket>,
    waiting: Option<WritableFuture>,
}

impl UdpPoller for Writable {
    fn poll_writable(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.waiting.is_none() && !self.socket.blocked.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        let socket = Arc::clone(&self.socket);
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(async move { socket.io.writable().await }));
        let writable = ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        self.socket.blocked.store(false, Ordering::Relaxed);
        Poll::Ready(writable)
    }
}

impl std::fmt::Debug for Writable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writable").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::turn::Turn;
    use super::*;
    use std::net::UdpSocket;

    const SEGMENT: usize = 1200;

    fn pair() -> (Arc<CoalescingSocket>, UdpSocket) {
        let socket = CoalescingSocket::new(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        (socket, receiver)
    }

    fn burst(to: &UdpSocket, contents: &'static [u8]) -> Transmit<'static> {
        Transmit {
            destination: to.local_addr().unwrap(),
            ecn: None,
            contents,
            segment_size: (contents.len() > SEGMENT).then_some(SEGMENT),
            src_ip: None,
        }
    }

    fn receive(from: &UdpSocket) -> usize {
        from.recv(&mut [0; 2048]).unwrap()
    }

    #[tokio::test]
    async fn bursts_of_one_turn_leave_in_one_system_call() {
        static BURST: [u8; 10 * SEGMENT] = [7; 10 * SEGMENT];
        let (socket, receiver) = pair();
        socket.io.writable().await.unwrap();
        let sends = Arc::clone(&socket);
        let to = receiver.try_clone().unwrap();
        let inner = async move {
            for _ in 0..4 {
                sends.try_send(&burst(&to, &BURST)).unwrap();
            }
            assert_eq!(sends.stats().sends, 0, "held until the turn ends");
        };
        Turn::new(Arc::clone(&socket), Box::pin(inner)).await;
        let stats = socket.stats();
        assert_eq!((stats.sends, stats.datagrams), (1, 40));
        assert_eq!((0..40).map(|_| receive(&receiver)).sum::<usize>(), 40 * SEGMENT);
    }

    #[tokio::test]
    async fn a_bursts_short_end_and_single_datagrams_do_not_wait() {
        static BURST: [u8; 2 * SEGMENT + 50] = [7; 2 * SEGMENT + 50];
        let (socket, receiver) = pair();
        socket.io.writable().await.unwrap();
        let sends = Arc::clone(&socket);
        let to = receiver.try_clone().unwrap();
        let inner = async move {
            sends.try_send(&burst(&to, &BURST)).unwrap();
            assert_eq!((sends.stats().sends, sends.stats().datagrams), (1, 3));
            sends.try_send(&burst(&to, &BURST[..60])).unwrap();
            assert_eq!((sends.stats().sends, sends.stats().datagrams), (2, 4));
        };
        Turn::new(Arc::clone(&socket), Box::pin(inner)).await;
        assert_eq!((0..4).map(|_| receive(&receiver)).collect::<Vec<_>>(), [SEGMENT, SEGMENT, 50, 60]);
    }

    #[tokio::test]
    async fn a_batch_that_the_kernel_refuses_goes_one_by_one_and_is_counted() {
        // More segments than any kernel takes, so that the call as a whole fails.
        static BURST: [u8; 15_000] = [7; 15_000];
        let (socket, receiver) = pair();
        socket.io.writable().await.unwrap();
        let mut batch = Batch::default();
        assert!(batch.add(&Transmit { segment_size: Some(100), ..burst(&receiver, &BURST) }));
        socket.flush(&mut batch).unwrap();
        assert!(batch.whole().is_none());
        assert_eq!(socket.stats().split_batches, 1);
        assert_eq!((0..150).map(|_| receive(&receiver)).sum::<usize>(), 15_000);
    }

    #[tokio::test]
    async fn a_datagram_larger_than_the_path_is_lost_and_nothing_else() {
        static PROBE: [u8; 65_507] = [7; 65_507];
        let (socket, receiver) = pair();
        socket.io.writable().await.unwrap();
        // Beyond what UDP carries: EMSGSIZE.
        let probe = vec![0; 70_000].leak();
        let transmit = Transmit { segment_size: None, ..burst(&receiver, &PROBE) };
        socket.try_send(&Transmit { contents: probe, ..transmit }).unwrap();
        socket.try_send(&burst(&receiver, &PROBE[..60])).unwrap();
        assert_eq!(receive(&receiver), 60);
    }
}

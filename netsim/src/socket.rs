use crate::network::{Network, Received};
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::time::{Sleep, sleep_until};

/// Datagrams quinn may hand over at once, like a kernel with segmentation offload. quinn makes no more of them by itself.
pub const SEGMENTS_PER_TRANSMIT_MAX: usize = 10;

/// A place on the network. Its address is free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    network: Network,
    address: SocketAddr,
    /// Runs until the next datagram arrives. Made when first needed: that is within a runtime.
    arrival: Mutex<Option<Pin<Box<Sleep>>>>,
}

impl Socket {
    /// The address has to be taken already; dropping the socket gives it back.
    pub(crate) fn new(network: Network, address: SocketAddr) -> Self {
        Self { network, address, arrival: Mutex::new(None) }
    }

    /// Returns when the next datagram is there; the network wakes the task when one comes that is earlier.
    fn poll_arrival(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(next) = self.network.next_arrival(self.address, cx.waker()) else { return Poll::Pending };
        let mut arrival = self.arrival.lock().unwrap_or_else(PoisonError::into_inner);
        let sleep = arrival.get_or_insert_with(|| Box::pin(sleep_until(next)));
        if sleep.deadline() != next {
            sleep.as_mut().reset(next);
        }
        sleep.as_mut().poll(cx)
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(AlwaysWritable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let segment_bytes = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
        for datagram in transmit.contents.chunks(segment_bytes) {
            self.network.send(self.address, transmit.destination, transmit.ecn, datagram);
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut count = 0;
            for (buffer, meta) in buffers.iter_mut().zip(metas.iter_mut()) {
                let Some(received) = self.network.receive(self.address) else { break };
                *meta = hand_over(&received, self.address, buffer);
                count += 1;
            }
            if count > 0 {
                return Poll::Ready(Ok(count));
            }
            if self.poll_arrival(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }

    fn max_transmit_segments(&self) -> usize {
        SEGMENTS_PER_TRANSMIT_MAX
    }

    /// No: larger datagrams vanish, so quinn may look for the path's MTU.
    fn may_fragment(&self) -> bool {
        false
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.network.release(self.address);
    }
}

/// What does not fit is cut off, as UDP does it.
fn hand_over(received: &Received, to: SocketAddr, buffer: &mut [u8]) -> RecvMeta {
    let length = received.contents.len().min(buffer.len());
    buffer[..length].copy_from_slice(&received.contents[..length]);
    RecvMeta { addr: received.from, len: length, stride: length, ecn: received.ecn, dst_ip: Some(to.ip()) }
}

/// The network takes whatever it is given; what is too much for a link waits or is dropped there.
#[derive(Debug)]
struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

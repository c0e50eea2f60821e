use super::socket::CoalescingSocket;
use super::turn::Turn;
use crate::workers::{self, Workers};
use quinn::{AsyncTimer, AsyncUdpSocket, Runtime, TokioRuntime};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

/// Tokio, with quinn's futures run turn by turn, on the worker that they are for.
#[derive(Debug)]
pub(super) struct NodeRuntime {
    pub(super) socket: Arc<CoalescingSocket>,
    pub(super) workers: Workers,
}

impl Runtime for NodeRuntime {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        workers::new_timer(at)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        workers::spawn_driver(&self.workers, Turn::new(Arc::clone(&self.socket), future));
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Ok(CoalescingSocket::new(socket)?)
    }

    fn now(&self) -> Instant {
        TokioRuntime.now()
    }
}

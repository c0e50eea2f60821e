use crate::admission::{Admission, KeysError};
use crate::clock::Clock;
use crate::config::Config;
use crate::connection;
use crate::resident::Residence;
use crate::sessions::Sessions;
use crate::stats::{Counters, NodeStats};
use crate::tls::{TlsError, server_crypto};
use crate::transport::{self, Bound, SocketMonitor, TransportError};
use isi_wire::CloseCode;
use quinn::{AsyncUdpSocket, Endpoint, EndpointConfig, Incoming, Runtime, VarInt};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Peers at a time that are connected but not in a session yet. More are told to prove their address first, then turned away.
const HANDSHAKES_MAX: usize = 512;
/// With fewer free places than this, a peer has to show that it is where it says before it costs us a signature.
const HANDSHAKES_FREE_MIN: usize = HANDSHAKES_MAX / 2;

/// A relay node: one UDP socket, any number of sessions.
///
/// [`bind`](Self::bind), then [`run`](Self::run) until it returns. [`stats`](Self::stats) at any time, also from elsewhere
/// through a [`Monitor`].
#[derive(Debug)]
pub struct Node {
    endpoint: Endpoint,
    local_addr: SocketAddr,
    connections_max: usize,
    drain: Duration,
    monitor: Monitor,
}

/// Sees what a node does, while it runs and afterwards.
#[derive(Clone, Debug)]
pub struct Monitor {
    endpoint: Endpoint,
    socket: SocketMonitor,
    shared: Arc<Shared>,
}

/// Why a node did not start. Each is the operator's to correct.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Certificate or private key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The socket.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The keys that tokens are verified with.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// What all connections of a node share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) residence: Residence,
    pub(crate) counters: Counters,
    pub(crate) join_timeout: Duration,
}

impl Node {
    /// Binds the socket. Needs a tokio runtime with I/O and time; one with a single thread is enough and the fastest.
    /// Clients can connect from here on, and are served from [`run`](Self::run) on.
    ///
    /// # Errors
    /// [`StartError`]: nothing was left behind.
    pub fn bind(config: Config) -> Result<Self, StartError> {
        let tls = server_crypto(&config.tls, &[config.listen])?;
        let bound = transport::bind(config.listen, tls)?;
        Self::on(bound, config)
    }

    /// As [`bind`](Self::bind), on a socket of the caller's instead: one of a simulated network, in a test. The configured address
    /// says only whether development certificates are in order. All of the node's time is the tokio runtime's.
    ///
    /// # Errors
    /// [`StartError`]: nothing was left behind.
    pub fn bind_abstract(
        config: Config,
        endpoint: EndpointConfig,
        socket: Arc<dyn AsyncUdpSocket>,
        runtime: Arc<dyn Runtime>,
    ) -> Result<Self, StartError> {
        let tls = server_crypto(&config.tls, &[config.listen])?;
        let bound = transport::bind_abstract(config.listen, tls, endpoint, socket, runtime)?;
        Self::on(bound, config)
    }

    fn on(bound: Bound, config: Config) -> Result<Self, StartError> {
        let Bound { endpoint, local_addr, socket } = bound;
        let admission = Admission::new(config.admission.with_bound_port(local_addr.port()))?;
        let limits = config.limits;
        let shared = Arc::new(Shared {
            sessions: Sessions::new(
                Clock::start(),
                config.session,
                limits.sessions_max,
                limits.session_linger,
            ),
            admission: Arc::new(admission),
            residence: Residence::default(),
            counters: Counters::default(),
            join_timeout: limits.join_timeout,
        });
        let monitor = Monitor { endpoint: endpoint.clone(), socket, shared };
        Ok(Self {
            endpoint,
            local_addr,
            connections_max: limits.connections_max,
            drain: limits.drain,
            monitor,
        })
    }

    /// The address that was bound, with the port that the system chose for port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The node's figures.
    #[must_use]
    pub fn stats(&self) -> NodeStats {
        self.monitor.stats()
    }

    /// Sees the figures without holding the node.
    #[must_use]
    pub fn monitor(&self) -> Monitor {
        self.monitor.clone()
    }

    /// Serves until `shutdown` is ready. Then nobody new is let in, every peer is closed with [`CloseCode::Draining`], and for
    /// at most the configured drain time the node waits until they have heard it.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => {}
                incoming = self.endpoint.accept() => match incoming {
                    Some(incoming) => self.greet(incoming, &handshakes, &mut connections),
                    None => break,
                },
            }
        }
        self.endpoint.close(VarInt::from_u32(CloseCode::Draining as u32), b"");
        let drained = async {
            while connections.join_next().await.is_some() {}
            self.endpoint.wait_idle().await;
        };
        if timeout(self.drain, drained).await.is_err() {
            tracing::info!("some peers did not confirm the end in time");
        }
    }

    fn greet(&self, incoming: Incoming, handshakes: &Arc<Semaphore>, connections: &mut JoinSet<()>) {
        let busy = handshakes.available_permits() < HANDSHAKES_FREE_MIN;
        if busy && !incoming.remote_address_validated() {
            // Can only fail for a validated address.
            let _ = incoming.retry();
            return;
        }
        match Arc::clone(handshakes).try_acquire_owned() {
            Ok(permit) if self.endpoint.open_connections() < self.connections_max => {
                connections.spawn(connection::serve(Arc::clone(&self.monitor.shared), incoming, permit));
            }
            Ok(_) | Err(_) => {
                self.monitor.shared.counters.turned_away();
                incoming.refuse();
            }
        }
    }
}

impl Monitor {
    /// The node's figures.
    #[must_use]
    pub fn stats(&self) -> NodeStats {
        let mut stats = NodeStats {
            connections: self.endpoint.open_connections() as u64,
            residence: self.shared.residence.stats(),
            socket: self.socket.stats(),
            ..NodeStats::default()
        };
        self.shared.sessions.report(&mut stats);
        self.shared.counters.report(&mut stats);
        stats
    }
}

use crate::admission::{Admission, KeysError};
use crate::clock::Clock;
use crate::config::{Config, NodeLimits};
use crate::connection;
use crate::resident::Residence;
use crate::sessions::Sessions;
use crate::stats::{Counters, NodeStats};
use crate::tls::{TlsError, server_crypto};
use crate::transport::{self, Bound, SocketMonitor, TransportError};
use crate::workers::{Threads, Workers};
use isi_wire::CloseCode;
use quinn::{AsyncUdpSocket, Endpoint, EndpointConfig, Incoming, Runtime, VarInt};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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
    limits: NodeLimits,
    monitor: Monitor,
    threads: Threads,
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
    /// The threads that serve sessions.
    #[error(
        "cannot start {count} threads: {source}; lower `limits.threads`, or raise what the system allows (ulimit -u)"
    )]
    Threads {
        /// How many were configured.
        count: usize,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// Why a node stopped before it was told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// A fault of ours, or the system's. Its sessions are lost; those of others were drained.
    #[error(
        "a thread that served sessions ended by itself; start the relay again, and report what it logged before"
    )]
    WorkerLost,
}

/// What all connections of a node share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) workers: Workers,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) residence: Residence,
    pub(crate) counters: Counters,
    pub(crate) join_timeout: Duration,
}

impl Node {
    /// Binds the socket and starts the configured threads. Needs a tokio runtime with I/O and time; one with a single thread is
    /// enough and the fastest, and serves the sessions as well when one thread is all there shall be. Clients can connect
    /// from here on, and are served from [`run`](Self::run) on.
    ///
    /// # Errors
    /// [`StartError`]: nothing was left behind.
    pub fn bind(config: Config) -> Result<Self, StartError> {
        let tls = server_crypto(&config.tls, &[config.listen])?;
        let (threads, workers) = start(config.threads)?;
        let bound = transport::bind(config.listen, tls, &workers)?;
        Self::on(bound, config, threads, workers)
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
        let (threads, workers) = start(config.threads)?;
        let bound = transport::bind_abstract(config.listen, tls, endpoint, socket, runtime)?;
        Self::on(bound, config, threads, workers)
    }

    fn on(bound: Bound, config: Config, threads: Threads, workers: Workers) -> Result<Self, StartError> {
        let Bound { endpoint, local_addr, socket } = bound;
        let admission = Admission::new(config.admission.with_bound_port(local_addr.port()))?;
        let limits = config.limits;
        let shared = Arc::new(Shared {
            sessions: Sessions::new(
                Clock::start(),
                workers.clone(),
                config.session,
                limits.sessions_max,
                limits.session_linger,
            ),
            workers,
            admission: Arc::new(admission),
            residence: Residence::default(),
            counters: Counters::default(),
            join_timeout: limits.join_timeout,
        });
        let monitor = Monitor { endpoint: endpoint.clone(), socket, shared };
        Ok(Self { endpoint, local_addr, limits, monitor, threads })
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
    /// at most the configured drain time the node waits until they have heard it. Dropped, it stops at once.
    ///
    /// # Errors
    /// [`RunError`]: it stopped, as on `shutdown`, for a reason of its own.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
        let mut shutdown = pin!(shutdown);
        let mut lost = pin!(self.threads.lost());
        let places = Places::new(self.limits.connections_max);
        let stopped = loop {
            tokio::select! {
                () = &mut shutdown => break Ok(()),
                () = &mut lost => break Err(RunError::WorkerLost),
                incoming = self.endpoint.accept() => match incoming {
                    Some(incoming) => self.greet(incoming, &places),
                    None => break Ok(()),
                },
            }
        };
        self.close();
        let drained = async {
            places.all_free().await;
            self.endpoint.wait_idle().await;
        };
        if timeout(self.limits.drain, drained).await.is_err() {
            tracing::info!("some peers did not confirm the end in time");
        }
        stopped
    }

    fn greet(&self, incoming: Incoming, places: &Places) {
        if places.are_rare() && !incoming.remote_address_validated() {
            // Can only fail for a validated address.
            let _ = incoming.retry();
            return;
        }
        match places.take() {
            Some(place) if self.endpoint.open_connections() < self.limits.connections_max => {
                let shared = &self.monitor.shared;
                shared.workers.for_handshake().spawn(connection::serve(Arc::clone(shared), incoming, place));
            }
            Some(_) | None => {
                self.monitor.shared.counters.turned_away();
                incoming.refuse();
            }
        }
    }

    fn close(&self) {
        self.endpoint.close(VarInt::from_u32(CloseCode::Draining as u32), b"");
    }
}

fn start(count: usize) -> Result<(Threads, Workers), StartError> {
    Threads::start(count).map_err(|source| StartError::Threads { count, source })
}

impl Drop for Node {
    /// Ends the connections of a node that is dropped while it runs.
    fn drop(&mut self) {
        self.close();
    }
}

/// How many peers may be there, on their way in and altogether.
struct Places {
    handshakes: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    connections_max: u32,
}

/// One peer's right to be there.
pub(crate) struct Place {
    /// Given back when the peer is in its session.
    pub(crate) handshake: OwnedSemaphorePermit,
    /// Given back when nothing is left of the connection.
    pub(crate) connection: OwnedSemaphorePermit,
}

impl Places {
    fn new(connections_max: usize) -> Self {
        let connections_max = connections_max.min(Semaphore::MAX_PERMITS);
        Self {
            handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
            connections: Arc::new(Semaphore::new(connections_max)),
            connections_max: u32::try_from(connections_max).unwrap_or(u32::MAX),
        }
    }

    /// Whether a peer has to show that it is where it says before it costs us a signature.
    fn are_rare(&self) -> bool {
        self.handshakes.available_permits() < HANDSHAKES_FREE_MIN
    }

    fn take(&self) -> Option<Place> {
        let handshake = Arc::clone(&self.handshakes).try_acquire_owned().ok()?;
        let connection = Arc::clone(&self.connections).try_acquire_owned().ok()?;
        Some(Place { handshake, connection })
    }

    /// Returns once every connection's tasks have ended. Nobody may come in meanwhile.
    async fn all_free(&self) {
        // Fails only on a closed semaphore: nobody closes it.
        let _ = self.connections.acquire_many(self.connections_max).await;
    }
}

impl Monitor {
    /// The node's figures.
    #[must_use]
    pub fn stats(&self) -> NodeStats {
        let mut stats = NodeStats {
            connections: self.endpoint.open_connections() as u64,
            residence: self.shared.residence.stats(),
            workers: self.shared.workers.stats(),
            socket: self.socket.stats(),
            ..NodeStats::default()
        };
        self.shared.sessions.report(&mut stats);
        self.shared.counters.report(&mut stats);
        stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{AdmissionConfig, KeySource};
    use crate::tls::TlsConfig;

    #[tokio::test]
    async fn a_node_that_loses_a_thread_stops_and_says_so() {
        let certificates = isi_certs_dev::DevCertificates::generate().unwrap();
        let tls = TlsConfig::from_memory(certificates.chain_der(), certificates.private_key_der());
        let keys = isi_account::AccountKey::generate().unwrap().jwks().to_json().to_owned();
        let mut config = Config::for_loopback(tls, AdmissionConfig::for_loopback(KeySource::Inline(keys)));
        config.threads = 2;
        let mut node = Node::bind(config).unwrap();
        node.threads.lose_one();
        assert_eq!(node.run(std::future::pending()).await, Err(RunError::WorkerLost));
    }
}

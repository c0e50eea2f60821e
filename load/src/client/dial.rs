use super::control::Control;
use super::tls::client_crypto;
use super::{Client, ClientError, SetUpError, Trust, join};
use aws_lc_rs::signature::Ed25519KeyPair;
use isi_account::{AccountKey, Role};
use isi_wire::SessionId;
use quinn::{
    ClientConfig, Connection, Endpoint, EndpointConfig, IdleTimeout, TokioRuntime, TransportConfig, VarInt,
};
use rustix::net::sockopt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// Asked of the kernel for each socket: below it, bursts are lost there.
pub const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Longest wait for a relay to take a client in.
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Beyond this silence the connection is lost.
const IDLE_MS_MAX: u32 = 15_000;
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Groups and the log that the relay may have open towards a client.
const UNI_STREAMS_MAX: u32 = 256;
/// Unread bytes of one stream.
const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// Unread bytes of all streams.
const CONNECTION_WINDOW_BYTES: u32 = 16 * 1024 * 1024;
/// Written bytes that wait for acknowledgement.
const SEND_WINDOW_BYTES: u64 = 1024 * 1024;
const DATAGRAM_BUFFER_BYTES: usize = 128 * 1024;

/// Which relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where it is.
    pub address: SocketAddr,
    /// Whom its certificate must name.
    pub server_name: String,
    /// `host:port` as its tokens name it.
    pub origin: String,
}

/// What all clients of a process dial with.
pub struct Dialler {
    target: Target,
    pub(super) account: Arc<AccountKey>,
    pub(super) key: Ed25519KeyPair,
    config: ClientConfig,
    sockets_max: usize,
    sockets: Mutex<Sockets>,
}

#[derive(Default)]
struct Sockets {
    endpoints: Vec<Endpoint>,
    dialled: usize,
}

impl Dialler {
    /// For a relay that believes `account`. Each client has a UDP socket of its own, as in life, up to `sockets_max`; beyond that they
    /// share these.
    ///
    /// # Errors
    /// [`SetUpError`]
    pub fn new(
        target: Target,
        trust: &Trust,
        account: AccountKey,
        sockets_max: usize,
    ) -> Result<Self, SetUpError> {
        let mut config = ClientConfig::new(Arc::new(client_crypto(trust)?));
        config.transport_config(Arc::new(transport_config()));
        let key = Ed25519KeyPair::generate().map_err(|_| SetUpError::NoKey)?;
        let account = Arc::new(account);
        Ok(Self { target, account, key, config, sockets_max: sockets_max.max(1), sockets: Mutex::default() })
    }

    /// Which relay.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// Brings somebody new into a session, with every right to publish and to receive.
    ///
    /// # Errors
    /// [`ClientError`]; [`Unreachable`](ClientError::Unreachable) also when the relay takes longer than 10 s.
    pub async fn join(&self, session: SessionId) -> Result<Client, ClientError> {
        self.join_as(session, Role::Participant).await
    }

    /// The same with another role; only organizers may commit.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub async fn join_as(&self, session: SessionId, role: Role) -> Result<Client, ClientError> {
        let joined = async {
            let connection = self.connect().await?;
            let control = Control::open(&connection).await?;
            join::enter(self, connection, control, session, role).await
        };
        timeout(JOIN_TIMEOUT, joined).await.unwrap_or(Err(ClientError::Unreachable))
    }

    async fn connect(&self) -> Result<Connection, ClientError> {
        let Target { address, server_name, .. } = &self.target;
        let endpoint = self.endpoint()?;
        let connecting = endpoint
            .connect_with(self.config.clone(), *address, server_name)
            .map_err(|error| ClientError::NotBelieved(error.to_string()))?;
        match connecting.await {
            Err(quinn::ConnectionError::TimedOut) => Err(ClientError::Unreachable),
            connected => Ok(connected?),
        }
    }

    /// A socket of its own for each client, until there are enough; then they take turns.
    fn endpoint(&self) -> Result<Endpoint, ClientError> {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = sockets.dialled % self.sockets_max;
        sockets.dialled += 1;
        if let Some(endpoint) = sockets.endpoints.get(turn) {
            return Ok(endpoint.clone());
        }
        let endpoint = bind(self.target.address)?;
        sockets.endpoints.push(endpoint.clone());
        Ok(endpoint)
    }
}

impl std::fmt::Debug for Dialler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialler").field("target", &self.target).finish_non_exhaustive()
    }
}

fn bind(for_relay: SocketAddr) -> Result<Endpoint, ClientError> {
    let any = match for_relay {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    grow_buffers(&socket);
    Ok(Endpoint::new(EndpointConfig::default(), None, socket, Arc::new(TokioRuntime))?)
}

/// As much as the kernel grants of [`SOCKET_BUFFER_BYTES`].
pub fn grow_buffers(socket: &UdpSocket) {
    // What is refused costs throughput, and shows there.
    let _ = sockopt::set_socket_recv_buffer_size(socket, SOCKET_BUFFER_BYTES);
    let _ = sockopt::set_socket_send_buffer_size(socket, SOCKET_BUFFER_BYTES);
    // These pass the system's limit, if this process may.
    let _ = sockopt::set_socket_recv_buffer_size_force(socket, SOCKET_BUFFER_BYTES);
    let _ = sockopt::set_socket_send_buffer_size_force(socket, SOCKET_BUFFER_BYTES);
}

/// Streams, windows and fairness as the SDK's; the times are not.
fn transport_config() -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_MS_MAX))))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(UNI_STREAMS_MAX))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES))
        .send_window(SEND_WINDOW_BYTES)
        .send_fairness(true)
        .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER_BYTES))
        .datagram_send_buffer_size(DATAGRAM_BUFFER_BYTES);
    transport
}

//! A relay in this process, a client that is nothing but quinn and the wire crate, and people who use the SDK: for tests
//! and benches.
//!
//! Whatever does not work ends the test: nothing here returns an error that a test would have to handle.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "in a test these are the failure"
)]

mod client;
mod people;
mod streams;

pub use client::{Answers, Client, Connected, send, subject_of};
pub use people::{Person, World};
pub use streams::{Incoming, LogReader, group_stream};

use isi_account::{AccountKey, Role, TokenClaims};
use isi_certs_dev::DevCertificates;
use isi_relay::admission::{AdmissionConfig, KeySource};
use isi_relay::tls::{TlsConfig, server_crypto};
use isi_relay::{Config, Monitor, Node, NodeStats};
use isi_wire::{ALPN, CloseCode, SessionId};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, TransportConfig, VarInt};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A test that hangs has failed; nothing is measured by it.
const HANG: Duration = Duration::from_secs(30);

/// Ends a test that waits for what does not come.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, future).await.expect("nothing happened for 30 s")
}

/// A relay on a free port of loopback, with keys and certificates of its own.
pub struct Relay {
    /// Where its socket is.
    pub address: SocketAddr,
    /// What signs its tokens.
    pub account: AccountKey,
    certificates: DevCertificates,
    monitor: Monitor,
    shutdown: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

/// What is left of a relay: its name and its keys.
pub struct StoppedRelay {
    certificates: DevCertificates,
    account: AccountKey,
}

impl StoppedRelay {
    /// Starts the node that the test makes of a configuration with the default limits.
    pub fn start_on(self, bind: impl FnOnce(Config) -> Node) -> Relay {
        Relay::begin(self, bind)
    }
}

impl Relay {
    /// Starts one with the default limits.
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// Starts one with a configuration that the test changes.
    pub fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_on(|mut config| {
            change(&mut config);
            Node::bind(config).unwrap()
        })
    }

    /// Starts the node that the test makes of a configuration with the default limits: on a simulated network, say.
    pub fn start_on(bind: impl FnOnce(Config) -> Node) -> Self {
        let certificates = DevCertificates::generate().unwrap();
        StoppedRelay { certificates, account: AccountKey::generate().unwrap() }.start_on(bind)
    }

    fn begin(
        StoppedRelay { certificates, account }: StoppedRelay,
        bind: impl FnOnce(Config) -> Node,
    ) -> Self {
        let tls = TlsConfig::from_memory(certificates.chain_der(), certificates.private_key_der());
        let admission = AdmissionConfig::for_loopback(KeySource::Inline(account.jwks().to_json().to_owned()));
        let node = bind(Config::for_loopback(tls, admission));
        let (address, monitor) = (node.local_addr(), node.monitor());
        let (shutdown, told) = oneshot::channel();
        let running = tokio::spawn(async { node.run(async move { drop(told.await) }).await.unwrap() });
        Self { address, account, certificates, monitor, shutdown: Some(shutdown), running }
    }

    /// What clients dial, and tokens name.
    pub fn origin(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// The node's figures.
    pub fn stats(&self) -> NodeStats {
        self.monitor.stats()
    }

    /// The CA that its clients trust, PEM.
    pub fn ca_pem(&self) -> Vec<u8> {
        self.certificates.ca_pem().into_bytes()
    }

    /// Stops the relay and waits until it has stopped. What is left can be started again as the same relay, which knows
    /// nothing of before.
    pub async fn stop(mut self) -> StoppedRelay {
        drop(self.shutdown.take());
        self.running.await.unwrap();
        StoppedRelay { certificates: self.certificates, account: self.account }
    }

    /// Claims for this relay with the usual rights of the role.
    pub fn claims(
        &self,
        role: Role,
        session: SessionId,
        subject: &str,
        public_key: &[u8; 32],
    ) -> TokenClaims {
        TokenClaims::new(role, &self.origin(), session, subject, public_key)
    }

    /// Signs a token now.
    pub fn sign(&self, claims: &TokenClaims) -> String {
        self.account.sign_token(claims, unix_seconds()).unwrap()
    }

    /// A QUIC connection that has not said anything.
    pub async fn dial(&self) -> Connection {
        self.dial_with(default_provider()).await.unwrap()
    }

    /// A QUIC connection with cryptography of the test's choice.
    pub async fn dial_with(&self, provider: CryptoProvider) -> Result<Connection, ConnectionError> {
        self.dial_to(self.address, provider).await
    }

    /// As [`dial_with`](Self::dial_with), but to somebody else who has this relay's certificate.
    pub async fn dial_to(
        &self,
        address: SocketAddr,
        provider: CryptoProvider,
    ) -> Result<Connection, ConnectionError> {
        let tls = QuicClientConfig::try_from(self.client_tls(provider)).unwrap();
        self.dial_through(address, ClientConfig::new(Arc::new(tls))).await
    }

    /// A peer that takes so many unread bytes and no more.
    pub async fn dial_narrow(&self, window_bytes: u32) -> Connection {
        let mut transport = TransportConfig::default();
        transport.receive_window(VarInt::from_u32(window_bytes));
        let tls = QuicClientConfig::try_from(self.client_tls(default_provider())).unwrap();
        let mut config = ClientConfig::new(Arc::new(tls));
        config.transport_config(Arc::new(transport));
        self.dial_through(self.address, config).await.unwrap()
    }

    async fn dial_through(
        &self,
        address: SocketAddr,
        config: ClientConfig,
    ) -> Result<Connection, ConnectionError> {
        let mut endpoint = Endpoint::client(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        endpoint.set_default_client_config(config);
        endpoint.connect(address, "localhost").unwrap().await
    }

    /// The node's side of TLS, as it was told.
    pub fn server_tls(&self) -> rustls::ServerConfig {
        let tls = TlsConfig::from_memory(self.certificates.chain_der(), self.certificates.private_key_der());
        // A development certificate is for loopback alone; so is this process.
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, self.address.port()));
        let mut server = server_crypto(&tls, &[loopback]).unwrap();
        server.alpn_protocols = vec![ALPN.to_vec()];
        server
    }

    /// The client's side of TLS.
    pub fn client_tls(&self, provider: CryptoProvider) -> rustls::ClientConfig {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificates.ca_der()).unwrap();
        let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![ALPN.to_vec()];
        tls
    }

    /// Somebody in a session, in one step.
    pub async fn join(&self, role: Role, session: SessionId) -> Client {
        Connected::dial(self).await.join(self, role, session).await
    }
}

/// Seconds since 1970.
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The code with which the relay closed the connection.
pub async fn close_code(connection: &Connection) -> CloseCode {
    match within(connection.closed()).await {
        ConnectionError::ApplicationClosed(close) => {
            CloseCode::from_code(close.error_code.into_inner()).expect("a code of the wire")
        }
        other => panic!("not closed by the relay: {other}"),
    }
}

/// A session nobody else has.
pub fn new_session() -> SessionId {
    let mut id = [0; 16];
    aws_lc_rs::rand::fill(&mut id).unwrap();
    SessionId(id)
}

/// Bytes that differ from place to place, so that nothing can be swapped unnoticed.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length as u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

//! The load's side of QUIC: the same for every relay, so that only relays differ.

use isi_load::client::grow_buffers;
use isi_wire::ALPN;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, Endpoint, EndpointConfig, TokioRuntime, TransportConfig, VarInt};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::CertificateDer;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// Streams that a forwarder with a stream per frame may have open to a receiver. Never what holds a relay up.
const STREAMS_MAX: u32 = 4096;
/// Longer than any run is idle.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No socket.
    #[error("no socket: {0}")]
    Socket(#[from] io::Error),
    /// TLS cannot be set up.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// TLS lacks what QUIC needs.
    #[error("QUIC's first packets: {0}")]
    Suite(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
    /// The address cannot be dialled.
    #[error("dialling: {0}")]
    Connect(#[from] quinn::ConnectError),
    /// The relay did not answer or refused.
    #[error("connecting: {0}")]
    Connection(#[from] quinn::ConnectionError),
}

/// What all clients of a run dial with.
#[derive(Clone, Debug)]
pub struct Dialler {
    config: ClientConfig,
    address: SocketAddr,
}

impl Dialler {
    /// For a relay at `address` whose certificate is from `ca`.
    ///
    /// # Errors
    /// [`DialError`]: TLS refuses the certificate.
    pub fn new(address: SocketAddr, ca: CertificateDer<'static>) -> Result<Self, DialError> {
        let mut roots = RootCertStore::empty();
        roots.add(ca)?;
        let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![ALPN.to_vec()];
        let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
        let mut transport = TransportConfig::default();
        transport
            .max_concurrent_uni_streams(VarInt::from_u32(STREAMS_MAX))
            .keep_alive_interval(Some(KEEP_ALIVE));
        config.transport_config(Arc::new(transport));
        Ok(Self { config, address })
    }

    /// A connection with a socket of its own: to a relay, receivers are in many places.
    ///
    /// # Errors
    /// [`DialError`]
    pub async fn dial(&self) -> Result<Connection, DialError> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        grow_buffers(&socket);
        let endpoint = Endpoint::new(EndpointConfig::default(), None, socket, Arc::new(TokioRuntime))?;
        Ok(endpoint.connect_with(self.config.clone(), self.address, "localhost")?.await?)
    }
}

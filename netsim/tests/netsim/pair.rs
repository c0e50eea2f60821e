use isi_certs_dev::DevCertificates;
use isi_netsim::{Network, seed_or};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, Endpoint, ServerConfig};
use rustls::crypto::aws_lc_rs::default_provider;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

pub(crate) const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
pub(crate) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

/// A client and a server of plain quinn with default settings.
pub(crate) struct Pair {
    pub(crate) network: Network,
    pub(crate) client_endpoint: Endpoint,
    pub(crate) _server_endpoint: Endpoint,
    pub(crate) client: Connection,
    pub(crate) server: Connection,
}

pub(crate) fn network() -> Network {
    Network::new(seed_or(1))
}

impl Pair {
    /// Connects over links that are set already.
    pub(crate) async fn over(network: Network) -> Self {
        let (server_tls, client_tls) = tls();
        let at = SocketAddr::new(SERVER, 4433);
        let server_endpoint = network.endpoint(at, Some(server_tls)).unwrap();
        let client_endpoint = network.endpoint(SocketAddr::new(CLIENT, 0), None).unwrap();
        let connecting = client_endpoint.connect_with(client_tls, at, "localhost").unwrap();
        let accepted = async { server_endpoint.accept().await.unwrap().await };
        let (client, server) = tokio::join!(connecting, accepted);
        let (client, server) = (client.unwrap(), server.unwrap());
        Self { network, client_endpoint, _server_endpoint: server_endpoint, client, server }
    }

    /// Sends bytes from the client and returns what arrives.
    pub(crate) async fn upload(&self, bytes: Vec<u8>) -> Vec<u8> {
        let send = async {
            let mut stream = self.client.open_uni().await.unwrap();
            stream.write_all(&bytes).await.unwrap();
            stream.finish().unwrap();
        };
        let receive = async {
            let mut stream = self.server.accept_uni().await.unwrap();
            stream.read_to_end(usize::MAX).await.unwrap()
        };
        tokio::join!(send, receive).1
    }
}

fn tls() -> (ServerConfig, ClientConfig) {
    let made = DevCertificates::generate().unwrap();
    let provider = Arc::new(default_provider());
    let tls13 = &[&rustls::version::TLS13];
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(tls13)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(made.chain_der(), made.private_key_der())
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.ca_der()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(tls13)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (
        ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(server).unwrap())),
        ClientConfig::new(Arc::new(QuicClientConfig::try_from(client).unwrap())),
    )
}

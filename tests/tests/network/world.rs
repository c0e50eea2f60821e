use isi_account::Role;
use isi_netsim::{Link, Network, SimRuntime, seed_or};
use isi_relay::Node;
use isi_testkit::{Client, Connected, Relay, new_session};
use isi_wire::SessionId;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::rustls::crypto::aws_lc_rs::default_provider;
use quinn::{ClientConfig, Endpoint, TransportConfig, VarInt};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const RELAY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
/// What everybody has who has nothing else: 10 ms to the relay.
pub(crate) const GOOD: Link = Link {
    delay: ms(10),
    jitter: Duration::ZERO,
    reorders: false,
    loss: 0.0,
    duplication: 0.0,
    bits_per_second: Some(100_000_000),
    queue_bytes: 256 * 1024,
    mtu_bytes: 1500,
    is_up: true,
};

/// A relay at [`RELAY`] and one session in it.
pub(crate) struct World {
    pub(crate) network: Network,
    pub(crate) relay: Relay,
    pub(crate) session: SessionId,
}

pub(crate) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The host with this number.
pub(crate) const fn host(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 1, number))
}

/// Binds a node at [`RELAY`].
pub(crate) fn node_on(network: &Network) -> impl FnOnce(isi_relay::Config) -> Node {
    let at = SocketAddr::new(RELAY, 4433);
    let socket = network.socket(at).unwrap();
    let endpoint = network.endpoint_config(at);
    |config| Node::bind_abstract(config, endpoint, socket, Arc::new(SimRuntime)).unwrap()
}

impl World {
    pub(crate) fn start() -> Self {
        Self::with_seed(seed_or(1))
    }

    pub(crate) fn with_seed(seed: u64) -> Self {
        let network = Network::new(seed);
        network.set_default(GOOD);
        Self { relay: Relay::start_on(node_on(&network)), network, session: new_session() }
    }

    /// Somebody who publishes and receives, at the host with this number.
    pub(crate) async fn join(&self, number: u8) -> Client {
        self.join_from(&self.endpoint(number)).await
    }

    pub(crate) fn endpoint(&self, number: u8) -> Endpoint {
        let mut endpoint = self.network.endpoint(SocketAddr::new(host(number), 0), None).unwrap();
        endpoint.set_default_client_config(self.client_config(16 * 1024 * 1024));
        endpoint
    }

    /// Somebody who takes 64 KiB unread and no more.
    pub(crate) fn narrow_endpoint(&self, number: u8) -> Endpoint {
        let mut endpoint = self.endpoint(number);
        endpoint.set_default_client_config(self.client_config(64 * 1024));
        endpoint
    }

    pub(crate) async fn join_from(&self, endpoint: &Endpoint) -> Client {
        let connecting = endpoint.connect(self.relay.address, "localhost").unwrap();
        let connected = Connected::over(connecting.await.unwrap()).await;
        connected.join(&self.relay, Role::Organizer, self.session).await
    }

    /// The SDK's limits (`client-sdk/src/transport/dial.rs`).
    fn client_config(&self, receive_window_bytes: u32) -> ClientConfig {
        let mut transport = TransportConfig::default();
        transport
            .max_idle_timeout(Some(VarInt::from_u32(10_000).into()))
            .keep_alive_interval(Some(Duration::from_secs(3)))
            .max_concurrent_bidi_streams(VarInt::from_u32(0))
            .max_concurrent_uni_streams(VarInt::from_u32(256))
            .stream_receive_window(VarInt::from_u32(2 * 1024 * 1024))
            .receive_window(VarInt::from_u32(receive_window_bytes))
            .send_window(SEND_WINDOW_BYTES)
            .send_fairness(true);
        let tls = QuicClientConfig::try_from(self.relay.client_tls(default_provider())).unwrap();
        let mut config = ClientConfig::new(Arc::new(tls));
        config.transport_config(Arc::new(transport));
        config
    }
}

/// A client's, as in the SDK.
pub(crate) const SEND_WINDOW_BYTES: u64 = 1024 * 1024;

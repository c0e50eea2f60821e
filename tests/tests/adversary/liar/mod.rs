//! A relay that lies, in virtual time: the real one behind a front that has its certificate and its account service's key.
//! People's connections end at the front, which dials the relay in their names and hands on what it likes.

mod front;
mod pipes;

pub(crate) use front::{Fate, Lies, tell};
pub(crate) use pipes::Frames;

use front::Front;
use isi_account::Role;
use isi_client::{ConnectOptions, Credentials, Invitation, JoinError, Session};
use isi_netsim::{Link, Network, SimRuntime, seed_or};
use isi_relay::Node;
use isi_testkit::{Client, Connected, Person, Relay, World, new_session, within};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::rustls::crypto::aws_lc_rs::default_provider;
use quinn::{ClientConfig, Endpoint, ServerConfig};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

const LINK: Link = Link {
    delay: Duration::from_millis(5),
    jitter: Duration::ZERO,
    reorders: false,
    loss: 0.0,
    duplication: 0.0,
    bits_per_second: Some(100_000_000),
    queue_bytes: 1024 * 1024,
    mtu_bytes: 1500,
    is_up: true,
};

/// One session at a relay that lies.
pub(crate) struct Liar {
    pub(crate) world: Arc<World>,
    /// What it does; nothing at first.
    pub(crate) lies: Lies,
    network: Network,
    front: SocketAddr,
    hosts: AtomicU8,
}

const fn at(host: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, host)), 4433)
}

const RELAY: SocketAddr = at(1);
const FRONT: SocketAddr = at(2);
const FIRST_PERSON: u8 = 3;

impl Liar {
    pub(crate) fn start() -> Self {
        let network = Network::new(seed_or(1));
        network.set_default(LINK);
        let (socket, endpoint) = (network.socket(RELAY).unwrap(), network.endpoint_config(RELAY));
        let bind = |config| Node::bind_abstract(config, endpoint, socket, Arc::new(SimRuntime)).unwrap();
        let world = Arc::new(World { relay: Relay::start_on(bind), session: new_session() });
        let tls = QuicServerConfig::try_from(world.relay.server_tls()).unwrap();
        let server = ServerConfig::with_crypto(Arc::new(tls));
        let mut endpoint = network.endpoint(FRONT, Some(server)).unwrap();
        endpoint.set_default_client_config(client_config(&world.relay));
        let lies = Lies::default();
        tokio::spawn(Front::new(Arc::clone(&world), endpoint, lies.clone()).run());
        Self { world, lies, network, front: FRONT, hosts: AtomicU8::new(FIRST_PERSON) }
    }

    fn endpoint(&self) -> Endpoint {
        let host = self.hosts.fetch_add(1, Ordering::Relaxed);
        self.network.endpoint(at(host), None).unwrap()
    }

    /// How the SDK reaches the front, from a host of its own.
    pub(crate) fn options(&self) -> ConnectOptions {
        let mut options = self.world.options();
        options.connect_addr = Some(self.front);
        options.endpoint = Some(self.endpoint());
        options
    }

    /// The root organizer, subject `root`.
    pub(crate) async fn create(&self) -> Person {
        let credentials = self.world.credentials(Role::Organizer, "root");
        let created = Session::create(self.options(), credentials, self.world.issuers());
        let (session, events) = within(created).await.unwrap();
        Person { session, events }
    }

    pub(crate) async fn try_join(
        &self,
        options: ConnectOptions,
        credentials: Credentials,
        invitation: &Invitation,
    ) -> Result<Person, JoinError> {
        let (session, events) = Session::join(options, credentials, self.world.issuers(), invitation).await?;
        Ok(Person { session, events })
    }

    /// Joins with everything in order.
    pub(crate) async fn join(&self, role: Role, subject: &str, invitation: &Invitation) -> Person {
        let credentials = self.world.credentials(role, subject);
        within(self.try_join(self.options(), credentials, invitation)).await.unwrap()
    }

    /// As [`World::people`].
    pub(crate) async fn people<const N: usize>(&self, roles: [Role; N]) -> (Person, [Person; N]) {
        let mut root = self.create().await;
        let invitation = root.session.invite().await.unwrap();
        let mut people = Vec::new();
        for (number, role) in roles.into_iter().enumerate() {
            people.push(self.join(role, &format!("person-{number}"), &invitation).await);
        }
        for person in people.iter_mut().chain([&mut root]) {
            person.until_online(N + 1).await;
        }
        (root, people.try_into().unwrap_or_else(|_| panic!("as many as asked for")))
    }

    /// Whether anything comes through between the relay and the one who came in as this number, the organizer being 0.
    pub(crate) fn plug(&self, number: u8, is_up: bool) {
        self.network.change(at(FIRST_PERSON + number).ip(), FRONT.ip(), |link| link.is_up = is_up);
    }

    /// A raw connection of the relay's own choosing, past the front.
    pub(crate) async fn accomplice(&self, token: Role) -> Client {
        let mut endpoint = self.endpoint();
        endpoint.set_default_client_config(client_config(&self.world.relay));
        let connected = Connected::over(endpoint.connect(RELAY, "localhost").unwrap().await.unwrap()).await;
        connected.join(&self.world.relay, token, self.world.session).await
    }
}

fn client_config(relay: &Relay) -> ClientConfig {
    let tls = QuicClientConfig::try_from(relay.client_tls(default_provider())).unwrap();
    ClientConfig::new(Arc::new(tls))
}

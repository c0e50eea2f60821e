//! quinn over a network that exists in memory only, in virtual time: an hour on a bad link takes seconds, and there is no wall
//! clock in any figure. For tests of whatever is built on quinn.
//!
//! - A [`Network`] has sockets ([`Network::socket`]) at addresses of your choice, and between each two hosts, per direction, a
//!   [`Link`]: delay, jitter and reordering, loss, duplication, rate with a bounded queue, MTU, up or down. All of it may change
//!   while it runs.
//! - [`SimRuntime`] has quinn live in tokio's virtual time. [`Network::endpoint`] puts the two together.
//! - What happened on a link is in its [`LinkStats`]; each packet can be seen ([`Network::observe`]), and all of them together
//!   make a hash ([`Network::trace_hash`]).
//!
//! # Virtual time
//!
//! Time is tokio's paused clock: a `current_thread` runtime with `start_paused`, or [`run`]. It stands still while any task has
//! something to do, and leaps to the next timer when none has. Computing takes no virtual time, so latencies are the network's
//! and the protocol's, never the machine's. It follows that
//! - everything has to live in this one runtime; a real socket, another thread or `spawn_blocking` would be overtaken by hours,
//! - code under test has to ask tokio for the time (`tokio::time::Instant`), not the system,
//! - tokio's timers tick in milliseconds: links compute to the nanosecond, but what arrives within a millisecond is delivered at
//!   its end.
//!
//! # What is the same for the same seed
//!
//! The luck of each link's packets (lost, duplicated, late) depends on the seed, the two hosts and the packet's number on its
//! link, and on nothing else: another host's traffic does not change it. Endpoints from [`Network::endpoint`] get their quinn
//! seed from it too ([`Network::endpoint_config`]). With it, an application without randomness of its own sends the same packets
//! of the same sizes at the same times in every run, once the handshake is over.
//!
//! Not the same are the contents of packets, because TLS takes its keys from the system; some bytes of the handshake's sizes,
//! because quinn pads its transport parameters by chance (and ECDSA signatures vary in length); and whatever the application
//! leaves to chance: `tokio::select!` without `biased`, the order of a `HashMap`. Those shift packets within one
//! millisecond, so let tests state bounds, not exact times.
//!
//! # Example
//!
//! ```
//! use isi_netsim::{Link, Network};
//! use std::{net::SocketAddr, time::Duration};
//!
//! # fn tls() -> (quinn::ServerConfig, quinn::ClientConfig) {
//! #     use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
//! #     let made = isi_certs_dev::DevCertificates::generate().unwrap();
//! #     let mut roots = rustls::RootCertStore::empty();
//! #     roots.add(made.ca_der()).unwrap();
//! #     let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
//! #     let tls13 = &[&rustls::version::TLS13];
//! #     let server = rustls::ServerConfig::builder_with_provider(provider.clone())
//! #         .with_protocol_versions(tls13).unwrap().with_no_client_auth()
//! #         .with_single_cert(made.chain_der(), made.private_key_der()).unwrap();
//! #     let client = rustls::ClientConfig::builder_with_provider(provider)
//! #         .with_protocol_versions(tls13).unwrap().with_root_certificates(roots).with_no_client_auth();
//! #     (
//! #         quinn::ServerConfig::with_crypto(std::sync::Arc::new(QuicServerConfig::try_from(server).unwrap())),
//! #         quinn::ClientConfig::new(std::sync::Arc::new(QuicClientConfig::try_from(client).unwrap())),
//! #     )
//! # }
//! isi_netsim::run(async {
//!     let network = Network::new(isi_netsim::seed_or(7));
//!     network.set_default(Link { delay: Duration::from_millis(40), loss: 0.02, ..Link::default() });
//!     let (server_tls, client_tls) = tls();
//!     let server_address: SocketAddr = "10.0.0.1:4433".parse().unwrap();
//!     let server = network.endpoint(server_address, Some(server_tls)).unwrap();
//!     let client = network.endpoint("10.0.0.2:0".parse().unwrap(), None).unwrap();
//!
//!     let connecting = client.connect_with(client_tls, server_address, "localhost").unwrap();
//!     let (connected, accepted) =
//!         tokio::join!(connecting, async { server.accept().await.unwrap().await });
//!     let (ours, theirs) = (connected.unwrap(), accepted.unwrap());
//!
//!     ours.send_datagram("hello".into()).unwrap();
//!     let sent = tokio::time::Instant::now();
//!     if let Ok(Ok(_)) = tokio::time::timeout(Duration::from_secs(1), theirs.read_datagram()).await {
//!         assert_eq!(sent.elapsed(), Duration::from_millis(40));
//!     } // else it was one of the two in a hundred
//! });
//! ```

mod link;
mod network;
mod packet;
mod queue;
mod runtime;
mod socket;

pub use link::Link;
pub use network::Network;
pub use packet::{Fate, LinkStats, Packet};
pub use runtime::{SimRuntime, run, seed_or};
pub use socket::SEGMENTS_PER_TRANSMIT_MAX;

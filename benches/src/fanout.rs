//! The same fan-out through two relays: one publisher sends frames, each on a stream of its own, to all subscribers, over
//! loopback, everything in this process. What differs is the relay alone.

use crate::stock::{self, ROLE_PUBLISHER, ROLE_SUBSCRIBER};
use isi_account::Role;
use isi_testkit::{Client, Relay, group_stream, new_session};
use isi_wire::{Audience, DeliveryClass, GroupHeader, TrackAlias, TrackKind};
use quinn::{Connection, Endpoint};
use rustls::crypto::aws_lc_rs::default_provider;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::sync::mpsc;

/// Frames on their way at once: enough to keep a relay busy, few enough that none becomes stale.
const FRAMES_IN_FLIGHT: usize = 2;

/// A publisher, its subscribers, and whatever is between them.
pub struct Fanout {
    publisher: Connection,
    /// The real relay's name for the track; the stock forwarder has no tracks.
    alias: Option<TrackAlias>,
    arrivals: mpsc::Receiver<()>,
    receivers: usize,
    next_frame: u64,
    // Held so that nothing is closed before the bench ends.
    _between: Between,
}

struct Between {
    _relay: Relay,
    _people: Vec<Client>,
    _stock: Option<Endpoint>,
}

impl Fanout {
    /// Through the real relay, with tokens, budgets and everything else on.
    pub async fn ours(receivers: usize) -> Self {
        let relay = Relay::start();
        let session = new_session();
        let mut client = relay.join(Role::Organizer, session).await;
        let alias = client.publish(1, TrackKind::Screen, DeliveryClass::Media, Audience::Everyone).await;
        let (arrived, arrivals) = mpsc::channel(receivers * FRAMES_IN_FLIGHT);
        let publisher = client.connection.clone();
        let mut people = vec![client];
        for _ in 0..receivers {
            let mut viewer = relay.join(Role::Viewer, session).await;
            viewer.subscribe(alias).await;
            tokio::spawn(count_frames(viewer.connection.clone(), arrived.clone()));
            people.push(viewer);
        }
        let between = Between { _relay: relay, _people: people, _stock: None };
        Self { publisher, alias: Some(alias), arrivals, receivers, next_frame: 1, _between: between }
    }

    /// Through the minimal quinn forwarder, with quinn's default transport and the same TLS.
    pub async fn stock(receivers: usize) -> Self {
        // Only its certificates are used.
        let relay = Relay::start();
        let crypto = quinn::crypto::rustls::QuicServerConfig::try_from(relay.server_tls())
            .expect("QUIC's suite is there");
        let config = quinn::ServerConfig::with_crypto(std::sync::Arc::new(crypto));
        let endpoint =
            Endpoint::server(config, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        let address = endpoint.local_addr().expect("the socket is bound");
        tokio::spawn(stock::run(endpoint.clone()));
        let (arrived, arrivals) = mpsc::channel(receivers * FRAMES_IN_FLIGHT);
        for _ in 0..receivers {
            let subscriber = take_role(&relay, address, ROLE_SUBSCRIBER).await;
            tokio::spawn(count_frames(subscriber, arrived.clone()));
        }
        let publisher = take_role(&relay, address, ROLE_PUBLISHER).await;
        let between = Between { _relay: relay, _people: Vec::new(), _stock: Some(endpoint) };
        Self { publisher, alias: None, arrivals, receivers, next_frame: 1, _between: between }
    }

    /// Sends `frames` frames of these bytes and returns when every subscriber has all of them.
    pub async fn deliver(&mut self, frames: u64, frame: &[u8]) {
        let mut missing = 0;
        for _ in 0..frames {
            while missing > (FRAMES_IN_FLIGHT - 1) * self.receivers {
                self.arrivals.recv().await.expect("a subscriber is gone");
                missing -= 1;
            }
            self.send(frame).await;
            missing += self.receivers;
        }
        for _ in 0..missing {
            self.arrivals.recv().await.expect("a subscriber is gone");
        }
    }

    async fn send(&mut self, frame: &[u8]) {
        let group = self.next_frame;
        self.next_frame += 1;
        let mut stream = match self.alias {
            Some(alias) => {
                let header = GroupHeader { alias, group, class: DeliveryClass::Media, offset: 0 };
                group_stream(&self.publisher, header).await.0
            }
            None => self.publisher.open_uni().await.expect("the forwarder is there"),
        };
        stream.write_all(frame).await.expect("the relay takes the frame");
        stream.finish().expect("the stream is open");
    }
}

async fn take_role(relay: &Relay, address: SocketAddr, role: u8) -> Connection {
    let connection = relay.dial_to(address, default_provider()).await.expect("the forwarder is there");
    let (mut send, mut receive) = connection.open_bi().await.expect("a stream");
    send.write_all(&[role]).await.expect("written");
    receive.read_exact(&mut [0]).await.expect("the forwarder answers");
    connection
}

/// Reports every whole stream; only streams that were finished count.
async fn count_frames(connection: Connection, arrived: mpsc::Sender<()>) {
    while let Ok(mut stream) = connection.accept_uni().await {
        let arrived = arrived.clone();
        tokio::spawn(async move {
            loop {
                match stream.read_chunk(usize::MAX, false).await {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
            // The bench is over when nobody listens.
            let _ = arrived.send(()).await;
        });
    }
}

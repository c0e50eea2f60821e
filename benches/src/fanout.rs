//! The same fan-out through two relays: one publisher sends frames to all subscribers, over loopback, everything in this
//! process. What differs is the relay, and what each forwards by design: ours a group per stream, stock a frame per stream.

#![expect(clippy::expect_used, reason = "a bench that cannot go on has nothing to report")]

use crate::stock::{self, ROLE_PUBLISHER, ROLE_SUBSCRIBER};
use isi_account::Role;
use isi_testkit::{Client, Connected, Relay, group_stream, new_session};
use isi_wire::{Audience, DeliveryClass, GroupHeader, TrackAlias, TrackKind, write_object_length};
use quinn::{Connection, Endpoint, SendStream};
use rustls::crypto::aws_lc_rs::default_provider;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::sync::mpsc;

/// Frames on their way at once: enough to keep a relay busy, few enough that none becomes stale.
const FRAMES_IN_FLIGHT: usize = 2;
/// Frames between two keyframes, so in one group of ours: a second of video.
const FRAMES_PER_GROUP: u64 = 30;
/// What the publisher's token allows: never what is measured.
const BITS_PER_SECOND_MAX: u64 = 1_000_000_000_000;
/// A frame's length in front of it on a group stream, as varint.
const OBJECT_LENGTH_BYTES: usize = 4;

/// A publisher, its subscribers, and whatever is between them.
pub struct Fanout {
    publisher: Connection,
    /// The real relay's name for the track; the stock forwarder has no tracks.
    alias: Option<TrackAlias>,
    arrivals: mpsc::Receiver<()>,
    receivers: usize,
    next_frame: u64,
    group: Option<SendStream>,
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
    pub async fn ours(receivers: usize, frame_bytes: usize) -> Self {
        let relay = Relay::start();
        let session = new_session();
        let dialled = Connected::dial(&relay).await;
        let claims = relay.claims(Role::Organizer, session, "publisher", &dialled.public_key());
        let mut client = dialled.join_with(&relay, claims.limits(BITS_PER_SECOND_MAX, 8)).await;
        let alias = client.publish(1, TrackKind::Screen, DeliveryClass::Media, Audience::Everyone).await;
        let (arrived, arrivals) = mpsc::channel(receivers * FRAMES_IN_FLIGHT);
        let publisher = client.connection.clone();
        let mut people = vec![client];
        for _ in 0..receivers {
            let mut viewer = relay.join(Role::Viewer, session).await;
            viewer.subscribe(alias).await;
            tokio::spawn(count_frames(
                viewer.connection.clone(),
                frame_bytes + OBJECT_LENGTH_BYTES,
                arrived.clone(),
            ));
            people.push(viewer);
        }
        let between = Between { _relay: relay, _people: people, _stock: None };
        Self {
            publisher,
            alias: Some(alias),
            arrivals,
            receivers,
            next_frame: 0,
            group: None,
            _between: between,
        }
    }

    /// Through the minimal quinn forwarder, with quinn's default transport and the same TLS.
    pub async fn stock(receivers: usize, frame_bytes: usize) -> Self {
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
            tokio::spawn(count_frames(subscriber, frame_bytes, arrived.clone()));
        }
        let publisher = take_role(&relay, address, ROLE_PUBLISHER).await;
        let between = Between { _relay: relay, _people: Vec::new(), _stock: Some(endpoint) };
        Self { publisher, alias: None, arrivals, receivers, next_frame: 0, group: None, _between: between }
    }

    /// Sends `frames` frames of these bytes, as many as was said, and returns when every subscriber has all of them.
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
        let number = self.next_frame;
        self.next_frame += 1;
        let Some(alias) = self.alias else {
            let stream = self.publisher.open_uni().await.expect("the forwarder is there");
            return finish(write(stream, frame).await);
        };
        let mut stream = match self.group.take() {
            Some(stream) => stream,
            None => {
                let group = number / FRAMES_PER_GROUP;
                let header = GroupHeader { alias, group, class: DeliveryClass::Media, offset: 0 };
                group_stream(&self.publisher, header).await.0
            }
        };
        let mut length = Vec::new();
        write_object_length(&mut length, frame.len());
        assert_eq!(length.len(), OBJECT_LENGTH_BYTES, "frames have 16 KiB to 1 GiB");
        stream = write(stream, &length).await;
        stream = write(stream, frame).await;
        if self.next_frame.is_multiple_of(FRAMES_PER_GROUP) {
            finish(stream);
        } else {
            self.group = Some(stream);
        }
    }
}

async fn write(mut stream: SendStream, bytes: &[u8]) -> SendStream {
    stream.write_all(bytes).await.expect("the relay takes the frame");
    stream
}

fn finish(mut stream: SendStream) {
    stream.finish().expect("the stream is open");
}

async fn take_role(relay: &Relay, address: SocketAddr, role: u8) -> Connection {
    let connection = relay.dial_to(address, default_provider()).await.expect("the forwarder is there");
    let (mut send, mut receive) = connection.open_bi().await.expect("a stream");
    send.write_all(&[role]).await.expect("written");
    receive.read_exact(&mut [0]).await.expect("the forwarder answers");
    connection
}

/// Reports every frame that is there as a whole.
async fn count_frames(connection: Connection, bytes_per_frame: usize, arrived: mpsc::Sender<()>) {
    while let Ok(mut stream) = connection.accept_uni().await {
        let arrived = arrived.clone();
        tokio::spawn(async move {
            let (mut bytes, mut frames) = (0, 0);
            while let Ok(Some(chunk)) = stream.read_chunk(usize::MAX, true).await {
                bytes += chunk.bytes.len();
                while bytes / bytes_per_frame > frames {
                    frames += 1;
                    // The bench is over when nobody listens.
                    let _ = arrived.send(()).await;
                }
            }
        });
    }
}

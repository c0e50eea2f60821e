//! Bad paths: disorder, outages, moves, narrow ones.

use crate::actors::{Screen, Typing, share, type_events};
use crate::journal::{Journal, Latencies};
use crate::world::{GOOD, RELAY, World, host, ms};
use isi_netsim::Link;
use isi_testkit::{Client, within};
use isi_wire::{
    Audience, DeliveryClass, EntryKind, LeaveReason, LogUpload, RelayMessage, RequestId, StreamType,
    TrackAlias, TrackKind,
};
use quinn::{Connection, ConnectionError};
use std::net::SocketAddr;

const EVENTS: u64 = 300;
const MESSAGES: u32 = 100;

/// One who shares and types, at host 9 (whose path is the test's), and one who sees and is driven, at host 2.
struct Two {
    sender: Client,
    receiver: Client,
    screen: TrackAlias,
    keys: TrackAlias,
    journal: Journal,
}

impl Two {
    async fn meet(world: &World) -> Self {
        let (mut sender, mut receiver) = (world.join(9).await, world.join(2).await);
        let screen = sender.publish(1, TrackKind::Screen, DeliveryClass::Media, Audience::Everyone).await;
        let audience = Audience::One(receiver.id());
        let keys = sender.publish(2, TrackKind::Input, DeliveryClass::Input, audience).await;
        receiver.subscribe(screen).await;
        let journal = Journal::keep(&world.network, &receiver.connection);
        Self { sender, receiver, screen, keys, journal }
    }

    /// Types, writes messages and shares a screen; `meanwhile` happens to the path. Nothing that must arrive may be missing.
    async fn talk(self, world: &World, meanwhile: impl Future<Output = ()>) {
        let connection = self.sender.connection.clone();
        let mut log = self.receiver.log;
        let frames =
            Screen { alias: self.screen, frame_bytes: 16_384, frame_interval: ms(33), frames_per_group: 10 };
        let (_sharing, _) = share(&world.network, self.sender, frames);
        let typing = Typing { alias: self.keys, events: EVENTS, interval: ms(10), reserve_bytes: 0 };
        let typed = type_events(&world.network, &connection, typing);
        let read = async {
            for number in 0..MESSAGES {
                let entry = log.next().await;
                assert_eq!(entry.payload, number.to_be_bytes().as_slice(), "out of order");
            }
        };
        tokio::join!(typed, write_messages(&connection), read, meanwhile);
        tokio::time::sleep(ms(2000)).await;
        let input = self.journal.of(self.keys);
        let numbers: Vec<_> = input.iter().map(|event| event.number).collect();
        assert_eq!(numbers, (0..EVENTS).collect::<Vec<_>>());
        Latencies::of(&input).show("input");
        Latencies::of(&self.journal.of(self.screen)).show("frames");
        assert!(self.journal.ends_of(self.screen).iter().any(|end| end.is_whole));
    }
}

async fn write_messages(connection: &Connection) {
    let mut stream = connection.open_uni().await.unwrap();
    let mut bytes = Vec::new();
    StreamType::Log.encode(&mut bytes);
    for number in 0..MESSAGES {
        let payload = number.to_be_bytes().to_vec().into();
        let (request, kind) = (RequestId(1000 + number), EntryKind::Message);
        LogUpload::Append { request, kind, audience: Audience::Everyone, payload }.encode(&mut bytes);
        stream.write_all(&bytes).await.unwrap();
        bytes.clear();
        tokio::time::sleep(ms(30)).await;
    }
    // Dropped, it would be finished, and a log never is.
    std::mem::forget(stream);
}

#[tokio::test(start_paused = true)]
async fn disorder_copies_and_jitter_change_nothing_that_arrives() {
    let world = World::start();
    let bad = Link { jitter: ms(30), reorders: true, duplication: 0.05, loss: 0.01, ..GOOD };
    world.network.connect(host(9), RELAY, bad);
    world.network.connect(host(2), RELAY, bad);
    Two::meet(&world).await.talk(&world, async {}).await;
    assert!(world.network.stats(host(9), RELAY).duplicated_packets > 0);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_five_seconds_heals_without_loss() {
    let world = World::start();
    let two = Two::meet(&world).await;
    let outage = async {
        tokio::time::sleep(ms(500)).await;
        world.network.change(host(9), RELAY, |link| link.is_up = false);
        tokio::time::sleep(ms(5000)).await;
        world.network.change(host(9), RELAY, |link| link.is_up = true);
    };
    two.talk(&world, outage).await;
    assert!(world.network.stats(host(9), RELAY).down_packets > 0);
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_does_not_end_is_told_on_both_sides() {
    let world = World::start();
    let mut two = Two::meet(&world).await;
    let began = world.network.now();
    world.network.change(host(9), RELAY, |link| link.is_up = false);
    let (id, connection) = (two.sender.id(), two.sender.connection.clone());
    let left = two.receiver.hear(|message| match message {
        RelayMessage::ParticipantLeft { participant, reason } if participant == id => Some(reason),
        _ => None,
    });
    let (reason, end) = tokio::join!(left, within(connection.closed()));
    assert_eq!((reason, end), (LeaveReason::Lost, ConnectionError::TimedOut));
    let took = world.network.now() - began;
    println!("both know after {} ms", took.as_millis());
    assert!(took <= ms(16_000));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_moves_goes_on() {
    let world = World::start();
    let endpoint = world.endpoint(9);
    let (mut sender, mut receiver) = (world.join_from(&endpoint).await, world.join(2).await);
    let screen = sender.publish(1, TrackKind::Screen, DeliveryClass::Media, Audience::Everyone).await;
    let audience = Audience::One(receiver.id());
    let keys = sender.publish(2, TrackKind::Input, DeliveryClass::Input, audience).await;
    receiver.subscribe(screen).await;
    let journal = Journal::keep(&world.network, &receiver.connection);
    let two = Two { sender, receiver, screen, keys, journal };
    let moves = async {
        for number in 20..23 {
            tokio::time::sleep(ms(500)).await;
            let socket = world.network.socket(SocketAddr::new(host(number), 0)).unwrap();
            endpoint.rebind_abstract(socket).unwrap();
        }
    };
    two.talk(&world, moves).await;
    assert!(world.network.stats(host(22), RELAY).arriving_bytes > 100_000);
}

#[tokio::test(start_paused = true)]
async fn a_path_of_1280_bytes_carries_everything() {
    let world = World::start();
    let narrow = Link { mtu_bytes: 1280, ..GOOD };
    world.network.connect(host(9), RELAY, narrow);
    world.network.connect(host(2), RELAY, narrow);
    Two::meet(&world).await.talk(&world, async {}).await;
    assert!(world.network.stats(RELAY, host(2)).too_large_packets > 0, "nobody tried for more");
}

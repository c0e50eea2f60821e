//! Input comes first: past frames and documents that have filled the receiver's link, and past the sender's own document.

use crate::actors::{Screen, Typing, send_document, share, type_events};
use crate::journal::{Journal, Latencies};
use crate::world::{GOOD, RELAY, World, host, ms};
use isi_netsim::Link;
use isi_wire::{Audience, DeliveryClass, TrackKind};

const BAD: Link =
    Link { delay: ms(20), loss: 0.02, bits_per_second: Some(5_000_000), queue_bytes: 64 * 1024, ..GOOD };
const EVENTS: u64 = 2000;

/// Two ways to the receiver (10 and 20 ms), one recovery of a lost packet (a round trip of 40 ms and what is in the queue
/// then), and a wait for the congestion window, which has just been cut.
const INPUT_P99_MS_MAX: u64 = 150;

fn all_came_in_order(journal: &Journal, keys: isi_wire::TrackAlias) -> Latencies {
    let input = journal.of(keys);
    let numbers: Vec<_> = input.iter().map(|event| event.number).collect();
    assert!(numbers.iter().copied().eq(0..EVENTS), "{} of {EVENTS} came, or not in order", numbers.len());
    Latencies::of(&input)
}

#[tokio::test(start_paused = true)]
async fn input_passes_frames_and_a_document_on_the_receivers_link() {
    let world = World::start();
    world.network.connect(host(9), RELAY, BAD);
    let (mut driven, mut sharer, mut driver) =
        (world.join(9).await, world.join(2).await, world.join(3).await);
    let screen = sharer.publish(1, TrackKind::Screen, DeliveryClass::Media, Audience::Everyone).await;
    let document = driver.publish(1, TrackKind::Document, DeliveryClass::Bulk, Audience::Everyone).await;
    let keys = driver.publish(2, TrackKind::Input, DeliveryClass::Input, Audience::One(driven.id())).await;
    driven.subscribe(screen).await;
    driven.subscribe(document).await;
    let journal = Journal::keep(&world.network, &driven.connection);
    let frames = Screen { alias: screen, frame_bytes: 65_536, frame_interval: ms(33), frames_per_group: 30 };
    let (_sharing, _) = share(&world.network, sharer, frames);
    let (_sending, _) = send_document(&world.network, &driver.connection, document, 16_384);
    tokio::time::sleep(ms(3000)).await;
    let typing = Typing { alias: keys, events: EVENTS, interval: ms(10), reserve_bytes: 0 };
    type_events(&world.network, &driver.connection, typing).await;
    tokio::time::sleep(ms(2000)).await;

    let latencies = all_came_in_order(&journal, keys);
    latencies.show("input past frames and a document");
    Latencies::of(&journal.of(screen)).show("those frames");
    assert!(latencies.percentile(99) <= ms(INPUT_P99_MS_MAX));
    let lost = world.network.stats(RELAY, host(9)).lost_packets;
    assert!(lost > 50, "the link was better than it should be: {lost} lost");
}

#[tokio::test(start_paused = true)]
async fn input_passes_its_senders_own_document() {
    let world = World::start();
    world.network.connect(host(9), RELAY, BAD);
    let (mut driven, mut driver) = (world.join(2).await, world.join(9).await);
    let document = driver.publish(1, TrackKind::Document, DeliveryClass::Bulk, Audience::Everyone).await;
    let keys = driver.publish(2, TrackKind::Input, DeliveryClass::Input, Audience::One(driven.id())).await;
    driven.subscribe(document).await;
    let journal = Journal::keep(&world.network, &driven.connection);
    let (_sending, _) = send_document(&world.network, &driver.connection, document, 16_384);
    tokio::time::sleep(ms(3000)).await;
    let typing = Typing { alias: keys, events: EVENTS, interval: ms(10), reserve_bytes: 64 * 1024 };
    type_events(&world.network, &driver.connection, typing).await;
    tokio::time::sleep(ms(2000)).await;

    let latencies = all_came_in_order(&journal, keys);
    latencies.show("input past its sender's document");
    let documents = journal.of(document);
    Latencies::of(&documents).show("that document");
    assert!(latencies.percentile(99) <= ms(INPUT_P99_MS_MAX));
    assert!(documents.len() > 100, "the document did not move");
}

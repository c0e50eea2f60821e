//! A receiver in trouble costs the others nothing.

use crate::actors::{Acting, Screen, share};
use crate::journal::{Delivery, GroupEnd, Journal, Latencies};
use crate::world::{GOOD, RELAY, World, host, ms};
use isi_netsim::{Link, run, seed_or};
use isi_testkit::Client;
use isi_wire::{Audience, DeliveryClass, TrackAlias, TrackKind};
use std::time::Duration;

const FRAME_BYTES: usize = 16 * 1024;
/// The sharer sends 4 Mbit/s; this is a tenth.
const SLOW: Link = Link { bits_per_second: Some(400_000), queue_bytes: 32 * 1024, ..GOOD };
/// What a frame may be old on arrival: the media budget's 3 s, 3 s unacknowledged in QUIC's hands
/// (`relay/src/connection/finished.rs`), and what the link's queue and a recovery add.
const AGE_MS_MAX: u64 = 7_000;
/// What a session may hold by default (`relay/core/src/budgets.rs`).
const RESIDENT_BYTES_MAX: u64 = 64 * 1024 * 1024;
const FOR: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    None,
    Slow,
    Stopped,
    Unplugged,
    Reconnects,
}

struct Outcome {
    good: Vec<Delivery>,
    slow: Vec<GroupEnd>,
    slow_frames: Vec<Delivery>,
    keyframes_wanted: u64,
    resident_bytes_max: u64,
}

fn scene(seed: u64, trouble: Trouble) -> Outcome {
    run(async move {
        let world = World::with_seed(seed);
        let mut sharer = world.join(2).await;
        let screen = sharer.publish(1, TrackKind::Screen, DeliveryClass::Media, Audience::Everyone).await;
        let mut good = Vec::new();
        for number in 3..6 {
            let viewer = view(&world, number, screen).await;
            good.push((Journal::keep(&world.network, &viewer.connection), viewer));
        }
        let endpoint = match trouble {
            Trouble::Stopped => world.narrow_endpoint(9),
            _ => world.endpoint(9),
        };
        let mut troubled = world.join_from(&endpoint).await;
        troubled.subscribe(screen).await;
        let slow = Journal::keep_if(&world.network, &troubled.connection, trouble != Trouble::Stopped);
        match trouble {
            Trouble::Slow => world.network.connect(host(9), RELAY, SLOW),
            Trouble::Unplugged => world.network.change(host(9), RELAY, |link| link.is_up = false),
            Trouble::None | Trouble::Stopped | Trouble::Reconnects => {}
        }
        let frames =
            Screen { alias: screen, frame_bytes: FRAME_BYTES, frame_interval: ms(33), frames_per_group: 8 };
        let (sharing, sent) = share(&world.network, sharer, frames);
        match trouble {
            Trouble::Reconnects => reconnect(&world, screen).await,
            _ => tokio::time::sleep(FOR).await,
        }
        drop::<Acting>(sharing);
        tokio::time::sleep(ms(100)).await;
        Outcome {
            good: good.iter().flat_map(|(journal, _)| journal.of(screen)).collect(),
            slow: slow.ends_of(screen),
            slow_frames: slow.of(screen),
            keyframes_wanted: sent.keyframes_wanted(),
            resident_bytes_max: world.relay.stats().residence.resident_bytes_max,
        }
    })
}

async fn view(world: &World, number: u8, screen: TrackAlias) -> Client {
    let mut viewer = world.join(number).await;
    viewer.subscribe(screen).await;
    viewer
}

/// In again as soon as it is out, all the time.
async fn reconnect(world: &World, screen: TrackAlias) {
    let until = world.network.now() + FOR;
    while world.network.now() < until {
        let viewer = view(world, 10, screen).await;
        tokio::time::sleep(ms(50)).await;
        viewer.connection.close(0_u32.into(), b"");
    }
}

fn p99s(seed: u64, trouble: Trouble, what: &str) -> (Outcome, Duration, Duration) {
    let (without, with) = (scene(seed, Trouble::None), scene(seed, trouble));
    let [calm, troubled] = [&without, &with].map(|outcome| Latencies::of(&outcome.good));
    calm.show("others without it");
    troubled.show(&format!("others with {what}"));
    println!("at most {} KiB in the relay", with.resident_bytes_max / 1024);
    // As many frames; a request for a keyframe changes none.
    assert!(with.good.len().abs_diff(without.good.len()) <= 6, "{} {}", with.good.len(), without.good.len());
    assert!(with.resident_bytes_max <= RESIDENT_BYTES_MAX);
    (with, calm.percentile(99), troubled.percentile(99))
}

fn nobody_else_notices(trouble: Trouble, what: &str) -> Outcome {
    let (outcome, calm, troubled) = p99s(seed_or(1), trouble, what);
    assert!(troubled <= calm + calm / 10, "p99 {troubled:?} instead of {calm:?}");
    outcome
}

#[test]
fn nobody_notices_a_receiver_at_a_tenth_of_the_rate() {
    let outcome = nobody_else_notices(Trouble::Slow, "one at a tenth of the rate");
    // At most two a second, however much is dropped.
    assert!(outcome.keyframes_wanted <= 2 * FOR.as_secs() + 4);
    // What is cut says so; all of it was checked on arrival.
    assert!(outcome.slow.iter().all(|end| end.is_whole != end.code.is_some()));
    let whole: Vec<_> = outcome.slow.iter().filter(|end| end.is_whole).map(|end| end.header.group).collect();
    println!("whole groups {whole:?}, {} cut", outcome.slow.len() - whole.len());
    // Each carries 1 Mbit: of all that fits into its link, some are cut and some are in transfer at the end.
    assert!(whole.len() >= 5, "{} whole groups", whole.len());
    assert!(whole.is_sorted(), "an older one after a newer one");
    let frames = Latencies::of(&outcome.slow_frames);
    frames.show("its frames");
    assert!(frames.percentile(100) <= ms(AGE_MS_MAX));
}

#[test]
fn nobody_notices_a_receiver_that_reads_nothing() {
    nobody_else_notices(Trouble::Stopped, "one that reads nothing");
}

#[test]
fn nobody_notices_a_receiver_that_is_cut_off() {
    nobody_else_notices(Trouble::Unplugged, "one cut off");
}

#[test]
fn nobody_notices_a_receiver_that_reconnects_all_the_time() {
    nobody_else_notices(Trouble::Reconnects, "one that reconnects all the time");
}

//! Input at a constant rate: what the wire shows of a driver who types and of one who does not.

use crate::people::Two;
use crate::world::{RELAY, World, host, ms};
use isi_client::payload::{InputEvent, TypedText};
use isi_client::{ConstantRateSender, InputReceiver, InputToApply, LeaseEndReason};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{sleep, sleep_until};

const SEED: u64 = 5;
const INTERVAL: Duration = ms(20);
const WATCHED: Duration = ms(3_000);
const OBJECT_BYTES: usize = 256;

/// When which packet left, since the watch began, and its bytes.
type Wire = Arc<Mutex<Vec<(Duration, usize)>>>;

const fn key(keysym: u32, pressed: bool) -> InputEvent {
    InputEvent::Key { keysym, pressed }
}

/// Bursts with pauses, as people type; gives what was sent.
async fn type_in_bursts(sender: &mut ConstantRateSender) -> Vec<InputEvent> {
    let mut sent = Vec::new();
    for word in 0..8_u32 {
        for letter in 0..2 + word {
            for pressed in [true, false] {
                let event = key(0x61 + letter, pressed);
                sender.send(event, 0).await.unwrap();
                sent.push(event);
                sleep(ms(7)).await;
            }
        }
        let text = InputEvent::Text(TypedText::new(&"x".repeat(word as usize * 8)).unwrap());
        sender.send(text, 0).await.unwrap();
        sent.push(text);
        sleep(ms(u64::from(word) * 13)).await;
    }
    sent
}

async fn apply(applied: &mut InputReceiver, count: usize) -> Vec<InputEvent> {
    let mut events = Vec::new();
    while events.len() < count {
        match applied.next().await {
            Some(InputToApply::Event { event, .. }) => events.push(event),
            other => panic!("{other:?} after {} events", events.len()),
        }
    }
    events
}

/// The driver's packets while it types, or does not.
async fn watched(types: bool, every: Duration) -> Vec<(Duration, usize)> {
    // The relay and both people stay in `two`.
    let mut two = Two::meet(World::with_seed(SEED)).await;
    let (network, mut sender) = (two.network.clone(), two.sender.at_constant_rate(every));
    // Path MTU discovery and the first keys are over then.
    sleep(ms(2_000)).await;
    let (wire, start, until) = (Wire::default(), network.now(), tokio::time::Instant::now() + WATCHED);
    network.observe({
        let wire = Arc::clone(&wire);
        move |packet| {
            if packet.from.ip() == host(9) && packet.to.ip() == RELAY {
                wire.lock().unwrap().push((packet.sent_at - start, packet.bytes));
            }
        }
    });
    if types {
        let sent = type_in_bursts(&mut sender).await;
        assert_eq!(apply(&mut two.applied, sent.len()).await, sent);
    }
    sleep_until(until).await;
    wire.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn typing_looks_like_silence() {
    let (typed, silent) = (watched(true, INTERVAL).await, watched(false, INTERVAL).await);
    assert!(silent.len() as u128 >= WATCHED.as_millis() / INTERVAL.as_millis());
    assert_eq!(typed, silent);
    let objects = silent.iter().filter(|(_, bytes)| *bytes >= OBJECT_BYTES).count();
    assert!(
        objects.abs_diff((WATCHED.as_millis() / INTERVAL.as_millis()) as usize) <= 1,
        "{objects} objects"
    );
}

/// Headers of IP, UDP, QUIC and the stream, the object's length and QUIC's tag, for each object.
const PACKET_BYTES_MAX: u128 = 80;
/// Acknowledgements, and what members say to each other.
const OTHER_BYTES_PER_SECOND_MAX: u128 = 700;

/// Nobody types: the cost alone, against the formula and what the packets add to it.
#[tokio::test(start_paused = true)]
async fn the_rates_cost_is_what_the_formula_says() {
    for every in [10, 20, 50, 100].map(ms) {
        let bytes: usize = watched(false, every).await.iter().map(|(_, bytes)| bytes).sum();
        let per_second = bytes as u128 * 1_000 / WATCHED.as_millis();
        let rate = 1_000 / every.as_millis();
        let formula = OBJECT_BYTES as u128 * rate;
        println!("every {every:?}: objects {formula} B/s, on the wire {per_second} B/s");
        let most = formula + PACKET_BYTES_MAX * rate + OTHER_BYTES_PER_SECOND_MAX;
        assert!((formula..most).contains(&per_second), "{every:?}: {per_second} B/s");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_drops_the_sender_has_sent_all_and_holds_nothing() {
    let mut two = Two::meet(World::start()).await;
    let mut sender = two.sender.at_constant_rate(INTERVAL);
    let presses: Vec<_> = (0..60).map(|number| key(0x100 + number, true)).collect();
    for event in &presses {
        sender.send(*event, 0).await.unwrap();
    }
    drop(sender);
    assert_eq!(apply(&mut two.applied, presses.len()).await, presses);
    let mut released = Vec::new();
    while let Some(InputToApply::Release(event)) = two.applied.next().await {
        released.push(event);
    }
    assert_eq!(two.applied.ended(), Some(LeaseEndReason::Released));
    assert_eq!(released, (0..60).rev().map(|number| key(0x100 + number, false)).collect::<Vec<_>>());
}

//! Loads against a real relay in this process: what is sent arrives, and what is slow is nobody else's trouble.
#![expect(clippy::unwrap_used, reason = "helpers of tests stop at what cannot be")]

use isi_account::AccountKey;
use isi_load::client::{ClientError, Dialler, Target, Trust};
use isi_load::clock::monotonic_ns;
use isi_load::workload::{
    JoinLoad, Joins, Kind, Measure, Outcome, Pace, Part, Preset, Runner, Sessions, Share, Slow, Workload,
};
use isi_testkit::{Relay, within};
use std::sync::Arc;

const ALONE: Share = Share { process: 0, processes: 1 };
const SESSIONS: Sessions = Sessions([3; 16]);
const MEASURED_NS: u64 = 400_000_000;

fn dialler(relay: &Relay) -> Arc<Dialler> {
    let account = AccountKey::from_jwk(&relay.account.to_jwk()).unwrap();
    dialler_with(relay, account)
}

fn dialler_with(relay: &Relay, account: AccountKey) -> Arc<Dialler> {
    let target =
        Target { address: relay.address, server_name: "localhost".to_owned(), origin: relay.origin() };
    let trust = Trust::Pem(String::from_utf8(relay.ca_pem()).unwrap());
    Arc::new(Dialler::new(target, &trust, account, 64).unwrap())
}

fn measure() -> Measure {
    let begin_ns = monotonic_ns() + 50_000_000;
    Measure { begin_ns, end_ns: begin_ns + MEASURED_NS, slot_ns: MEASURED_NS / 4 }
}

async fn carry(relay: &Relay, load: Workload) -> Outcome {
    let mut runner = Runner::new(dialler(relay), load, SESSIONS);
    within(runner.enter(ALONE)).await.unwrap();
    within(runner.measure(measure())).await
}

fn part(kind: Kind, bytes: u32, pace: Pace) -> Part {
    Part { kind, senders: 1, bytes, pace }
}

fn assert_all_arrived(load: &Workload, outcome: &Outcome) {
    assert_eq!(outcome.lost_people, 0, "{}: {:?}", load.name, outcome.first_end);
    for (part, of) in load.parts.iter().zip(&outcome.parts) {
        assert!(of.sent > 0, "{} sent nothing of {:?}", load.name, part.kind);
        let due = of.sent * u64::from(load.due(part));
        assert_eq!(of.arrived, due, "{} {:?}: {outcome:?}", load.name, part.kind);
        assert_eq!(of.latency.count(), due);
    }
}

#[tokio::test]
async fn every_kind_of_traffic_reaches_everybody_it_is_for() {
    let relay = Relay::start();
    let parts = vec![
        part(Kind::Frames, 20_000, Pace::PerSecond(30)),
        part(Kind::Messages, 500, Pace::PerSecond(50)),
        part(Kind::Audio, 160, Pace::PerSecond(50)),
        part(Kind::Input, 64, Pace::PerSecond(100)),
        part(Kind::Chat, 200, Pace::PerSecond(20)),
        part(Kind::Documents, 10_000, Pace::PerSecond(20)),
    ];
    let load = Workload { name: "all".into(), sessions: 2, receivers: 3, parts, slow: Vec::new() };
    let outcome = carry(&relay, load.clone()).await;
    assert_all_arrived(&load, &outcome);
    assert_eq!(outcome.joins.count(), 8);
    let delivered: u64 = outcome.parts[0].slots.iter().map(|slot| slot.bytes).sum();
    assert!(delivered > 0 && delivered.is_multiple_of(20_000));
    relay.stop().await;
}

#[tokio::test]
async fn saturating_loads_lose_nothing() {
    let relay = Relay::start();
    for (kind, bytes) in
        [(Kind::Frames, 65_536), (Kind::Messages, 1024), (Kind::Documents, 65_536), (Kind::Input, 64)]
    {
        let parts = vec![part(kind, bytes, Pace::InFlight(4))];
        let load = Workload { name: kind.name().into(), sessions: 1, receivers: 2, parts, slow: Vec::new() };
        let outcome = carry(&relay, load.clone()).await;
        assert_all_arrived(&load, &outcome);
    }
    relay.stop().await;
}

#[tokio::test]
async fn slow_receivers_are_not_the_others_trouble() {
    let relay = Relay::start();
    let mut load = Preset::ScreenShare.workload();
    (load.receivers, load.slow) = (2, Slow::ALL.to_vec());
    let outcome = carry(&relay, load.clone()).await;
    assert_all_arrived(&load, &outcome);
    assert!(outcome.reconnects > 0);
    relay.stop().await;
}

#[tokio::test]
async fn two_processes_of_a_town_hall_have_all_of_it_together() {
    let relay = Relay::start();
    let mut load = Preset::TownHall.workload();
    load.receivers = 12;
    let share = |process| Share { process, processes: 2 };
    let runner = || Runner::new(dialler(&relay), load.clone(), SESSIONS);
    let (mut one, mut two) = (runner(), runner());
    let (first, second) = within(async { tokio::join!(one.enter(share(0)), two.enter(share(1))) }).await;
    first.unwrap();
    second.unwrap();
    let measure = measure();
    let (mut sum, other) = within(async { tokio::join!(one.measure(measure), two.measure(measure)) }).await;
    sum.merge(&other);
    assert_all_arrived(&load, &sum);
    relay.stop().await;
}

#[tokio::test]
async fn joins_are_counted_and_those_who_stay_are_there() {
    let relay = Relay::start();
    let load = JoinLoad { joins: 10, per_second: None, sessions: 3, stay: true };
    let staying = within(Joins::run(&dialler(&relay), &load, SESSIONS, ALONE, monotonic_ns())).await;
    assert_eq!((staying.joined(), staying.failed), (10, 0), "{:?}", staying.first_failure);
    assert_eq!((relay.stats().participants, relay.stats().sessions), (10, 3));
    assert!(staying.per_second().is_some_and(|rate| rate > 0.0));
    let load = JoinLoad { per_second: Some(1000), stay: false, ..load };
    let left = within(Joins::run(&dialler(&relay), &load, SESSIONS, ALONE, monotonic_ns())).await;
    assert_eq!((left.joined(), left.failed), (10, 0), "{:?}", left.first_failure);
    relay.stop().await;
}

#[tokio::test]
async fn a_stranger_is_refused() {
    let relay = Relay::start();
    let stranger = dialler_with(&relay, AccountKey::generate().unwrap());
    let refused = within(stranger.join(SESSIONS.id(0))).await.unwrap_err();
    assert!(matches!(refused, ClientError::Closed(_)), "{refused}");
    relay.stop().await;
}

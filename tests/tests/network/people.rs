//! People who use the SDK.

use crate::world::{GOOD, RELAY, World, host, ms};
use bytes::Bytes;
use isi_account::Role;
use isi_client::payload::{InputEvent, ScreenFrame};
use isi_client::{
    ConnectOptions, Event, InputReceiver, InputSender, InputToApply, LeaseScope, ReceiverPath,
    ScreenPublisher, ScreenReceiver, Sent, Session,
};
use isi_netsim::{Link, Network};
use isi_testkit::{Person, within};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{interval, sleep};

const BAD: Link =
    Link { delay: ms(20), loss: 0.02, bits_per_second: Some(5_000_000), queue_bytes: 64 * 1024, ..GOOD };
const EVENTS: u16 = 500;
/// Thirty of these a second are three times what the bad link carries.
const FRAME_BYTES: usize = 64 * 1024;
/// Two ways to the driven one (20 and 10 ms), one recovery of a lost packet (a round trip of 40 ms and what is in the queue
/// then), and a wait for the congestion window, which has just been cut.
const INPUT_P99_MAX: Duration = ms(150);

/// An organizer at host 2 who is driven, and a participant at host 9 who shares its screen and drives.
pub(crate) struct Two {
    pub(crate) network: Network,
    pub(crate) driven: Person,
    pub(crate) driver: Person,
    pub(crate) screen: ScreenPublisher,
    pub(crate) seen: ScreenReceiver,
    pub(crate) sender: InputSender,
    pub(crate) applied: InputReceiver,
    pub(crate) _relay: isi_testkit::World,
}

impl Two {
    pub(crate) async fn meet(World { network, relay, session }: World) -> Self {
        let people = isi_testkit::World { relay, session };
        let mut driven = create(&network, &people).await;
        let mut driver = join(&network, &people, &driven).await;
        driven.until_online(2).await;
        driver.until_online(2).await;
        let screen = driver.session.publish_screen().await.unwrap();
        let track = driven.hear_track().await;
        let seen = driven.session.subscribe_screen(track).await.unwrap();
        let keys = LeaseScope { pointer: true, keyboard: true, clipboard: false, rectangle: None };
        let applied = driven.session.grant_lease(driver.id(), keys, Duration::from_secs(600)).await.unwrap();
        let lease = driver
            .hear(|event| match event {
                Event::LeaseGranted(lease) => Some(*lease),
                _ => None,
            })
            .await;
        let sender = driver.session.drive(&lease).await.unwrap();
        Self { network, driven, driver, screen, seen, sender, applied, _relay: people }
    }
}

pub(crate) fn options(network: &Network, people: &isi_testkit::World, number: u8) -> ConnectOptions {
    let mut options = people.options();
    options.endpoint = Some(network.endpoint(SocketAddr::new(host(number), 0), None).unwrap());
    options
}

pub(crate) async fn create(network: &Network, people: &isi_testkit::World) -> Person {
    let credentials = people.credentials(Role::Organizer, "root");
    let created = Session::create(options(network, people, 2), credentials, people.issuers());
    let (session, events) = within(created).await.unwrap();
    Person { session, events }
}

async fn join(network: &Network, people: &isi_testkit::World, root: &Person) -> Person {
    let invitation = root.session.invite().await.unwrap();
    let credentials = people.credentials(Role::Participant, "driver");
    let joined = Session::join(options(network, people, 9), credentials, people.issuers(), &invitation);
    let (session, events) = within(joined).await.unwrap();
    Person { session, events }
}

fn frame(number: u64, bytes: usize) -> ScreenFrame {
    ScreenFrame { captured_at_us: number, keyframe: true, data: Bytes::from(vec![number as u8; bytes]) }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn people_meet_share_drive_and_leave() {
    let mut two = Two::meet(World::start()).await;
    let frame = frame(7, 3000);
    assert_eq!(two.screen.send(&frame).await, Ok(Sent::Sent));
    let received = within(two.seen.next()).await.unwrap();
    assert!(received.frame == frame);
    let event = InputEvent::PointerMove { x: 3, y: 4 };
    let sent = two.network.now();
    two.sender.send(event, micros(sent)).await.unwrap();
    let applied = within(two.applied.next()).await;
    assert_eq!(applied, Some(InputToApply::Event { event, at_us: micros(sent) }));
    // The links' delay, and that timers tick in milliseconds.
    let took = two.network.now() - sent;
    assert!((2 * GOOD.delay..=2 * GOOD.delay + ms(5)).contains(&took), "{took:?}");
    let driver = two.driver.id();
    two.driver.session.leave().await;
    two.driven.hear(|event| matches!(event, Event::MemberLeft(who) if *who == driver).then_some(())).await;
}

/// Shares without end, more than a bad link carries.
async fn share(screen: &mut ScreenPublisher) {
    let mut frames = interval(ms(33));
    for number in 0.. {
        frames.tick().await;
        // One that was dropped is what a full link is for.
        let _ = screen.send(&frame(number, FRAME_BYTES)).await.unwrap();
    }
}

async fn move_pointer(network: &Network, sender: &mut InputSender) {
    let mut due = interval(ms(10));
    for x in 0..EVENTS {
        due.tick().await;
        let event = InputEvent::PointerMove { x, y: 0 };
        sender.send(event, micros(network.now())).await.unwrap();
    }
}

/// How old each event is when it is to be applied, in order of age.
async fn ages(network: &Network, applied: &mut InputReceiver) -> Vec<Duration> {
    let mut ages = Vec::new();
    for x in 0..EVENTS {
        let Some(InputToApply::Event { event, at_us }) = applied.next().await else { panic!("cut") };
        assert_eq!(event, InputEvent::PointerMove { x, y: 0 });
        ages.push(network.now() - Duration::from_micros(at_us));
    }
    ages.sort();
    ages
}

#[tokio::test(start_paused = true)]
async fn input_passes_its_drivers_own_screen() {
    let mut two = Two::meet(World::start()).await;
    two.network.connect(host(9), RELAY, BAD);
    let drive = async {
        sleep(ms(3000)).await;
        tokio::join!(move_pointer(&two.network, &mut two.sender), ages(&two.network, &mut two.applied)).1
    };
    let ages = tokio::select! {
        ages = drive => ages,
        () = share(&mut two.screen) => panic!("the screen ended"),
        () = async { while two.seen.next().await.is_some() {} } => panic!("the screen ended"),
    };
    let [p50, p99, max] = [50, 99, 100].map(|percent| ages[(ages.len() - 1) * percent / 100]);
    println!("input past its driver's screen: p50 {p50:?}, p99 {p99:?}, max {max:?}");
    assert!(p99 <= INPUT_P99_MAX);
}

/// Shares, more than a bad link carries, until a report is what is waited for; gives how many there were.
async fn share_until(screen: &mut ScreenPublisher, wanted: impl Fn(ReceiverPath) -> bool) -> u32 {
    let mut frames = interval(ms(33));
    let (mut reports, mut number) = (0, 0);
    loop {
        tokio::select! {
            delivery = screen.next_delivery() => {
                let delivery = delivery.unwrap();
                assert_eq!((delivery.receivers, delivery.slowest.len()), (1, 1));
                reports += 1;
                if wanted(delivery.slowest[0]) {
                    return reports;
                }
            }
            _ = frames.tick() => {
                number += 1;
                let _ = screen.send(&frame(number, FRAME_BYTES)).await.unwrap();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_shares_hears_how_the_viewers_path_does() {
    let mut two = Two::meet(World::start()).await;
    let viewer = two.driver.member("root").await;
    two.network.connect(host(2), RELAY, BAD);
    let share = async {
        let is_bad = |path: ReceiverPath| {
            assert_eq!(path.member, viewer);
            let round_trip = Duration::from_micros(path.rtt_us.into());
            let is_slow = path.rate_bps < BAD.bits_per_second.unwrap() && round_trip >= 2 * BAD.delay;
            is_slow && path.loss_permille > 0 && path.dropped > 0
        };
        within(share_until(&mut two.screen, is_bad)).await;
        two.network.connect(host(2), RELAY, GOOD);
        let is_good = |path: ReceiverPath| path.rate_bps > 10_000_000 && path.dropped == 0;
        let begun = two.network.now();
        let reports = within(share_until(&mut two.screen, is_good)).await;
        let seconds = (two.network.now() - begun).as_secs();
        assert!(u64::from(reports) <= seconds + 2, "{reports} reports in {seconds} s");
    };
    tokio::select! {
        () = share => {}
        () = async { while two.seen.next().await.is_some() {} } => panic!("the screen ended"),
    }
}

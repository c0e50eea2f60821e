//! What members notice when an organizer is kept away from them, or input is held back on its way.

use crate::world::{GOOD, RELAY, World, host, ms};
use isi_account::Role;
use isi_client::payload::{InputEvent, ScreenFrame};
use isi_client::{
    Alarm, ConnectOptions, Event, GrantError, InputReceiver, InputSendError, InputSender, InputToApply,
    LeaseEndReason, LeaseScope, Session, Standing, TrackSendError,
};
use isi_netsim::{Link, Network};
use isi_testkit::{Person, within};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const KEYS: LeaseScope = LeaseScope { pointer: true, keyboard: true, clipboard: false, rectangle: None };
const LONG: Duration = Duration::from_secs(600);
const ROOT: u8 = 2;
const DRIVEN: u8 = 3;
const DRIVER: u8 = 4;
const FINE: Standing = Standing { confirmed: true, input: true, media: true };
/// Everything arrives, and there is no echo younger than 10 s in it. Short of the connection's idle timeout.
const LATE: Link = Link { delay: ms(8_000), ..GOOD };

/// An organizer who has no part in it, and two who drive.
struct Three {
    network: Network,
    root: Person,
    driven: Person,
    driver: Person,
    _relay: isi_testkit::World,
}

impl Three {
    async fn meet(change: impl Fn(&mut ConnectOptions)) -> Self {
        let World { network, relay, session } = World::start();
        let people = isi_testkit::World { relay, session };
        let options = |number| {
            let mut options = people.options();
            options.endpoint = Some(network.endpoint(SocketAddr::new(host(number), 0), None).unwrap());
            change(&mut options);
            options
        };
        let credentials = people.credentials(Role::Organizer, "root");
        let created = Session::create(options(ROOT), credentials, people.issuers());
        let (session, events) = within(created).await.unwrap();
        let mut root = Person { session, events };
        let invitation = root.session.invite().await.unwrap();
        let mut others = Vec::new();
        for (number, subject) in [(DRIVEN, "driven"), (DRIVER, "driver")] {
            let credentials = people.credentials(Role::Participant, subject);
            let joined = Session::join(options(number), credentials, people.issuers(), &invitation);
            let (session, events) = within(joined).await.unwrap();
            others.push(Person { session, events });
        }
        let [mut driven, mut driver] = others.try_into().unwrap_or_else(|_| panic!("two"));
        for person in [&mut root, &mut driven, &mut driver] {
            person.until_online(3).await;
        }
        Self { network, root, driven, driver, _relay: people }
    }

    async fn lend(&mut self) -> (InputReceiver, InputSender) {
        let driver = self.driven.member("driver").await;
        let receiver = self.driven.session.grant_lease(driver, KEYS, LONG).await.unwrap();
        let lease = self
            .driver
            .hear(|event| match event {
                Event::LeaseGranted(lease) => Some(*lease),
                _ => None,
            })
            .await;
        (receiver, self.driver.session.drive(&lease).await.unwrap())
    }

    fn link_of(&self, number: u8, link: Link) {
        self.network.connect(host(number), RELAY, link);
    }
}

const fn key(keysym: u32, pressed: bool) -> InputEvent {
    InputEvent::Key { keysym, pressed }
}

async fn raised(person: &mut Person) -> Alarm {
    person
        .hear(|event| match event {
            Event::AlarmRaised(alarm) => Some(*alarm),
            _ => None,
        })
        .await
}

async fn stands(person: &mut Person, wanted: Standing) {
    person.hear(|event| matches!(event, Event::StandingChanged(now) if *now == wanted).then_some(())).await;
}

async fn applied(receiver: &mut InputReceiver) -> Option<InputToApply> {
    within(receiver.next()).await
}

#[tokio::test(start_paused = true)]
async fn an_organizer_that_is_heard_too_late_is_named_leases_end_and_all_comes_back() {
    let mut three = Three::meet(|_| {}).await;
    let (mut receiver, mut sender) = three.lend().await;
    sender.send(key(0x61, true), 0).await.unwrap();
    assert!(matches!(applied(&mut receiver).await, Some(InputToApply::Event { .. })));
    let since = Instant::now();
    three.link_of(ROOT, LATE);
    for person in [&mut three.driven, &mut three.driver] {
        let root = person.member("root").await;
        assert_eq!(raised(person).await, Alarm::OrganizerSilent(root));
        stands(person, Standing { input: false, ..FINE }).await;
    }
    println!("an organizer kept away: named after {:?}", since.elapsed());
    assert!(since.elapsed() <= ms(15_500), "{:?}", since.elapsed());
    assert_eq!(applied(&mut receiver).await, Some(InputToApply::Release(key(0x61, false))));
    assert_eq!((applied(&mut receiver).await, receiver.ended()), (None, Some(LeaseEndReason::OutOfTouch)));
    assert_eq!(sender.send(key(0x62, true), 1).await, Err(InputSendError::LeaseEnded));
    let driver = three.driven.member("driver").await;
    let refused = three.driven.session.grant_lease(driver, KEYS, LONG).await.unwrap_err();
    assert_eq!(refused, GrantError::OutOfTouch);
    three.link_of(ROOT, GOOD);
    for person in [&mut three.driven, &mut three.driver] {
        person.hear(|event| matches!(event, Event::AlarmOver(_)).then_some(())).await;
        stands(person, FINE).await;
    }
    let (mut receiver, mut sender) = three.lend().await;
    sender.send(key(0x63, true), 2).await.unwrap();
    assert!(matches!(applied(&mut receiver).await, Some(InputToApply::Event { .. })));
    drop(three.root);
}

#[tokio::test(start_paused = true)]
async fn who_shares_goes_on_for_a_while_without_an_organizer_and_then_stops() {
    let mut three = Three::meet(|options| options.media_ms_max = 20_000).await;
    let mut screen = three.driven.session.publish_screen().await.unwrap();
    let frame = ScreenFrame { captured_at_us: 1, keyframe: true, data: vec![7; 100].into() };
    three.network.change(host(ROOT), RELAY, |link| link.is_up = false);
    let root = three.driven.member("root").await;
    assert_eq!(raised(&mut three.driven).await, Alarm::OrganizerSilent(root));
    assert!(screen.send(&frame).await.is_ok());
    stands(&mut three.driven, Standing { input: false, media: false, ..FINE }).await;
    assert_eq!(screen.send(&frame).await, Err(TrackSendError::OutOfTouch));
}

#[tokio::test(start_paused = true)]
async fn a_click_that_is_held_back_does_not_happen_but_what_is_down_comes_up() {
    let mut three = Three::meet(|_| {}).await;
    let (mut receiver, mut sender) = three.lend().await;
    for round in 0..5 {
        sender.send(InputEvent::PointerMove { x: round, y: 0 }, 0).await.unwrap();
        assert!(matches!(applied(&mut receiver).await, Some(InputToApply::Event { .. })));
        sleep(ms(150)).await;
    }
    sender.send(key(0x61, true), 0).await.unwrap();
    assert!(matches!(applied(&mut receiver).await, Some(InputToApply::Event { .. })));
    // From now on what the driver sends arrives late; what it sees does not.
    three.network.set_link(host(DRIVER), RELAY, Link { delay: ms(700), ..GOOD });
    sender.send(InputEvent::Button { button: 1, pressed: true }, 1).await.unwrap();
    sender.send(InputEvent::Button { button: 1, pressed: false }, 2).await.unwrap();
    sender.send(key(0x61, false), 3).await.unwrap();
    assert_eq!(applied(&mut receiver).await, Some(InputToApply::Event { event: key(0x61, false), at_us: 3 }));
    assert_eq!((receiver.report().accepted, receiver.report().held_back), (7, 2));
    for person in [&mut three.driven, &mut three.driver] {
        let told = |event: &Event| match event {
            Event::InputHeldBack { events, .. } => Some(*events),
            _ => None,
        };
        assert_eq!(person.hear(told).await, 2);
    }
    // A path that stays so slow is learned.
    let mut accepted = 0;
    for _ in 0..20 {
        sender.send(key(0x62, true), 4).await.unwrap();
        sender.send(key(0x62, false), 5).await.unwrap();
        sleep(ms(200)).await;
        accepted = receiver.report().accepted;
        let _ = tokio::time::timeout(ms(1), receiver.next()).await;
    }
    sleep(ms(2_000)).await;
    while tokio::time::timeout(ms(1), receiver.next()).await.is_ok() {}
    assert!(receiver.report().accepted > accepted.max(9), "{:?}", receiver.report());
    drop(three.root);
}

#[tokio::test(start_paused = true)]
async fn a_lease_outlives_every_timer_that_is_not_its_own() {
    let mut three = Three::meet(|_| {}).await;
    let (mut receiver, mut sender) = three.lend().await;
    // Private texts that nobody acknowledges, a rotation, epochs that expire, heartbeats, and much time.
    three.network.change(host(ROOT), RELAY, |link| link.delay = ms(2_000));
    let root = three.driven.member("root").await;
    let private = three.driven.session.send_private(root, "hello").await;
    assert!(private.is_ok());
    three.root.session.rotate().await.unwrap();
    sleep(Duration::from_secs(300)).await;
    sender.send(key(0x61, true), 9).await.unwrap();
    assert_eq!(applied(&mut receiver).await, Some(InputToApply::Event { event: key(0x61, true), at_us: 9 }));
    assert_eq!(receiver.ended(), None);
    sleep(Duration::from_secs(301)).await;
    assert_eq!(applied(&mut receiver).await, Some(InputToApply::Release(key(0x61, false))));
    assert_eq!((applied(&mut receiver).await, receiver.ended()), (None, Some(LeaseEndReason::Expired)));
}

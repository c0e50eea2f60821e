//! What happens to keys and identities as minutes pass.

use crate::people::options;
use crate::world::World;
use isi_account::{Role, StatementClaims};
use isi_client::payload::InputEvent;
use isi_client::{
    ConnectionKey, Credentials, Disconnected, Event, InputToApply, LeaseScope, MemberIdentity, MemberKey,
    Session,
};
use isi_netsim::Network;
use isi_testkit::{Person, unix_seconds, within};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

const MINUTE: Duration = Duration::from_secs(60);

struct Scene {
    network: Network,
    people: isi_testkit::World,
}

/// Somebody whose token and statement can be made anew: the keys are made from its host's number.
struct Guest {
    person: Person,
    role: Role,
    number: u8,
}

impl Scene {
    fn start() -> Self {
        let World { network, relay, session } = World::start();
        Self { network, people: isi_testkit::World { relay, session } }
    }

    fn token(&self, role: Role, number: u8) -> String {
        let key = ConnectionKey::from_secret(&[number; 32]);
        self.people.relay.sign(&self.people.claims(role, &subject(number), &key))
    }

    fn statement(&self, role: Role, number: u8, lifetime_s: u64) -> String {
        let key = MemberKey::from_secret(&[number; 32]).public_key();
        let claims =
            StatementClaims::new(role, self.people.session, &subject(number), &key).lifetime_s(lifetime_s);
        self.people.relay.account.sign_statement(&claims, unix_seconds()).unwrap()
    }

    fn credentials(&self, role: Role, number: u8, lifetime_s: u64) -> Credentials {
        let statement = self.statement(role, number, lifetime_s);
        Credentials {
            token: self.token(role, number),
            connection_key: ConnectionKey::from_secret(&[number; 32]),
            identity: MemberIdentity::new(MemberKey::from_secret(&[number; 32]), statement).unwrap(),
        }
    }

    async fn create(&self) -> Guest {
        let credentials = self.credentials(Role::Organizer, 2, 12 * 3600);
        let created =
            Session::create(options(&self.network, &self.people, 2), credentials, self.people.issuers());
        let (session, events) = within(created).await.unwrap();
        Guest { person: Person { session, events }, role: Role::Organizer, number: 2 }
    }

    async fn join(&self, root: &Guest, role: Role, number: u8, lifetime_s: u64) -> Guest {
        let invitation = root.person.session.invite().await.unwrap();
        let credentials = self.credentials(role, number, lifetime_s);
        let options = options(&self.network, &self.people, number);
        let joined = Session::join(options, credentials, self.people.issuers(), &invitation);
        let (session, events) = within(joined).await.unwrap();
        Guest { person: Person { session, events }, role, number }
    }

    /// A fresh token for the relay: this is about something else.
    async fn stay(&self, guest: &Guest) {
        guest.person.session.refresh_token(self.token(guest.role, guest.number)).await.unwrap();
    }
}

fn subject(number: u8) -> String {
    format!("guest-{number}")
}

/// When the epoch changes until then, seen from `guest`; everybody stays.
async fn changes(scene: &Scene, guests: &mut [&mut Guest], until: Instant) -> Vec<Instant> {
    let mut seen = Vec::new();
    while Instant::now() < until {
        for guest in guests.iter() {
            scene.stay(guest).await;
        }
        let part = until.min(Instant::now() + 5 * MINUTE);
        while let Ok(event) = timeout_at(part, guests[0].person.events.next()).await {
            match event {
                Some(Event::EpochChanged(_)) => seen.push(Instant::now()),
                Some(Event::Ended(why)) => panic!("{why}"),
                _ => {}
            }
        }
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn who_sends_has_new_keys_every_ten_minutes_and_nobody_else() {
    let scene = Scene::start();
    let mut root = scene.create().await;
    let mut writer = scene.join(&root, Role::Participant, 9, 12 * 3600).await;
    writer.person.until_online(2).await;
    let begin = Instant::now();
    let settled = changes(&scene, &mut [&mut root, &mut writer], begin + MINUTE).await;
    assert!(settled.len() <= 1, "nobody has to rotate yet: {settled:?}");

    writer.person.session.send("hello").await.unwrap();
    let after = changes(&scene, &mut [&mut root, &mut writer], begin + 35 * MINUTE).await;
    let [once] = after[..] else { panic!("one wrote, once: {after:?}") };
    assert!((9 * MINUTE..=12 * MINUTE).contains(&(once - begin)), "{:?}", once - begin);

    // Who shares is sending all the time.
    let screen = writer.person.session.publish_screen().await.unwrap();
    let shared = Instant::now();
    let after = changes(&scene, &mut [&mut root, &mut writer], shared + 45 * MINUTE).await;
    assert!((4..=5).contains(&after.len()), "{after:?}");
    for pair in after.windows(2) {
        let apart = pair[1] - pair[0];
        assert!((9 * MINUTE..=11 * MINUTE + Duration::from_secs(1)).contains(&apart), "{apart:?}");
    }
    drop(screen);
}

/// Nothing but what happens to identities; `Ended` ends it.
async fn hear_of_identity(guest: &mut Guest) -> Event {
    let wanted = |event: &Event| {
        let told = matches!(event, Event::StatementExpires { .. } | Event::Ended(_) | Event::MemberLeft(_));
        told.then(|| event.clone())
    };
    loop {
        // Longer than any other wait in these tests may be.
        let event = timeout_at(Instant::now() + 9 * MINUTE, guest.person.events.next()).await.unwrap();
        if let Some(event) = event.as_ref().and_then(wanted) {
            return event;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whose_statement_ends_is_warned_and_removed_and_who_renews_it_stays() {
    let scene = Scene::start();
    let mut root = scene.create().await;
    let mut careless = scene.join(&root, Role::Participant, 7, 180).await;
    let mut careful = scene.join(&root, Role::Viewer, 8, 180).await;
    let begin = Instant::now();
    for guest in [&mut careless, &mut careful] {
        let Event::StatementExpires { in_seconds } = hear_of_identity(guest).await else {
            panic!("no warning")
        };
        assert!((58..=60).contains(&in_seconds), "{in_seconds}");
    }
    assert!((115..=125).contains(&(Instant::now() - begin).as_secs()));
    let fresh = scene.statement(Role::Viewer, 8, 12 * 3600);
    careful.person.session.refresh_statement(fresh).await.unwrap();

    let gone = careless.person.id();
    assert!(matches!(hear_of_identity(&mut root).await, Event::MemberLeft(who) if who == gone));
    let took = (Instant::now() - begin).as_secs();
    assert!((238..=245).contains(&took), "180 s, and 60 s because clocks differ: {took}");
    let Event::Ended(why) = hear_of_identity(&mut careless).await else { panic!("it was told") };
    assert_eq!(why, Disconnected::StatementExpired);

    // The remove itself is heard of at once.
    let left = Instant::now();
    let seen = changes(&scene, &mut [&mut root, &mut careful], left + 5 * MINUTE).await;
    assert!(matches!(seen[..], [at] if at - left < Duration::from_secs(1)), "{seen:?}");
    assert_eq!(careful.person.session.members().await.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn clocks_that_differ_are_named_and_split_nobody() {
    let scene = Scene::start();
    let root = scene.create().await;
    // A client that starts now takes the system's time, which stands still here; the other's has gone on.
    sleep(2 * MINUTE).await;
    let mut behind = scene.join(&root, Role::Participant, 9, 12 * 3600).await;
    root.person.session.rotate().await.unwrap();
    root.person.session.rotate().await.unwrap();
    let skew = behind
        .person
        .hear(|event| match event {
            Event::ClockSkew { member, seconds } => Some((*member, *seconds)),
            _ => None,
        })
        .await;
    assert_eq!(skew.0, behind.person.member(&subject(2)).await);
    assert!((119..=122).contains(&skew.1), "{}", skew.1);
    let code = root.person.session.session_code().await.unwrap();
    assert_eq!(behind.person.session.session_code().await.unwrap(), code);
    // Once, not for every commit.
    root.person.session.send("end").await.unwrap();
    loop {
        match behind.person.events.next().await {
            Some(Event::ClockSkew { .. }) => panic!("told twice"),
            Some(Event::Message(_)) => break,
            _ => {}
        }
    }
}

/// The next epoch that somebody hears of after this one.
async fn next_epoch(guest: &mut Guest, epoch: u64) -> u64 {
    let newer = |event: &Event| match event {
        Event::EpochChanged(code) => Some(code.epoch).filter(|newer| *newer > epoch),
        _ => None,
    };
    guest.person.hear(newer).await
}

#[tokio::test(start_paused = true)]
async fn both_sides_of_a_lease_have_new_keys() {
    let scene = Scene::start();
    let mut root = scene.create().await;
    let mut driver = scene.join(&root, Role::Participant, 9, 12 * 3600).await;
    driver.person.until_online(2).await;
    root.person.until_online(2).await;
    // Those of the join are fresh for a while.
    sleep(2 * MINUTE).await;
    let before = root.person.session.session_code().await.unwrap().epoch;
    let driven = driver.person.member(&subject(2)).await;
    driver.person.session.request_lease(driven).await.unwrap();
    assert_eq!(next_epoch(&mut root, before).await, before + 1, "the driver's");

    let keys = LeaseScope { pointer: true, keyboard: false, clipboard: false, rectangle: None };
    let member = root.person.member(&subject(9)).await;
    let granted = root.person.session.grant_lease(member, keys, 5 * MINUTE);
    let mut applied = granted.await.unwrap();
    let lease = driver
        .person
        .hear(|event| match event {
            Event::LeaseGranted(lease) => Some(*lease),
            _ => None,
        })
        .await;
    let mut sender = driver.person.session.drive(&lease).await.unwrap();
    assert_eq!(next_epoch(&mut root, before + 1).await, before + 2, "the driven side's");
    for x in 0..20 {
        let event = InputEvent::PointerMove { x, y: 1 };
        sender.send(event, 0).await.unwrap();
        assert_eq!(within(applied.next()).await, Some(InputToApply::Event { event, at_us: 0 }));
        sleep(Duration::from_millis(300)).await;
    }
    // A second lease within the minute costs nothing.
    drop((sender, applied));
    sleep(Duration::from_secs(10)).await;
    driver.person.session.request_lease(driven).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    assert_eq!(root.person.session.session_code().await.unwrap().epoch, before + 2);
}

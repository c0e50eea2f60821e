//! Fresh tokens, asked for and taken up without anybody's doing.

use crate::recovery_scene::options;
use crate::world::{World, ms};
use isi_account::Role;
use isi_client::{ConnectionKey, Credentials, Disconnected, Event, Session, TokenSource};
use isi_netsim::Network;
use isi_testkit::{Person, within};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

const HOST: u8 = 2;
/// Of a token, unless its claims say otherwise.
const LIFETIME_S: u64 = 600;
/// So old that a client takes no other connection with it, and the relay lets it in.
const NEARLY_OVER_S: u64 = 5;

/// The organizer's token, its credentials and the people of its session. The source signs as the account service would.
struct Scene {
    network: Network,
    people: Arc<isi_testkit::World>,
    claims: isi_account::TokenClaims,
    credentials: Credentials,
}

impl Scene {
    fn of_token(lifetime_s: u64) -> Self {
        let World { network, relay, session } = World::start();
        let people = Arc::new(isi_testkit::World { relay, session });
        let connection_key = ConnectionKey::generate().unwrap();
        let claims = people.claims(Role::Organizer, "root", &connection_key);
        let identity = people.identity(Role::Organizer, "root");
        let token = people.relay.sign(&claims.clone().lifetime_s(lifetime_s));
        let credentials = Credentials { token, connection_key, identity };
        Self { network, people, claims, credentials }
    }

    /// A source that gives a token whenever `gives` says so.
    fn source(&self, gives: impl Fn() -> bool + Send + Sync + 'static) -> TokenSource {
        let (people, claims) = (Arc::clone(&self.people), self.claims.clone());
        TokenSource::new(move || {
            let token = gives().then(|| people.relay.sign(&claims));
            std::future::ready(token)
        })
    }

    async fn create(self, source: Option<TokenSource>) -> Person {
        let mut options = options(&self.network, &self.people, HOST);
        options.tokens = source;
        let created = Session::create(options, self.credentials, self.people.issuers());
        let (session, events) = within(created).await.unwrap();
        Person { session, events }
    }
}

/// What is told about the connection until nothing more happens for so long.
async fn told_within(person: &mut Person, length: Duration) -> Vec<Event> {
    let end = Instant::now() + length;
    let mut told = Vec::new();
    while let Ok(Some(event)) = timeout(end - Instant::now(), person.events.next()).await {
        if matches!(event, Event::ConnectionLost { .. } | Event::Reconnected | Event::Ended(_)) {
            told.push(event);
        }
    }
    told
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_in_time_again_and_again() {
    let scene = Scene::of_token(LIFETIME_S);
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let source = scene.source(move || counted.fetch_add(1, Ordering::Relaxed) < u32::MAX);
    let mut root = scene.create(Some(source)).await;
    let told = told_within(&mut root, Duration::from_secs(4 * LIFETIME_S)).await;
    assert!(told.is_empty(), "{told:?}");
    root.session.send("still here").await.unwrap();
    // Each when two thirds of the one before are over.
    assert_eq!(asked.load(Ordering::Relaxed), 5);
}

#[tokio::test(start_paused = true)]
async fn without_a_source_the_session_ends_with_its_token() {
    let scene = Scene::of_token(LIFETIME_S);
    let people = Arc::clone(&scene.people);
    let mut root = scene.create(None).await;
    let told = told_within(&mut root, Duration::from_secs(2 * LIFETIME_S)).await;
    assert!(matches!(told[..], [Event::Ended(Disconnected::TokenExpired)]), "{told:?}");
    drop(people);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_has_no_token_yet_is_asked_again() {
    let scene = Scene::of_token(LIFETIME_S);
    let begun = Instant::now();
    let has_one = move || begun.elapsed() > Duration::from_secs(LIFETIME_S - 30);
    let source = scene.source(has_one);
    let people = Arc::clone(&scene.people);
    let mut root = scene.create(Some(source)).await;
    let told = told_within(&mut root, Duration::from_secs(LIFETIME_S + 60)).await;
    assert!(told.is_empty(), "{told:?}");
    drop(people);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_expired_is_renewed_for_another_connection() {
    let scene = Scene::of_token(NEARLY_OVER_S);
    let is_away = Arc::new(AtomicBool::new(false));
    let away = Arc::clone(&is_away);
    let source = scene.source(move || away.load(Ordering::Relaxed));
    let people = Arc::clone(&scene.people);
    let mut root = scene.create(Some(source)).await;
    let expired = |event: &Event| {
        matches!(event, Event::ConnectionLost { why: Disconnected::TokenExpired }).then_some(())
    };
    root.hear(expired).await;
    is_away.store(true, Ordering::Relaxed);
    root.hear(|event| matches!(event, Event::Reconnected).then_some(())).await;
    is_away.store(false, Ordering::Relaxed);
    // It was another token, and lives as long as that one.
    sleep(ms(1)).await;
    let told = told_within(&mut root, Duration::from_secs(LIFETIME_S - 60)).await;
    assert!(told.is_empty(), "{told:?}");
    drop(people);
}

//! In and out, and everything that keeps people out.

use isi_account::Role;
use isi_certs_dev::DevCertificates;
use isi_client::{
    AdmitPolicy, ConnectionKey, Credentials, Disconnected, Event, JoinError, Reconnect, Session, TrustAnchors,
};
use isi_testkit::{Person, World, unix_seconds, within};
use std::time::Duration;

#[tokio::test]
async fn three_people_meet_and_compare_codes() {
    let world = World::start();
    let (root, [one, two]) = world.people([Role::Participant; 2]).await;
    let code = root.session.session_code().await.unwrap();
    assert_eq!(code.digits.len(), 30);
    for person in [&one, &two] {
        assert_eq!(person.session.session_code().await.unwrap(), code);
        assert_eq!(person.session.members().await.unwrap().len(), 3);
    }
    let seen_by_one = one.session.pair_code(one.member("person-1").await).await.unwrap().unwrap();
    let seen_by_two = two.session.pair_code(two.member("person-0").await).await.unwrap().unwrap();
    assert_eq!(seen_by_one, seen_by_two);
    let other_pair = one.session.pair_code(one.member("root").await).await.unwrap().unwrap();
    assert_ne!(seen_by_one, other_pair);
}

#[tokio::test]
async fn who_leaves_is_gone_for_everybody_and_the_code_changes() {
    let world = World::start();
    let (mut root, [mut one, two]) = world.people([Role::Participant; 2]).await;
    let before = root.session.session_code().await.unwrap();
    let two_at_root = root.member("person-1").await;
    two.session.leave().await;
    let left = |event: &Event| match event {
        Event::MemberLeft(member) => Some(*member),
        _ => None,
    };
    assert_eq!(root.hear(left).await, two_at_root);
    one.hear(left).await;
    let after = root.session.session_code().await.unwrap();
    assert!(after.epoch > before.epoch && after.digits != before.digits);
    assert_eq!(one.session.session_code().await.unwrap(), after);
}

#[tokio::test]
async fn dropping_the_last_handle_leaves() {
    let world = World::start();
    let (mut root, [one, two]) = world.people([Role::Participant; 2]).await;
    let one_at_root = root.member("person-0").await;
    let kept = two.session.clone();
    drop(two);
    drop(one);
    let left = root
        .hear(|event| match event {
            Event::MemberLeft(member) => Some(*member),
            _ => None,
        })
        .await;
    assert_eq!(left, one_at_root);
    // A clone keeps the membership.
    assert_eq!(kept.members().await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_last_organizer_closes_the_session_and_everybody_hears_why() {
    let world = World::start();
    let (root, [mut one]) = world.people([Role::Participant; 1]).await;
    root.session.leave().await;
    let why = one
        .hear(|event| match event {
            Event::Ended(why) => Some(*why),
            _ => None,
        })
        .await;
    assert_eq!(why, Disconnected::SessionClosed);
    assert_eq!(one.session.members().await.unwrap_err(), Disconnected::SessionClosed);
    assert!(one.events.next().await.is_none());
}

#[tokio::test]
async fn an_organizer_may_decide_about_each_applicant() {
    let world = World::start();
    let mut options = world.options();
    options.admit = AdmitPolicy::Ask;
    let created = Session::create(options, world.credentials(Role::Organizer, "root"), world.issuers()).await;
    let (root, mut events) = created.unwrap();
    let invitation = root.invite().await.unwrap();
    let (joined, ()) = tokio::join!(world.join(Role::Viewer, "asks", &invitation), async {
        let applicant = loop {
            if let Some(Event::JoinRequested { applicant, subject, .. }) = events.next().await {
                assert_eq!(subject, "asks");
                break applicant;
            }
        };
        root.admit(vec![applicant]).await.unwrap();
    });
    assert_eq!(joined.session.members().await.unwrap().len(), 2);
}

#[tokio::test]
async fn who_is_not_admitted_is_told_so() {
    let world = World::start();
    let mut options = world.options();
    options.admit = AdmitPolicy::Ask;
    let created = Session::create(options, world.credentials(Role::Organizer, "root"), world.issuers()).await;
    let (root, _events) = created.unwrap();
    let invitation = root.invite().await.unwrap();
    let mut options = world.options();
    options.admit_timeout = Duration::from_millis(300);
    let joined =
        Session::join(options, world.credentials(Role::Viewer, "asks"), world.issuers(), &invitation);
    assert!(matches!(within(joined).await, Err(JoinError::NotAdmitted)));
}

#[tokio::test]
async fn a_certificate_of_somebody_else_is_refused() {
    let world = World::start();
    let mut options = world.options();
    options.trust = TrustAnchors::Pem(DevCertificates::generate().unwrap().ca_pem().into_bytes());
    let created = Session::create(options, world.credentials(Role::Organizer, "root"), world.issuers()).await;
    assert!(matches!(created, Err(JoinError::Certificate(_))), "{created:?}");
}

#[tokio::test]
async fn a_relay_that_is_not_there_is_unreachable() {
    // Bound and never read: nobody answers.
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let world = World::start();
    let mut options = world.options();
    options.connect_addr = Some(socket.local_addr().unwrap());
    options.connect_timeout = Duration::from_millis(300);
    let created = Session::create(options, world.credentials(Role::Organizer, "root"), world.issuers()).await;
    assert!(matches!(created, Err(JoinError::Unreachable)), "{created:?}");
}

#[tokio::test]
async fn a_relay_that_shuts_down_says_so() {
    let world = World::start();
    let mut options = world.options();
    options.reconnect = Reconnect::Never;
    let created = Session::create(options, world.credentials(Role::Organizer, "root"), world.issuers());
    let (session, events) = within(created).await.unwrap();
    let mut root = Person { session, events };
    tokio::spawn(world.relay.stop());
    let why = root
        .hear(|event| match event {
            Event::Ended(why) => Some(*why),
            _ => None,
        })
        .await;
    assert_eq!(why, Disconnected::Draining);
}

async fn refused(world: &World, credentials: Credentials) -> Disconnected {
    match within(Session::create(world.options(), credentials, world.issuers())).await {
        Err(JoinError::Refused(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn each_bad_token_has_its_own_error() {
    let world = World::start();
    let sign = |claims, at| world.relay.account.sign_token(&claims, at).unwrap();
    let with = |token, connection_key| Credentials {
        token,
        connection_key,
        identity: world.identity(Role::Organizer, "root"),
    };

    let key = ConnectionKey::generate().unwrap();
    let expired = sign(world.claims(Role::Organizer, "root", &key), unix_seconds() - 3600);
    assert_eq!(refused(&world, with(expired, key)).await, Disconnected::TokenExpired);

    let key = ConnectionKey::generate().unwrap();
    let stolen = sign(world.claims(Role::Organizer, "root", &key), unix_seconds());
    let thief = ConnectionKey::generate().unwrap();
    assert_eq!(refused(&world, with(stolen, thief)).await, Disconnected::ProofRefused);

    let key = ConnectionKey::generate().unwrap();
    let claims = isi_account::TokenClaims::new(
        isi_account::Role::Organizer,
        "other.example:4433",
        world.session,
        "root",
        &key.public_key(),
    );
    assert_eq!(refused(&world, with(sign(claims, unix_seconds()), key)).await, Disconnected::WrongAudience);

    let key = ConnectionKey::generate().unwrap();
    let stranger = isi_account::AccountKey::generate().unwrap();
    let forged = stranger.sign_token(&world.claims(Role::Organizer, "root", &key), unix_seconds()).unwrap();
    assert_eq!(refused(&world, with(forged, key)).await, Disconnected::TokenRefused);
}

#[tokio::test]
async fn a_fresh_token_is_taken_only_for_the_same_person_and_key() {
    let world = World::start();
    let key = ConnectionKey::generate().unwrap();
    let claims = world.claims(Role::Organizer, "root", &key);
    let token = world.relay.account.sign_token(&claims, unix_seconds()).unwrap();
    let fresh = world.relay.account.sign_token(&claims, unix_seconds()).unwrap();
    let other = world
        .relay
        .account
        .sign_token(&world.claims(Role::Organizer, "somebody else", &key), unix_seconds())
        .unwrap();
    let credentials =
        Credentials { token, connection_key: key, identity: world.identity(Role::Organizer, "root") };
    let (root, _events) = Session::create(world.options(), credentials, world.issuers()).await.unwrap();
    assert_eq!(root.refresh_token(other).await, Err(isi_client::Refusal::TokenRefused.into()));
    assert_eq!(root.refresh_token(fresh).await, Ok(()));
}

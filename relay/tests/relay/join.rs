//! Coming in, being refused, leaving, being closed.

use isi_account::Role;
use isi_testkit::{Connected, Relay, close_code, new_session, send, unix_seconds, within};
use isi_wire::{ClientMessage, CloseCode, LeaveReason, RefuseReason, RelayMessage};
use std::time::Duration;

#[tokio::test]
async fn whoever_joins_learns_who_is_there_and_the_others_learn_of_it() {
    let relay = Relay::start();
    let session = new_session();
    let mut first = relay.join(Role::Organizer, session).await;
    assert!(first.joined.participants.is_empty());
    assert!((1..=600).contains(&first.joined.expires_in_s));
    let second = relay.join(Role::Viewer, session).await;
    assert_eq!(second.joined.participants, [first.id()]);
    assert_eq!(second.joined.position, first.joined.position);
    assert_eq!(first.answers.next().await, RelayMessage::ParticipantJoined { participant: second.id() });
    let elsewhere = relay.join(Role::Viewer, new_session()).await;
    assert!(elsewhere.joined.participants.is_empty(), "sessions do not see each other");
    assert_eq!((relay.stats().sessions, relay.stats().participants), (2, 3));
}

#[tokio::test]
async fn the_others_are_told_how_somebody_went() {
    let relay = Relay::start();
    let session = new_session();
    let mut stays = relay.join(Role::Organizer, session).await;
    let leaves = relay.join(Role::Viewer, session).await;
    let id = leaves.id();
    let connection = leaves.leave().await;
    assert_eq!(close_code(&connection).await, CloseCode::Done);
    assert_eq!(stays.hear(left).await, (id, LeaveReason::Left));

    let breaks = relay.join(Role::Viewer, session).await;
    breaks.connection.close(quinn::VarInt::from_u32(99), b"");
    assert_eq!(stays.hear(left).await, (breaks.id(), LeaveReason::Lost));

    let kicked = relay.join(Role::Viewer, session).await;
    let request = stays.request();
    stays.say(&ClientMessage::Kick { request, participant: kicked.id() }).await;
    assert_eq!(stays.hear(left).await, (kicked.id(), LeaveReason::Kicked));
    assert_eq!(close_code(&kicked.connection).await, CloseCode::Kicked);
}

fn left(message: RelayMessage) -> Option<(isi_wire::ParticipantId, LeaveReason)> {
    match message {
        RelayMessage::ParticipantLeft { participant, reason } => Some((participant, reason)),
        _ => None,
    }
}

/// Joins with claims, a proof and an origin as the test wants them, and returns what the connection was closed with.
async fn refused(relay: &Relay, prepare: impl FnOnce(&mut Connected, &mut String, &mut String)) -> CloseCode {
    let mut client = Connected::dial(relay).await;
    let nonces = client.hello().await;
    let claims = relay.claims(Role::Viewer, new_session(), "somebody", &client.public_key()).jti("id");
    let (mut token, mut origin) = (relay.sign(&claims), relay.origin());
    prepare(&mut client, &mut token, &mut origin);
    let message = client.join_message(&token, "id", &origin, nonces);
    send(&mut client.control, &message).await;
    close_code(&client.connection).await
}

#[tokio::test]
async fn every_refusal_has_its_code() {
    let relay = Relay::start();
    let other_origin = refused(&relay, |_, _, origin| *origin = "evil.example:4433".to_owned()).await;
    assert_eq!(other_origin, CloseCode::ProofRefused, "the proof is for another relay");
    let other_key = refused(&relay, |client, _, _| {
        client.key = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
    });
    assert_eq!(other_key.await, CloseCode::ProofRefused, "the token was stolen");
    let expired = refused(&relay, |client, token, _| {
        let claims = relay.claims(Role::Viewer, new_session(), "x", &client.public_key()).jti("id");
        *token = relay.account.sign_token(&claims, unix_seconds() - 3600).unwrap();
    });
    assert_eq!(expired.await, CloseCode::TokenExpired);
    let elsewhere = refused(&relay, |client, token, _| {
        let key = client.public_key();
        let claims =
            isi_account::TokenClaims::new(Role::Viewer, "other:1", new_session(), "x", &key).jti("id");
        *token = relay.sign(&claims);
    });
    assert_eq!(elsewhere.await, CloseCode::WrongAudience);
    let garbled = refused(&relay, |_, token, _| token.insert(20, 'A')).await;
    assert_eq!(garbled, CloseCode::TokenRefused);
    let stats = relay.stats();
    assert_eq!((stats.joins, stats.closed_with(CloseCode::ProofRefused)), (0, 2));
}

#[tokio::test]
async fn whoever_does_not_join_in_time_is_closed() {
    let relay = Relay::start_with(|config| config.limits.join_timeout = Duration::from_millis(300));
    let silent = within(relay.dial()).await;
    assert_eq!(close_code(&silent).await, CloseCode::JoinTimeout);
    let mut halfway = Connected::dial(&relay).await;
    halfway.hello().await;
    assert_eq!(close_code(&halfway.connection).await, CloseCode::JoinTimeout);
}

#[tokio::test]
async fn a_full_node_and_a_full_session_say_so() {
    let relay = Relay::start_with(|config| {
        config.limits.sessions_max = 1;
        config.session.participants_max = 1;
    });
    let session = new_session();
    let _first = relay.join(Role::Organizer, session).await;
    for wanted in [session, new_session()] {
        let mut client = Connected::dial(&relay).await;
        let nonces = client.hello().await;
        let claims = relay.claims(Role::Viewer, wanted, "late", &client.public_key()).jti("id");
        let message = client.join_message(&relay.sign(&claims), "id", &relay.origin(), nonces);
        send(&mut client.control, &message).await;
        assert_eq!(close_code(&client.connection).await, CloseCode::Full);
    }
}

#[tokio::test]
async fn a_token_ends_its_connection_unless_it_is_refreshed() {
    let relay = Relay::start();
    let session = new_session();
    let client = Connected::dial(&relay).await;
    let short = relay.claims(Role::Viewer, session, "somebody", &client.public_key()).lifetime_s(2);
    let mut refreshing = client.join_with(&relay, short.clone()).await;
    let client = Connected::dial(&relay).await;
    let other = relay.claims(Role::Viewer, session, "else", &client.public_key()).lifetime_s(2);
    let expiring = client.join_with(&relay, other).await;

    let stolen = relay.sign(&relay.claims(Role::Organizer, session, "organizer", &refreshing.public_key()));
    assert_eq!(refreshing.refresh(&stolen).await, Err(RefuseReason::TokenRefused), "of another subject");
    assert_eq!(refreshing.refresh(&relay.sign(&short.lifetime_s(600))).await, Ok(()));
    assert_eq!(close_code(&expiring.connection).await, CloseCode::TokenExpired);
    // The other one is still answered after that.
    assert_eq!(refreshing.hear(left).await, (expiring.id(), LeaveReason::Expired));
    assert_eq!(refreshing.refresh("no token").await, Err(RefuseReason::TokenRefused));
}

#[tokio::test]
async fn a_draining_node_tells_everybody() {
    let relay = Relay::start();
    let client = relay.join(Role::Viewer, new_session()).await;
    let silent = within(relay.dial()).await;
    within(relay.stop()).await;
    assert_eq!(close_code(&client.connection).await, CloseCode::Draining);
    assert_eq!(close_code(&silent).await, CloseCode::Draining);
}

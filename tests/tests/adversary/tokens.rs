//! Tokens: expired, stolen, used again, for somewhere else, of nobody.

use crate::liar::{Frames, tell};
use isi_account::{AccountKey, Role, TokenClaims};
use isi_client::{ConnectionKey, Credentials, Disconnected, Invitation, JoinError, Session};
use isi_testkit::{Connected, Person, Relay, World, close_code, send, unix_seconds};
use isi_wire::limits::CONTROL_MESSAGE_BYTES_MAX;
use isi_wire::{ClientMessage, CloseCode};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, ServerConfig};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// What the relay says to credentials that the test has changed.
async fn refused(
    world: &World,
    invitation: &Invitation,
    change: impl FnOnce(&mut Credentials),
) -> Disconnected {
    let mut credentials = world.credentials(Role::Participant, "thief");
    change(&mut credentials);
    match world.try_join(credentials, invitation).await.err() {
        Some(JoinError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

async fn assert_goes_on(root: &Person, other: &mut Person) {
    root.session.send("nothing happened").await.unwrap();
    other.hear_text("nothing happened").await;
    assert_eq!(other.session.members().await.unwrap().len(), 2);
}

#[tokio::test]
async fn tokens_that_open_no_door() {
    let world = World::start();
    let (root, [mut other]) = world.people([Role::Participant]).await;
    let invitation = root.session.invite().await.unwrap();
    let claims = |key: &ConnectionKey| world.claims(Role::Organizer, "thief", key);

    let expired = refused(&world, &invitation, |credentials| {
        let long_ago = unix_seconds() - 3600;
        credentials.token =
            world.relay.account.sign_token(&claims(&credentials.connection_key), long_ago).unwrap();
    });
    assert_eq!(expired.await, Disconnected::TokenExpired);

    let elsewhere = Relay::start();
    let for_another = refused(&world, &invitation, |credentials| {
        let (session, key) = (world.session, credentials.connection_key.public_key());
        let claims = TokenClaims::new(Role::Organizer, &elsewhere.origin(), session, "thief", &key);
        credentials.token = world.relay.sign(&claims);
    });
    assert_eq!(for_another.await, Disconnected::WrongAudience);

    // The right key id, and still another key.
    let forged = refused(&world, &invitation, |credentials| {
        let forger = AccountKey::generate().unwrap();
        let token = forger.sign_token(&claims(&credentials.connection_key), unix_seconds()).unwrap();
        let genuine = credentials.token.split('.').next().unwrap();
        let (_, unsigned) = token.split_once('.').unwrap();
        credentials.token = format!("{genuine}.{unsigned}");
    });
    assert_eq!(forged.await, Disconnected::TokenRefused);

    let unknown = refused(&world, &invitation, |credentials| {
        let forger = AccountKey::generate().unwrap();
        credentials.token = forger.sign_token(&claims(&credentials.connection_key), unix_seconds()).unwrap();
    });
    assert_eq!(unknown.await, Disconnected::TokenRefused);
    // Refused at the door: whoever comes in and is sent out again was in.
    assert_eq!(world.relay.stats().joins, 2);
    assert_goes_on(&root, &mut other).await;
}

#[tokio::test]
async fn a_stolen_token_before_and_while_its_owner_uses_it() {
    let world = World::start();
    let (root, [mut other]) = world.people([Role::Participant]).await;
    let invitation = root.session.invite().await.unwrap();
    let owner = world.credentials(Role::Participant, "owner");
    let stolen = owner.token.clone();
    let before = refused(&world, &invitation, |credentials| credentials.token.clone_from(&stolen)).await;
    assert_eq!(before, Disconnected::ProofRefused);
    let mut owner = world.try_join(owner, &invitation).await.unwrap();
    let meanwhile = refused(&world, &invitation, |credentials| credentials.token = stolen).await;
    assert_eq!(meanwhile, Disconnected::ProofRefused);
    assert_eq!(world.relay.stats().joins, 3);
    root.session.send("welcome").await.unwrap();
    owner.hear_text("welcome").await;
    owner.session.leave().await;
    while other.session.members().await.unwrap().len() > 2 {
        other.hear(|event| matches!(event, isi_client::Event::MemberLeft(_)).then_some(())).await;
    }
    assert_goes_on(&root, &mut other).await;
}

/// The thief has seen everything that the owner sent, key and proof included.
#[tokio::test]
async fn a_proof_of_another_connection() {
    let world = World::start();
    let (root, [mut other]) = world.people([Role::Participant]).await;
    let (relay, origin) = (&world.relay, world.relay.origin());
    let mut owner = Connected::dial(relay).await;
    let claims = relay.claims(Role::Participant, world.session, "owner", &owner.public_key()).jti("1");
    let token = relay.sign(&claims);
    let nonces = owner.hello().await;
    let join = owner.join_message(&token, "1", &origin, nonces);

    // Sent again as it is: the relay's nonce is another.
    let mut thief = Connected::dial(relay).await;
    thief.hello().await;
    send(&mut thief.control, &join).await;
    assert_eq!(close_code(&thief.connection).await, CloseCode::ProofRefused);

    // The thief stands in the middle and has the owner sign its own nonces: the connection is another.
    let mut thief = Connected::dial(relay).await;
    let nonces = thief.hello().await;
    let signed_for_thief = owner.join_message(&token, "1", &origin, nonces);
    send(&mut thief.control, &signed_for_thief).await;
    assert_eq!(close_code(&thief.connection).await, CloseCode::ProofRefused);

    // The owner's key without the token's name for it.
    let mut thief = Connected::dial(relay).await;
    let nonces = thief.hello().await;
    let ClientMessage::Join { token, proof, resume, .. } = thief.join_message(&token, "1", &origin, nonces)
    else {
        panic!("not a join")
    };
    let public_key = owner.public_key();
    send(&mut thief.control, &ClientMessage::Join { token, public_key, proof, resume }).await;
    assert_eq!(close_code(&thief.connection).await, CloseCode::ProofRefused);

    send(&mut owner.control, &join).await;
    assert!(matches!(owner.answers.next().await, isi_wire::RelayMessage::Joined(_)));
    assert_eq!(relay.stats().closed_with(CloseCode::ProofRefused), 3);
    assert_goes_on(&root, &mut other).await;
}

/// Whoever has taken over a name, or has one of its own and lures people there, passes on what an honest relay asks and what the
/// person answers.
#[tokio::test]
async fn a_proof_that_a_rogue_relay_passes_on() {
    let world = World::start();
    let (root, [mut other]) = world.people([Role::Participant]).await;
    let invitation = root.session.invite().await.unwrap();
    let elsewhere = World { relay: Relay::start(), session: world.session };
    for name in [&world, &elsewhere] {
        let tls = QuicServerConfig::try_from(name.relay.server_tls()).unwrap();
        let server = ServerConfig::with_crypto(Arc::new(tls));
        let rogue = Endpoint::server(server, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let mut options = name.options();
        options.connect_addr = Some(rogue.local_addr().unwrap());
        let credentials = world.credentials(Role::Participant, "owner");
        let lured = Session::join(options, credentials, world.issuers(), &invitation);
        tokio::select! {
            joined = lured => panic!("{:?}", joined.err()),
            refused = pass_on(&rogue, &world.relay) => assert_eq!(refused, CloseCode::ProofRefused),
        }
    }
    assert_eq!(world.relay.stats().joins, 2);
    assert_goes_on(&root, &mut other).await;
}

/// Lets the next person that comes join the relay in its stead, and says what that answers.
async fn pass_on(rogue: &Endpoint, relay: &Relay) -> CloseCode {
    let person = rogue.accept().await.unwrap().await.unwrap();
    let (mut to_person, from_person) = person.accept_bi().await.unwrap();
    let mut said = Frames::new(from_person, CONTROL_MESSAGE_BYTES_MAX);
    let mut thief = Connected::dial(relay).await;
    let hello = ClientMessage::decode(said.next().await.unwrap()).unwrap();
    send(&mut thief.control, &hello).await;
    tell(&mut to_person, &thief.answers.next().await).await;
    let join = ClientMessage::decode(said.next().await.unwrap()).unwrap();
    assert!(matches!(join, ClientMessage::Join { .. }));
    send(&mut thief.control, &join).await;
    close_code(&thief.connection).await
}

//! Every reason for which a token does not open the door.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use isi_account::{AccountKey, Role, TokenClaims, thumbprint};
use isi_relay::admission::{
    Admission, AdmissionConfig, AdmissionError, Admitted, JoinClaims, KeySource, Origin,
};
use isi_relay_core::Controls;
use isi_wire::{CloseCode, ConnectionNonce, SessionId, TrackKind, join_proof_message};
use serde_json::{Value, json};

const NOW: u64 = 1_800_000_000;
const ORIGIN: &str = "localhost:4433";
const SESSION: SessionId = SessionId([5; 16]);
const CLIENT: ConnectionNonce = ConnectionNonce([1; 32]);
const RELAY: ConnectionNonce = ConnectionNonce([2; 32]);
const EXPORTER: [u8; 32] = [3; 32];

/// An account service, a relay that knows it, and a client with a key.
struct World {
    account: AccountKey,
    admission: Admission,
    proof_key: Ed25519KeyPair,
}

/// What a proof is made over; each field can be another one than the connection's.
#[derive(Clone)]
struct Proved {
    origin: &'static str,
    client: ConnectionNonce,
    relay: ConnectionNonce,
    jti: &'static str,
    exporter: [u8; 32],
}

const HONEST: Proved =
    Proved { origin: ORIGIN, client: CLIENT, relay: RELAY, jti: "t-1", exporter: EXPORTER };

impl World {
    fn new() -> Self {
        Self::with(|config| config)
    }

    fn with(change: impl FnOnce(AdmissionConfig) -> AdmissionConfig) -> Self {
        let account = AccountKey::generate().unwrap();
        let origins = vec![Origin::parse(ORIGIN).unwrap(), Origin::parse("relay.example.org:4433").unwrap()];
        let keys = KeySource::Inline(account.jwks().to_json().to_owned());
        let admission = Admission::new(change(AdmissionConfig::new(origins, keys))).unwrap();
        Self { account, admission, proof_key: Ed25519KeyPair::generate().unwrap() }
    }

    fn public_key(&self) -> [u8; 32] {
        self.proof_key.public_key().as_ref().try_into().unwrap()
    }

    fn claims(&self) -> TokenClaims {
        TokenClaims::new(Role::Viewer, ORIGIN, SESSION, "user-1", &self.public_key())
            .jti("t-1")
            .lifetime_s(300)
    }

    fn token(&self) -> String {
        self.account.sign_token(&self.claims(), NOW).unwrap()
    }

    /// A token with these claims changed, by JSON pointer.
    fn token_with(&self, changes: &[(&str, Value)]) -> String {
        let mut claims = json!({
            "iss": "isi-account", "aud": ORIGIN, "sub": "user-1", "jti": "t-1", "iat": NOW, "nbf": NOW, "exp": NOW + 300,
            "cnf": {"jkt": thumbprint(&self.public_key())},
            "isi": {"s": "BQUFBQUFBQUFBQUFBQUFBQ", "role": "viewer", "pub": ["message"], "sub": ["screen"], "ctl": [],
                    "lim": {"bps": 1000, "tracks": 2}},
        });
        for (pointer, value) in changes {
            *claims.pointer_mut(pointer).unwrap() = value.clone();
        }
        self.account.sign_jws("JWT", &claims)
    }

    fn join(&self, token: &str, proved: &Proved) -> Result<Admitted, AdmissionError> {
        self.join_at(token, proved, NOW)
    }

    fn join_at(&self, token: &str, proved: &Proved, now: u64) -> Result<Admitted, AdmissionError> {
        let message =
            join_proof_message(proved.origin, &proved.client, &proved.relay, proved.jti, &proved.exporter);
        let proof: [u8; 64] = self.proof_key.sign(&message).as_ref().try_into().unwrap();
        let join = JoinClaims {
            token: token.as_bytes(),
            public_key: &self.public_key(),
            proof: &proof,
            client_nonce: &CLIENT,
            relay_nonce: &RELAY,
            exporter: &EXPORTER,
        };
        self.admission.verify(&join, now)
    }

    fn refused(&self, token: &str) -> AdmissionError {
        self.join(token, &HONEST).unwrap_err()
    }
}

#[test]
fn an_honest_client_comes_in_with_what_its_token_grants() {
    let world = World::new();
    let admitted = world.join(&world.token(), &HONEST).unwrap();
    assert_eq!(admitted.session, SESSION);
    assert_eq!(admitted.jti, "t-1");
    assert_eq!(admitted.key_thumbprint, thumbprint(&world.public_key()));
    assert_eq!(admitted.expires_at_unix_s, NOW + 300 + 60);
    let grants = &admitted.grants;
    assert!(grants.publish.contains(TrackKind::Message) && !grants.publish.contains(TrackKind::Screen));
    assert!(grants.subscribe.contains(TrackKind::Screen));
    assert_eq!(grants.controls, Controls::NONE);
    assert_eq!((grants.tracks_max, grants.bits_per_second_max), (8, Some(10_000_000)));
}

#[test]
fn an_organizer_has_control_and_a_second_origin_serves_as_well() {
    let world = World::new();
    let origin = "relay.example.org:4433";
    let claims = TokenClaims::new(Role::Organizer, origin, SESSION, "user-2", &world.public_key()).jti("t-1");
    let token = world.account.sign_token(&claims, NOW).unwrap();
    let admitted = world.join(&token, &Proved { origin, ..HONEST }).unwrap();
    assert_eq!(admitted.grants.controls, Controls::ALL);
    // The proof names the origin that was dialled: one relay cannot pass a client's proof to another.
    assert_eq!(world.join(&token, &HONEST).unwrap_err(), AdmissionError::BadProof);
}

#[test]
fn a_stolen_token_is_worth_nothing() {
    let world = World::new();
    let token = world.token();
    let thief = World { proof_key: Ed25519KeyPair::generate().unwrap(), ..world };
    assert_eq!(thief.refused(&token), AdmissionError::OtherKey);
}

#[test]
fn a_proof_of_another_connection_is_refused() {
    let world = World::new();
    let token = world.token();
    let other = ConnectionNonce([9; 32]);
    for proved in [
        Proved { origin: "relay.example.org:4433", ..HONEST },
        Proved { client: other, ..HONEST },
        Proved { relay: other, ..HONEST },
        Proved { jti: "t-2", ..HONEST },
        Proved { exporter: [9; 32], ..HONEST },
    ] {
        assert_eq!(world.join(&token, &proved).unwrap_err(), AdmissionError::BadProof);
    }
    world.join(&token, &HONEST).unwrap();
}

#[test]
fn what_is_no_token_is_refused() {
    let world = World::new();
    let long = format!("{}{}", world.token(), "A".repeat(4096));
    for token in ["", ".", "a.b", "\u{1F512}.b.c", "????.b.c", long.as_str()] {
        assert_eq!(world.refused(token), AdmissionError::NotAToken, "{token:.20}");
    }
}

#[test]
fn only_eddsa_jwts_without_critical_extensions_are_read() {
    let world = World::new();
    let token = world.token();
    let (_, rest) = token.split_once('.').unwrap();
    let kid = world.account.kid();
    for header in [
        json!({"typ": "JWT", "alg": "none", "kid": kid}),
        json!({"typ": "JWT", "alg": "HS256", "kid": kid}),
        json!({"typ": "JWT", "alg": "ES256", "kid": kid}),
        json!({"alg": "EdDSA", "kid": kid}),
        json!({"typ": "isi-statement+jwt", "alg": "EdDSA", "kid": kid}),
        json!({"typ": "JWT", "alg": "EdDSA", "kid": kid, "crit": ["exp"]}),
        json!([]),
    ] {
        assert_eq!(
            world.refused(&format!("{}.{rest}", base64(&header))),
            AdmissionError::WrongHeader,
            "{header}"
        );
    }
    let statement = world.account.sign_jws("isi-statement+jwt", &json!({}));
    assert_eq!(world.refused(&statement), AdmissionError::WrongHeader);
}

#[test]
fn the_key_must_be_named_and_known_and_have_signed() {
    let world = World::new();
    let token = world.token();
    let (header, rest) = token.split_once('.').unwrap();
    let no_kid = format!("{}.{rest}", base64(&json!({"typ": "JWT", "alg": "EdDSA"})));
    assert_eq!(world.refused(&no_kid), AdmissionError::NoKeyId);
    let stranger = AccountKey::generate().unwrap().sign_token(&world.claims(), NOW).unwrap();
    assert_eq!(world.refused(&stranger), AdmissionError::UnknownKey);
    // A stranger's signature under a known kid.
    let (_, strangers) = stranger.split_once('.').unwrap();
    assert_eq!(world.refused(&format!("{header}.{strangers}")), AdmissionError::BadSignature);
    // Other claims under a known signature.
    let (claims, signature) = rest.split_once('.').unwrap();
    assert_ne!(claims, base64(&json!({"sub": "root"})));
    let changed = format!("{header}.{}.{signature}", base64(&json!({"sub": "root"})));
    assert_eq!(world.refused(&changed), AdmissionError::BadSignature);
}

#[test]
fn claims_that_are_missing_or_wrong_are_refused() {
    let world = World::new();
    world.join(&world.token_with(&[]), &HONEST).unwrap();
    for (pointer, value) in [
        ("/sub", json!("")),
        ("/jti", json!("x".repeat(257))),
        ("/exp", json!("soon")),
        ("/exp", json!(-1)),
        ("/nbf", json!(1.5)),
        ("/aud", json!([ORIGIN])),
        ("/cnf", json!({})),
        ("/isi", json!({})),
        ("/isi/s", json!("BQUF")),
        ("/isi/pub", json!(["telepathy"])),
        ("/isi/sub", json!("screen")),
        ("/isi/ctl", json!(["own"])),
        ("/isi/lim", json!({"bps": 1})),
    ] {
        assert_eq!(
            world.refused(&world.token_with(&[(pointer, value)])),
            AdmissionError::BadClaims,
            "{pointer}"
        );
    }
}

#[test]
fn a_token_for_another_relay_is_refused() {
    let world = World::new();
    for other in ["localhost:4434", "LOCALHOST:4433", "localhost", "evil.example:4433"] {
        assert_eq!(
            world.refused(&world.token_with(&[("/aud", json!(other))])),
            AdmissionError::WrongAudience
        );
    }
}

#[test]
fn a_configured_issuer_is_required() {
    let world = World::with(|config| config.with_issuer("accounts"));
    assert_eq!(world.refused(&world.token()), AdmissionError::WrongIssuer);
    world.join(&world.token_with(&[("/iss", json!("accounts"))]), &HONEST).unwrap();
}

#[test]
fn times_hold_to_the_second_with_the_leeway() {
    let world = World::new();
    let token = world.token();
    let at = |now| world.join_at(&token, &HONEST, now).map(|_| ());
    assert_eq!(at(NOW - 61), Err(AdmissionError::NotYetValid));
    assert_eq!(at(NOW - 60), Ok(()));
    assert_eq!(at(NOW + 359), Ok(()));
    assert_eq!(at(NOW + 360), Err(AdmissionError::Expired));
    let strict = World::with(|config| config.with_clock_leeway_s(0));
    let token = strict.token();
    assert!(strict.join_at(&token, &HONEST, NOW + 299).is_ok());
    assert_eq!(strict.join_at(&token, &HONEST, NOW + 300).unwrap_err(), AdmissionError::Expired);
    assert_eq!(strict.join_at(&token, &HONEST, NOW - 1).unwrap_err(), AdmissionError::NotYetValid);
    let later = strict.token_with(&[("/nbf", json!(NOW + 1))]);
    assert_eq!(strict.refused(&later), AdmissionError::NotYetValid);
}

#[test]
fn no_token_lives_longer_than_ten_minutes() {
    let world = World::new();
    world.join(&world.token_with(&[("/exp", json!(NOW + 600))]), &HONEST).unwrap();
    for exp in [NOW + 601, NOW, NOW - 1, u64::MAX] {
        assert_eq!(
            world.refused(&world.token_with(&[("/exp", json!(exp))])),
            AdmissionError::WrongLifetime,
            "{exp}"
        );
    }
}

#[test]
fn a_refresh_is_for_the_same_subject_session_and_key() {
    let world = World::new();
    let admitted = world.join(&world.token(), &HONEST).unwrap();
    let refresh = |changes: &[(&str, Value)]| {
        world.admission.verify_refresh(world.token_with(changes).as_bytes(), &admitted, NOW)
    };
    let later = refresh(&[("/jti", json!("t-2")), ("/exp", json!(NOW + 500))]).unwrap();
    assert_eq!((later.jti.as_str(), later.expires_at_unix_s), ("t-2", NOW + 560));
    for (pointer, value) in [
        ("/sub", json!("user-2")),
        ("/iss", json!("another")),
        ("/isi/s", json!("AAAAAAAAAAAAAAAAAAAAAA")),
        ("/cnf/jkt", json!(thumbprint(&[0; 32]))),
    ] {
        assert_eq!(refresh(&[(pointer, value)]).unwrap_err(), AdmissionError::OtherIdentity, "{pointer}");
    }
    assert_eq!(refresh(&[("/aud", json!("a:1"))]).unwrap_err(), AdmissionError::WrongAudience);
}

#[test]
fn the_subject_is_hidden_and_issuers_do_not_share_subjects() {
    let world = World::new();
    let subject =
        |changes: &[(&str, Value)]| world.join(&world.token_with(changes), &HONEST).unwrap().subject;
    assert_eq!(subject(&[]), subject(&[("/jti", json!("t-1"))]));
    assert_ne!(subject(&[]), subject(&[("/sub", json!("user-2"))]));
    assert_ne!(
        subject(&[("/iss", json!("a")), ("/sub", json!("bc"))]),
        subject(&[("/iss", json!("ab")), ("/sub", json!("c"))])
    );
    let admitted = world.join(&world.token(), &HONEST).unwrap();
    assert!(!format!("{admitted:?}").contains("user-1"));
}

#[test]
fn each_reason_has_its_close_code_and_a_name_of_its_own() {
    let code = AdmissionError::close_code;
    assert_eq!(code(AdmissionError::Expired), CloseCode::TokenExpired);
    assert_eq!(code(AdmissionError::WrongAudience), CloseCode::WrongAudience);
    assert_eq!(code(AdmissionError::OtherKey), CloseCode::ProofRefused);
    assert_eq!(code(AdmissionError::BadProof), CloseCode::ProofRefused);
    assert_eq!(code(AdmissionError::BadSignature), CloseCode::TokenRefused);
    let names: std::collections::HashSet<_> = AdmissionError::ALL.iter().map(|error| error.name()).collect();
    assert_eq!(names.len(), AdmissionError::ALL.len());
}

fn base64(value: &Value) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
}

//! What the account service signs, as a verifier that knows only the RFCs sees it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};
use isi_account::{
    AccountKey, ClaimsError, ControlRight, Jwks, KeyError, Role, StatementClaims, TokenClaims, thumbprint,
};
use isi_wire::{SessionId, TrackKind};
use serde_json::{Value, json};
use std::path::PathBuf;

const NOW: u64 = 1_800_000_000;
const PROOF_KEY: [u8; 32] = [7; 32];

fn viewer() -> TokenClaims {
    TokenClaims::new(Role::Viewer, "localhost:4433", SessionId([3; 16]), "user-1", &PROOF_KEY)
}

/// Header and claims, after checking the signature with the key that the set holds under the header's `kid`.
fn verified(jwks: &Jwks, token: &str) -> (Value, Value) {
    let parts: Vec<_> = token.split('.').collect();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let header: Value = serde_json::from_slice(&decode(parts[0])).unwrap();
    let set: Value = serde_json::from_str(jwks.to_json()).unwrap();
    let key = set["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let x: [u8; 32] = decode(key["x"].as_str().unwrap()).try_into().unwrap();
    let signature = Signature::from_slice(&decode(parts[2])).unwrap();
    let signed = token.rsplit_once('.').unwrap().0;
    VerifyingKey::from_bytes(&x).unwrap().verify_strict(signed.as_bytes(), &signature).unwrap();
    (header, serde_json::from_slice(&decode(parts[1])).unwrap())
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("isi-account-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_viewers_token_says_what_a_viewer_may() {
    let key = AccountKey::generate().unwrap();
    let token = key.sign_token(&viewer().jti("t-1").lifetime_s(60), NOW).unwrap();
    let (header, claims) = verified(&key.jwks(), &token);
    assert_eq!(header, json!({"typ": "JWT", "alg": "EdDSA", "kid": key.kid()}));
    let all: Vec<_> = TrackKind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(
        claims,
        json!({
            "iss": "isi-account", "aud": "localhost:4433", "sub": "user-1", "jti": "t-1",
            "iat": NOW, "nbf": NOW, "exp": NOW + 60, "cnf": {"jkt": thumbprint(&PROOF_KEY)},
            "isi": {"s": URL_SAFE_NO_PAD.encode([3; 16]), "role": "viewer", "pub": ["input", "message", "pointer"],
                    "sub": all, "ctl": [], "lim": {"bps": 10_000_000, "tracks": 8}},
        })
    );
}

#[test]
fn rights_can_be_changed_and_only_organizers_have_control() {
    let key = AccountKey::generate().unwrap();
    let claims =
        |claims: TokenClaims| verified(&key.jwks(), &key.sign_token(&claims, NOW).unwrap()).1["isi"].clone();
    let of = |role| TokenClaims::new(role, "a:1", SessionId([3; 16]), "u", &PROOF_KEY);
    assert_eq!(claims(of(Role::Organizer))["ctl"], json!(["admit", "kick", "mute", "close"]));
    assert_eq!(claims(of(Role::Participant))["ctl"], json!([]));
    let narrow = viewer()
        .publish(&[TrackKind::Message])
        .subscribe(&[TrackKind::Screen])
        .control(&[ControlRight::Admit])
        .limits(5, 1);
    let isi = claims(narrow);
    assert_eq!(isi["pub"], json!(["message"]));
    assert_eq!(isi["sub"], json!(["screen"]));
    assert_eq!(isi["ctl"], json!(["admit"]));
    assert_eq!(isi["lim"], json!({"bps": 5, "tracks": 1}));
}

#[test]
fn two_tokens_never_share_an_id() {
    let key = AccountKey::generate().unwrap();
    let jti = || verified(&key.jwks(), &key.sign_token(&viewer(), NOW).unwrap()).1["jti"].clone();
    assert_ne!(jti(), jti());
}

#[test]
fn claims_that_a_relay_would_refuse_are_not_signed() {
    let key = AccountKey::generate().unwrap();
    let refused = |claims: TokenClaims| key.sign_token(&claims, NOW).unwrap_err();
    assert_eq!(refused(viewer().lifetime_s(601)), ClaimsError::Lifetime { lifetime_s: 601 });
    assert_eq!(refused(viewer().lifetime_s(0)), ClaimsError::Lifetime { lifetime_s: 0 });
    assert_eq!(refused(viewer().issuer("")), ClaimsError::Empty { claim: "iss" });
    assert_eq!(refused(viewer().jti("")), ClaimsError::Empty { claim: "jti" });
    assert!(matches!(refused(viewer().issuer(&"x".repeat(4096))), ClaimsError::TooLong { .. }));
}

#[test]
fn a_statement_binds_subject_session_role_and_leaf_key() {
    let key = AccountKey::generate().unwrap();
    let claims =
        StatementClaims::new(Role::Participant, SessionId([3; 16]), "user-1", &[9; 32]).lifetime_s(100);
    let (header, claims) = verified(&key.jwks(), &key.sign_statement(&claims, NOW).unwrap());
    assert_eq!(header, json!({"typ": "isi-statement+jwt", "alg": "EdDSA", "kid": key.kid()}));
    assert_eq!(
        claims,
        json!({"iss": "isi-account", "sub": "user-1", "iat": NOW, "exp": NOW + 100,
               "cnf": {"jkt": thumbprint(&[9; 32])},
               "isi": {"s": URL_SAFE_NO_PAD.encode([3; 16]), "role": "participant"}})
    );
    let empty = StatementClaims::new(Role::Viewer, SessionId([3; 16]), "", &[9; 32]);
    assert_eq!(key.sign_statement(&empty, NOW), Err(ClaimsError::Empty { claim: "sub" }));
}

#[test]
fn a_set_of_two_keys_verifies_what_either_signed() {
    let (old, new) = (AccountKey::generate().unwrap(), AccountKey::generate().unwrap());
    let both = Jwks::new(&[&old, &new]);
    for key in [&old, &new] {
        verified(&both, &key.sign_token(&viewer(), NOW).unwrap());
    }
}

#[test]
fn a_saved_key_is_the_same_key_and_only_its_owner_reads_it() {
    let folder = Folder::new("save");
    let path = folder.0.join("account.jwk");
    let key = AccountKey::generate().unwrap();
    key.save(&path).unwrap();
    assert_eq!(AccountKey::load(&path).unwrap().public_key(), key.public_key());
    assert!(matches!(AccountKey::generate().unwrap().save(&path), Err(KeyError::Exists { .. })));
    assert_eq!(AccountKey::load(&path).unwrap().kid(), key.kid());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(AccountKey::load(&path), Err(KeyError::Exposed { mode: 0o640, .. })));
    }
}

#[test]
fn the_public_set_is_replaced_and_holds_no_secret() {
    let folder = Folder::new("jwks");
    let path = folder.0.join("jwks.json");
    AccountKey::generate().unwrap().jwks().save(&path).unwrap();
    let key = AccountKey::generate().unwrap();
    key.jwks().save(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, key.jwks().to_json());
    let secret: Value = serde_json::from_str(&key.to_jwk()).unwrap();
    assert!(!text.contains(secret["d"].as_str().unwrap()));
}

#[test]
fn other_files_are_no_keys() {
    let key = AccountKey::generate().unwrap();
    let jwk: Value = serde_json::from_str(&key.to_jwk()).unwrap();
    let with = |name: &str, value: &str| {
        let mut changed = jwk.clone();
        changed[name] = json!(value);
        AccountKey::from_jwk(&changed.to_string())
    };
    assert!(with("kid", "anything").is_ok());
    for (name, value) in [("kty", "EC"), ("crv", "X25519"), ("d", "AAAA"), ("d", "?"), ("x", "")] {
        assert!(matches!(with(name, value), Err(KeyError::NotAJwk)), "{name} = {value}");
    }
    assert!(matches!(with("x", &URL_SAFE_NO_PAD.encode([1; 32])), Err(KeyError::Mismatch)));
    assert!(matches!(AccountKey::from_jwk(""), Err(KeyError::NotAJwk)));
    let folder = Folder::new("other");
    let path = folder.0.join("none.jwk");
    assert!(AccountKey::load(&path).unwrap_err().to_string().contains("none.jwk"));
}

#[test]
fn the_key_is_not_printed() {
    let key = AccountKey::generate().unwrap();
    assert_eq!(format!("{key:?}"), format!("AccountKey {{ kid: {:?}, .. }}", key.kid()));
}

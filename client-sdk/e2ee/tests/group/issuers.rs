//! JWKS documents.

use crate::world::{Issuer, issuer};
use isi_e2ee::{ISSUER_KEYS_MAX, IssuerKeys, IssuerKeysError, thumbprint};
use serde_json::{Value, json};

fn jwk(seed: u8, kid: &'static str) -> Value {
    let jwks: Value = serde_json::from_slice(&Issuer::new(seed, kid).jwks()).unwrap();
    jwks["keys"][0].clone()
}

fn read(keys: &Value) -> Result<IssuerKeys, IssuerKeysError> {
    IssuerKeys::from_jwks(&serde_json::to_vec(&json!({"keys": keys})).unwrap())
}

#[test]
fn keys_of_other_types_are_passed_over() {
    let rsa = json!({"kty": "RSA", "kid": "r", "n": "AQAB", "e": "AQAB"});
    let x25519 = json!({"kty": "OKP", "crv": "X25519", "kid": "x", "x": "AA"});
    assert_eq!(read(&json!([rsa, jwk(1, "2026-a"), x25519])), Ok(issuer().keys()));
    assert_eq!(read(&json!([rsa])), Err(IssuerKeysError::NoKeys));
    assert_eq!(read(&json!([])), Err(IssuerKeysError::NoKeys));
}

#[test]
fn broken_documents_say_what_is_wrong() {
    assert_eq!(IssuerKeys::from_jwks(b"{}"), Err(IssuerKeysError::NotAJwks));
    assert_eq!(IssuerKeys::from_jwks(&vec![b' '; 65 * 1024]), Err(IssuerKeysError::NotAJwks));
    assert_eq!(read(&json!([jwk(1, "a"), jwk(2, "a")])), Err(IssuerKeysError::BadKeyId));
    assert_eq!(read(&json!([jwk(1, "")])), Err(IssuerKeysError::BadKeyId));
    let mut nameless = jwk(1, "a");
    nameless.as_object_mut().unwrap().remove("kid");
    assert_eq!(read(&json!([nameless])), Err(IssuerKeysError::BadKeyId));
    for x in ["AA", "", "*", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let mut bad = jwk(1, "a");
        bad["x"] = json!(x);
        assert_eq!(read(&json!([bad])), Err(IssuerKeysError::BadKey), "{x:?}: short, empty, no base64, weak");
    }
    let many: Vec<_> = (0..=ISSUER_KEYS_MAX)
        .map(|index| {
            let mut key = jwk(1, "a");
            key["kid"] = json!(index.to_string());
            key
        })
        .collect();
    assert_eq!(read(&json!(many)), Err(IssuerKeysError::TooMany));
}

/// RFC 8037 appendix A.3.
#[test]
fn the_thumbprint_is_the_rfcs() {
    let key = [
        0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e,
        0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
    ];
    assert_eq!(thumbprint(&key), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

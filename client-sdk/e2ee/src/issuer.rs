use crate::encoding::{Malformed, Reader, put_bytes};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::VerifyingKey;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Most keys an account service may sign with at one time.
pub const ISSUER_KEYS_MAX: usize = 16;
/// Longest JWKS document.
pub const JWKS_BYTES_MAX: usize = 64 * 1024;
/// Longest `kid`.
pub const KEY_ID_BYTES_MAX: usize = 64;

/// The Ed25519 keys that an account service signs statements with, by `kid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerKeys(BTreeMap<String, [u8; 32]>);

/// Why a JWKS document gives no issuer keys. The account service, or who copied the document, is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerKeysError {
    /// Not the JSON of RFC 7517 section 5, or longer than [`JWKS_BYTES_MAX`].
    #[error("the issuer keys are no JWKS document; fetch them again from the account service")]
    NotAJwks,
    /// No usable key among them.
    #[error("the JWKS holds no Ed25519 key with a `kid`; statements must be signed by one")]
    NoKeys,
    /// More than [`ISSUER_KEYS_MAX`].
    #[error("the JWKS holds more than {ISSUER_KEYS_MAX} Ed25519 keys; remove retired ones")]
    TooMany,
    /// Two keys share a `kid`, or a `kid` is empty or longer than [`KEY_ID_BYTES_MAX`].
    #[error("a `kid` in the JWKS is missing, doubled, empty or longer than {KEY_ID_BYTES_MAX} bytes")]
    BadKeyId,
    /// A key is no point of the curve, or a weak one that verifies forged signatures.
    #[error("a key in the JWKS is not a valid Ed25519 public key")]
    BadKey,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    kid: Option<String>,
    x: Option<String>,
}

impl IssuerKeys {
    /// Reads a JWKS document (RFC 7517, RFC 8037). Keys of other types are passed over, as RFC 7517 asks.
    ///
    /// # Errors
    /// See [`IssuerKeysError`].
    pub fn from_jwks(jwks: &[u8]) -> Result<Self, IssuerKeysError> {
        if jwks.len() > JWKS_BYTES_MAX {
            return Err(IssuerKeysError::NotAJwks);
        }
        let jwks: Jwks = serde_json::from_slice(jwks).map_err(|_| IssuerKeysError::NotAJwks)?;
        let mut keys = BTreeMap::new();
        for jwk in jwks.keys {
            if jwk.kty != "OKP" || jwk.crv.as_deref() != Some("Ed25519") {
                continue;
            }
            let key_id = jwk.kid.ok_or(IssuerKeysError::BadKeyId)?;
            insert(&mut keys, key_id, decode_key(jwk.x)?)?;
        }
        if keys.is_empty() { Err(IssuerKeysError::NoKeys) } else { Ok(Self(keys)) }
    }

    pub(crate) fn get(&self, key_id: &str) -> Option<&[u8; 32]> {
        self.0.get(key_id)
    }

    /// Whether every key of `other` is also here, under the same `kid`.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|(key_id, key)| self.0.get(key_id) == Some(key))
    }

    /// Count, then `kid` and key of each in the order of the `kid`s.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::try_from(self.0.len()).unwrap_or(u8::MAX));
        for (key_id, key) in &self.0 {
            put_bytes(out, key_id.as_bytes());
            out.extend_from_slice(key);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut keys = BTreeMap::new();
        for _ in 0..reader.u8()? {
            let key_id = reader.bytes(KEY_ID_BYTES_MAX)?;
            let key_id = String::from_utf8(key_id.to_vec()).map_err(|_| Malformed)?;
            let after_the_last = keys.last_key_value().is_none_or(|(last, _)| *last < key_id);
            if !after_the_last {
                return Err(Malformed);
            }
            insert(&mut keys, key_id, reader.array()?).map_err(|_| Malformed)?;
        }
        if keys.is_empty() { Err(Malformed) } else { Ok(Self(keys)) }
    }
}

/// Whether the bytes are a public key that cannot verify a signature nobody made.
pub(crate) fn is_sound_key(key: &[u8; 32]) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| !key.is_weak())
}

fn decode_key(x: Option<String>) -> Result<[u8; 32], IssuerKeysError> {
    let bytes = URL_SAFE_NO_PAD.decode(x.unwrap_or_default()).map_err(|_| IssuerKeysError::BadKey)?;
    bytes.try_into().map_err(|_| IssuerKeysError::BadKey)
}

fn insert(
    keys: &mut BTreeMap<String, [u8; 32]>,
    key_id: String,
    key: [u8; 32],
) -> Result<(), IssuerKeysError> {
    if !is_sound_key(&key) {
        return Err(IssuerKeysError::BadKey);
    }
    if key_id.is_empty() || key_id.len() > KEY_ID_BYTES_MAX || keys.contains_key(&key_id) {
        return Err(IssuerKeysError::BadKeyId);
    }
    if keys.len() == ISSUER_KEYS_MAX {
        return Err(IssuerKeysError::TooMany);
    }
    keys.insert(key_id, key);
    Ok(())
}

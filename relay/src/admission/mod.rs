//! Who is let in: a token of the account service, for this relay, whose key the connection proves.
//!
//! No I/O but the key file; the clock is the caller's. The relay learns an opaque subject, a session and rights.

mod claims;
mod config;
mod error;
mod keys;
mod origin;

pub use config::{AdmissionConfig, KeySource};
pub use error::AdmissionError;
pub use keys::KeysError;
pub use origin::{Origin, OriginError};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use claims::Token;
use isi_relay_core::{Grants, SubjectId};
use isi_wire::{ConnectionNonce, SessionId, join_proof_message};
use keys::KeyStore;
use std::sync::Mutex;

/// Most that the clocks of relay and account service may differ by; the default as well.
pub const CLOCK_LEEWAY_S_MAX: u64 = 60;
/// Longest life of a token, `exp` minus `iat`.
pub const TOKEN_LIFETIME_S_MAX: u64 = 600;

/// Judges tokens. One per node.
#[derive(Debug)]
pub struct Admission {
    origins: Vec<String>,
    issuer: Option<String>,
    clock_leeway_s: u64,
    keys: Mutex<KeyStore>,
}

/// What a client presents in `Join`, with what this connection knows of itself.
#[derive(Clone, Copy, Debug)]
pub struct JoinClaims<'a> {
    /// The JWT.
    pub token: &'a [u8],
    /// Ed25519 public key.
    pub public_key: &'a [u8; 32],
    /// Ed25519 signature over [`join_proof_message`].
    pub proof: &'a [u8; 64],
    /// From `Hello`.
    pub client_nonce: &'a ConnectionNonce,
    /// From `Challenge`.
    pub relay_nonce: &'a ConnectionNonce,
    /// 32 bytes of this connection's TLS exporter, label `EXPORTER-isi-join`, empty context.
    pub exporter: &'a [u8; 32],
}

/// Who came in, and with which rights.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Which session.
    pub session: SessionId,
    /// Stands for the account service's subject; the relay keeps no other name.
    pub subject: SubjectId,
    /// The token's id.
    pub jti: String,
    /// RFC 7638 thumbprint of the proved key.
    pub key_thumbprint: String,
    /// What the token allows.
    pub grants: Grants,
    /// When the connection ends unless refreshed: the token's `exp` and the leeway.
    pub expires_at_unix_s: u64,
}

impl Admission {
    /// Reads the keys.
    ///
    /// # Errors
    /// [`KeysError`]: without keys a node would refuse everybody, so it does not start.
    pub fn new(config: AdmissionConfig) -> Result<Self, KeysError> {
        // Named, so that another crate's choice of features in the same program cannot change it. Err: it is set.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        Ok(Self {
            origins: config.origins.iter().map(ToString::to_string).collect(),
            issuer: config.issuer,
            clock_leeway_s: config.clock_leeway_s,
            keys: Mutex::new(KeyStore::open(config.keys)?),
        })
    }

    /// Judges a join.
    ///
    /// # Errors
    /// [`AdmissionError`]; close the connection with its [`close_code`](AdmissionError::close_code).
    pub fn verify(&self, join: &JoinClaims<'_>, now_unix_s: u64) -> Result<Admitted, AdmissionError> {
        let token = self.verify_token(join.token, now_unix_s)?;
        if thumbprint(join.public_key) != token.key_thumbprint {
            return Err(AdmissionError::OtherKey);
        }
        let origin = token.audience.as_str();
        let message =
            join_proof_message(origin, join.client_nonce, join.relay_nonce, &token.jti, join.exporter);
        UnparsedPublicKey::new(&ED25519, join.public_key)
            .verify(&message, join.proof)
            .map_err(|_| AdmissionError::BadProof)?;
        Ok(token.admitted(self.clock_leeway_s))
    }

    /// Judges a token that prolongs a connection, with possibly other rights. The proof is not repeated: the
    /// connection that proved the key is the same.
    ///
    /// # Errors
    /// [`AdmissionError`]; the connection goes on until its old token ends.
    pub fn verify_refresh(
        &self,
        token: &[u8],
        current: &Admitted,
        now_unix_s: u64,
    ) -> Result<Admitted, AdmissionError> {
        let new = self.verify_token(token, now_unix_s)?.admitted(self.clock_leeway_s);
        let same = new.subject == current.subject
            && new.session == current.session
            && new.key_thumbprint == current.key_thumbprint;
        if same { Ok(new) } else { Err(AdmissionError::OtherIdentity) }
    }

    fn verify_token(&self, token: &[u8], now_unix_s: u64) -> Result<Token, AdmissionError> {
        // A poisoned lock only means that a reload panicked; the keys are replaced whole or not at all.
        let keys = self.keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner).current();
        let token = claims::verify_signature(token, &keys)?;
        if self.issuer.as_ref().is_some_and(|issuer| *issuer != token.issuer) {
            return Err(AdmissionError::WrongIssuer);
        }
        if !self.origins.contains(&token.audience) {
            return Err(AdmissionError::WrongAudience);
        }
        token.check_times(now_unix_s, self.clock_leeway_s)?;
        Ok(token)
    }
}

/// RFC 7638 thumbprint of an Ed25519 key: base64url of the SHA-256 of its JWK's required members.
fn thumbprint(public_key: &[u8; 32]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public_key);
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes()))
}

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use isi_e2ee::MemberIdentity;
use isi_wire::SessionId;
use isi_wire::limits::TOKEN_BYTES_MAX;
use serde::Deserialize;
use std::fmt;
use zeroize::Zeroizing;

/// What a person brings to a session.
pub struct Credentials {
    /// The relay's JWT; opens the relay's door and nothing else.
    pub token: String,
    /// The key the token names in `cnf`. Not the member's key: the relay sees its public half.
    pub connection_key: ConnectionKey,
    /// The member's key with the account service's statement about it; only members see it.
    pub identity: MemberIdentity,
}

/// The Ed25519 key that proves a token is not stolen. Wiped when dropped.
pub struct ConnectionKey(SigningKey);

/// Why bytes are no connection key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionKeyError {
    /// Not a private Ed25519 JWK.
    #[error("not a private Ed25519 JWK (kty OKP, crv Ed25519, x, d); make one with `isi token`")]
    NotAJwk,
    /// `x` is not the public half of `d`.
    #[error("`x` is not the public key of `d`; the key was edited, make a new one")]
    Mismatch,
    /// The system gave no random bytes.
    #[error("the system gives no random bytes; check the machine")]
    NoRandomness,
}

/// Why a token cannot be used, as far as a client can tell without the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT with the claims a client needs.
    #[error("the token is not a JWT with jti and isi.s; get another from the account service")]
    Malformed,
    /// Longer than the wire allows.
    #[error(
        "the token has {bytes} bytes, more than {TOKEN_BYTES_MAX}; get a shorter one from the account service"
    )]
    TooLong {
        /// Its length.
        bytes: usize,
    },
}

impl ConnectionKey {
    /// A fresh key.
    ///
    /// # Errors
    /// [`ConnectionKeyError::NoRandomness`].
    pub fn generate() -> Result<Self, ConnectionKeyError> {
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *secret).map_err(|_| ConnectionKeyError::NoRandomness)?;
        Ok(Self::from_secret(&secret))
    }

    /// The key of this 32-byte Ed25519 secret (RFC 8032 section 5.1.5).
    #[must_use]
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// Reads a private JWK (RFC 8037 section 2).
    ///
    /// # Errors
    /// [`ConnectionKeyError::NotAJwk`] and [`ConnectionKeyError::Mismatch`].
    pub fn from_jwk(jwk: &str) -> Result<Self, ConnectionKeyError> {
        let jwk: PrivateJwk<'_> = serde_json::from_str(jwk).map_err(|_| ConnectionKeyError::NotAJwk)?;
        if jwk.kty != "OKP" || jwk.crv != "Ed25519" {
            return Err(ConnectionKeyError::NotAJwk);
        }
        let key = Self::from_secret(&*decode_key(jwk.d)?);
        if key.public_key() == *decode_key(jwk.x)? { Ok(key) } else { Err(ConnectionKeyError::Mismatch) }
    }

    /// The public half; its RFC 7638 thumbprint is the token's `cnf.jkt`.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for ConnectionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionKey").finish_non_exhaustive()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// What a client reads in its own token. Only the relay verifies tokens.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TokenClaims {
    pub(crate) jti: String,
    pub(crate) session: SessionId,
    /// Seconds since 1970; 0 where the token does not say.
    pub(crate) expires_at: u64,
    /// Seconds; 0 where the token does not say.
    pub(crate) lifetime_s: u64,
}

impl TokenClaims {
    pub(crate) fn peek(token: &str) -> Result<Self, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong { bytes: token.len() });
        }
        let payload = token.split('.').nth(1).ok_or(TokenError::Malformed)?;
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| TokenError::Malformed)?;
        let claims: RawClaims = serde_json::from_slice(&payload).map_err(|_| TokenError::Malformed)?;
        let mut session = [0; 16];
        match URL_SAFE_NO_PAD.decode_slice(&claims.isi.s, &mut session) {
            Ok(16) => Ok(Self {
                jti: claims.jti,
                session: SessionId(session),
                expires_at: claims.exp,
                lifetime_s: if claims.iat == 0 { 0 } else { claims.exp.saturating_sub(claims.iat) },
            }),
            _ => Err(TokenError::Malformed),
        }
    }
}

#[derive(Deserialize)]
struct RawClaims {
    jti: String,
    #[serde(default)]
    exp: u64,
    #[serde(default)]
    iat: u64,
    isi: RawSession,
}

#[derive(Deserialize)]
struct RawSession {
    s: String,
}

#[derive(Deserialize)]
struct PrivateJwk<'a> {
    kty: &'a str,
    crv: &'a str,
    x: &'a str,
    d: &'a str,
}

fn decode_key(text: &str) -> Result<Zeroizing<[u8; 32]>, ConnectionKeyError> {
    let mut key = Zeroizing::new([0; 32]);
    match URL_SAFE_NO_PAD.decode_slice(text, &mut *key) {
        Ok(32) => Ok(key),
        _ => Err(ConnectionKeyError::NotAJwk),
    }
}

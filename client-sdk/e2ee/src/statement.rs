//! What an account service states about a member: a compact JWS (RFC 7515), EdDSA only (RFC 8037).
//!
//! Verified here and not by a JWT crate: a crate's cryptography backend is chosen by Cargo features, which are
//! unified over one build, and the relay in the same workspace chooses another one. Also a statement needs
//! far less than a JWT crate accepts: one algorithm, one `typ`, no optional header.

use crate::identity::thumbprint;
use crate::issuer::{IssuerKeys, KEY_ID_BYTES_MAX};
use crate::{Role, UnixSeconds};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};
use isi_wire::SessionId;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt;

/// Longest statement: every member's is in the tree that every joiner receives.
pub const STATEMENT_BYTES_MAX: usize = 2048;
/// How far two clocks may be apart before somebody is told: an account service's and a member's, or two members'.
pub const CLOCK_SKEW_SECONDS_MAX: u64 = 60;
/// Longest `sub`.
pub const SUBJECT_BYTES_MAX: usize = 128;

const STATEMENT_TYPE: &str = "isi-statement+jwt";

/// Why a statement proves nothing about a member. Its holder or the account service is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Not a compact JWS with the header and claims of a statement, or too long.
    #[error("not a statement of an account service; get a new one")]
    Malformed,
    /// Not signed by Ed25519.
    #[error("the statement is not signed with EdDSA; the account service must sign with Ed25519")]
    WrongAlgorithm,
    /// Some other signed thing, as a token for the relay.
    #[error("the `typ` is not {STATEMENT_TYPE}: this is not a statement")]
    WrongType,
    /// The `kid` is not among the issuer keys.
    #[error(
        "the statement's `kid` is not among the session's issuer keys; use the session's account service"
    )]
    UnknownIssuer,
    /// The signature does not verify.
    #[error("the statement was not signed by the account service or was altered")]
    BadSignature,
    /// Made for another leaf signature key.
    #[error("the statement is about another key than the member's")]
    WrongKey,
    /// Made for another session.
    #[error("the statement is for another session")]
    WrongSession,
    /// Its time is over.
    #[error("the statement has expired; get a new one, and check this machine's clock if it should last")]
    Expired,
    /// It was issued more than [`CLOCK_SKEW_SECONDS_MAX`] after the time it is judged at.
    #[error(
        "the statement was issued in the future: a clock is wrong by more than {CLOCK_SKEW_SECONDS_MAX} s; set this \
         machine's clock, or have the account service set its own"
    )]
    ClockSkew,
}

/// A statement's claims. Only [`verify`](Statement::verify) and [`peek`](Statement::peek) make one.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) role: Role,
    pub(crate) session: SessionId,
    pub(crate) issued_at: UnixSeconds,
    pub(crate) expires_at: UnixSeconds,
    pub(crate) key_thumbprint: String,
}

// A header with anything else, as `crit`, `jwk` or `b64`, is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    iat: u64,
    exp: u64,
    cnf: Confirmation,
    isi: SessionClaims,
}

#[derive(Deserialize)]
struct Confirmation {
    jkt: String,
}

#[derive(Deserialize)]
struct SessionClaims {
    s: String,
    role: String,
}

impl Statement {
    /// Checks signature, key and session; the expiry is the caller's to judge, since only some times may.
    pub(crate) fn verify(
        jws: &[u8],
        issuers: &IssuerKeys,
        session: SessionId,
        leaf_key: &[u8],
    ) -> Result<Self, StatementError> {
        let parts = Parts::split(jws)?;
        let key = issuers.get(&parts.header.kid).ok_or(StatementError::UnknownIssuer)?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| StatementError::UnknownIssuer)?;
        key.verify_strict(parts.signed.as_bytes(), &parts.signature)
            .map_err(|_| StatementError::BadSignature)?;
        let statement = parts.claims()?;
        let leaf_key: [u8; 32] = leaf_key.try_into().map_err(|_| StatementError::WrongKey)?;
        if statement.key_thumbprint != thumbprint(&leaf_key) {
            return Err(StatementError::WrongKey);
        }
        if statement.session != session {
            return Err(StatementError::WrongSession);
        }
        Ok(statement)
    }

    /// The claims without a look at the signature: for one's own statement, before the issuer keys are there.
    pub(crate) fn peek(jws: &[u8]) -> Result<Self, StatementError> {
        Parts::split(jws)?.claims()
    }

    /// Neither over nor of the future, by the clock that `at` was read from.
    pub(crate) fn check_time(&self, at: UnixSeconds) -> Result<(), StatementError> {
        self.check_expiry(at)?;
        let latest = at.0.saturating_add(CLOCK_SKEW_SECONDS_MAX);
        if self.issued_at.0 <= latest { Ok(()) } else { Err(StatementError::ClockSkew) }
    }

    pub(crate) fn check_expiry(&self, at: UnixSeconds) -> Result<(), StatementError> {
        if at < self.expires_at { Ok(()) } else { Err(StatementError::Expired) }
    }
}

// Subject and thumbprint name a person: neither belongs in a log.
impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement")
            .field("role", &self.role)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// A compact JWS taken apart, its header checked.
struct Parts<'a> {
    header: Header,
    payload: &'a str,
    signed: &'a str,
    signature: Signature,
}

impl<'a> Parts<'a> {
    fn split(jws: &'a [u8]) -> Result<Self, StatementError> {
        if jws.len() > STATEMENT_BYTES_MAX {
            return Err(StatementError::Malformed);
        }
        let text = std::str::from_utf8(jws).map_err(|_| StatementError::Malformed)?;
        let (signed, signature) = text.rsplit_once('.').ok_or(StatementError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(StatementError::Malformed)?;
        if payload.contains('.') {
            return Err(StatementError::Malformed);
        }
        let header: Header = decode_json(header)?;
        if header.alg != "EdDSA" {
            return Err(StatementError::WrongAlgorithm);
        }
        if header.typ != STATEMENT_TYPE {
            return Err(StatementError::WrongType);
        }
        if header.kid.len() > KEY_ID_BYTES_MAX {
            return Err(StatementError::UnknownIssuer);
        }
        let signature = Signature::from_slice(&decode(signature)?).map_err(|_| StatementError::Malformed)?;
        Ok(Self { header, payload, signed, signature })
    }

    fn claims(&self) -> Result<Statement, StatementError> {
        let claims: Claims = decode_json(self.payload)?;
        if claims.sub.is_empty() || claims.sub.len() > SUBJECT_BYTES_MAX {
            return Err(StatementError::Malformed);
        }
        let session = decode(&claims.isi.s)?.try_into().map_err(|_| StatementError::Malformed)?;
        Ok(Statement {
            issuer: claims.iss,
            subject: claims.sub,
            role: parse_role(&claims.isi.role)?,
            session: SessionId(session),
            issued_at: UnixSeconds(claims.iat),
            expires_at: UnixSeconds(claims.exp),
            key_thumbprint: claims.cnf.jkt,
        })
    }
}

fn parse_role(role: &str) -> Result<Role, StatementError> {
    match role {
        "organizer" => Ok(Role::Organizer),
        "participant" => Ok(Role::Participant),
        "viewer" => Ok(Role::Viewer),
        _ => Err(StatementError::Malformed),
    }
}

fn decode_json<T: DeserializeOwned>(base64: &str) -> Result<T, StatementError> {
    serde_json::from_slice(&decode(base64)?).map_err(|_| StatementError::Malformed)
}

/// Strict: no padding, no other alphabet, no stray bits at the end, so a statement has one encoding only.
fn decode(base64: &str) -> Result<Vec<u8>, StatementError> {
    URL_SAFE_NO_PAD.decode(base64).map_err(|_| StatementError::Malformed)
}

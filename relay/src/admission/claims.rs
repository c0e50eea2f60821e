use super::keys::KeySet;
use super::{AdmissionError, Admitted, TOKEN_LIFETIME_S_MAX};
use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use isi_relay_core::{Controls, Grants, KindSet, SubjectId};
use isi_wire::limits::TOKEN_BYTES_MAX;
use isi_wire::{SessionId, TrackKind};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde::Deserialize;

/// Longest `iss`, `sub`, `jti` or `cnf.jkt`.
const CLAIM_BYTES_MAX: usize = 256;

/// A token whose signature is right and whose claims are what they must be. Times and audience are not judged yet.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) jti: String,
    pub(super) key_thumbprint: String,
    subject: String,
    issued_at: u64,
    not_before: u64,
    expires_at: u64,
    session: SessionId,
    grants: Grants,
}

/// Finds the key by `kid` and checks the signature; nothing of the claims is looked at before.
pub(super) fn verify_signature(token: &[u8], keys: &KeySet) -> Result<Token, AdmissionError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(AdmissionError::NotAToken);
    }
    let header = decode_header(token).map_err(|error| header_error(error.kind()))?;
    check_header(&header)?;
    let key_id = header.kid.ok_or(AdmissionError::NoKeyId)?;
    let key = keys.get(&key_id).ok_or(AdmissionError::UnknownKey)?;
    decode::<RawClaims>(token, key, &signature_only())
        .map_err(|error| body_error(error.kind()))?
        .claims
        .check()
}

impl Token {
    pub(super) fn check_times(&self, now_unix_s: u64, leeway_s: u64) -> Result<(), AdmissionError> {
        let lifetime_s = self.expires_at.saturating_sub(self.issued_at);
        if !(1..=TOKEN_LIFETIME_S_MAX).contains(&lifetime_s) {
            return Err(AdmissionError::WrongLifetime);
        }
        if now_unix_s >= self.expires_at.saturating_add(leeway_s) {
            return Err(AdmissionError::Expired);
        }
        let begins = self.not_before.max(self.issued_at);
        if now_unix_s.saturating_add(leeway_s) < begins { Err(AdmissionError::NotYetValid) } else { Ok(()) }
    }

    pub(super) fn admitted(self, leeway_s: u64) -> Admitted {
        Admitted {
            session: self.session,
            subject: subject_id(&self.issuer, &self.subject),
            jti: self.jti,
            key_thumbprint: self.key_thumbprint,
            grants: self.grants,
            expires_at_unix_s: self.expires_at.saturating_add(leeway_s),
        }
    }
}

/// Claims as they are written; members that are not listed mean nothing here.
#[derive(Deserialize)]
struct RawClaims {
    iss: String,
    aud: String,
    sub: String,
    jti: String,
    iat: u64,
    nbf: u64,
    exp: u64,
    cnf: RawConfirmation,
    isi: RawIsi,
}

#[derive(Deserialize)]
struct RawConfirmation {
    jkt: String,
}

#[derive(Deserialize)]
struct RawIsi {
    s: String,
    #[serde(rename = "pub")]
    publish: Vec<String>,
    #[serde(rename = "sub")]
    subscribe: Vec<String>,
    ctl: Vec<String>,
    lim: RawLimits,
}

#[derive(Deserialize)]
struct RawLimits {
    bps: u64,
    tracks: u32,
}

impl RawClaims {
    fn check(self) -> Result<Token, AdmissionError> {
        let texts = [&self.iss, &self.aud, &self.sub, &self.jti, &self.cnf.jkt];
        if texts.into_iter().any(|text| text.is_empty() || text.len() > CLAIM_BYTES_MAX) {
            return Err(AdmissionError::BadClaims);
        }
        Ok(Token {
            session: session_id(&self.isi.s)?,
            grants: self.isi.grants()?,
            issuer: self.iss,
            audience: self.aud,
            subject: self.sub,
            jti: self.jti,
            key_thumbprint: self.cnf.jkt,
            issued_at: self.iat,
            not_before: self.nbf,
            expires_at: self.exp,
        })
    }
}

impl RawIsi {
    fn grants(&self) -> Result<Grants, AdmissionError> {
        Ok(Grants {
            publish: kinds(&self.publish)?,
            subscribe: kinds(&self.subscribe)?,
            controls: controls(&self.ctl)?,
            tracks_max: usize::try_from(self.lim.tracks).unwrap_or(usize::MAX),
            bits_per_second_max: Some(self.lim.bps),
        })
    }
}

fn kinds(names: &[String]) -> Result<KindSet, AdmissionError> {
    names.iter().map(|name| TrackKind::from_name(name).ok_or(AdmissionError::BadClaims)).collect()
}

fn controls(names: &[String]) -> Result<Controls, AdmissionError> {
    let mut controls = Controls::NONE;
    for name in names {
        match name.as_str() {
            "admit" => controls.admit = true,
            "kick" => controls.kick = true,
            "mute" => controls.mute = true,
            "close" => controls.close = true,
            _ => return Err(AdmissionError::BadClaims),
        }
    }
    Ok(controls)
}

fn session_id(text: &str) -> Result<SessionId, AdmissionError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| AdmissionError::BadClaims)?;
    bytes.try_into().map(SessionId).map_err(|_| AdmissionError::BadClaims)
}

/// Hashed, so that nothing the account service calls anybody stays in the relay's memory.
fn subject_id(issuer: &str, subject: &str) -> SubjectId {
    let mut hash = Context::new(&SHA256);
    hash.update(b"ISI 1.0 Subject\0");
    hash.update(&(issuer.len() as u64).to_be_bytes());
    hash.update(issuer.as_bytes());
    hash.update(subject.as_bytes());
    let mut id = [0; 32];
    id.copy_from_slice(hash.finish().as_ref());
    SubjectId(id)
}

/// jsonwebtoken checks the signature and nothing else: its clock is not ours to set, and its messages do not say which
/// claim was refused.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

fn check_header(header: &Header) -> Result<(), AdmissionError> {
    // RFC 7515 section 4.1.11: whoever does not understand a critical extension must refuse. RFC 8725 section 3.11:
    // an explicit type, so that an identity statement never passes for a token.
    let right =
        header.alg == Algorithm::EdDSA && header.typ.as_deref() == Some("JWT") && header.crit.is_none();
    if right { Ok(()) } else { Err(AdmissionError::WrongHeader) }
}

fn header_error(kind: &ErrorKind) -> AdmissionError {
    match kind {
        // Also an `alg` that jsonwebtoken does not know, such as `none`.
        ErrorKind::Json(_) => AdmissionError::WrongHeader,
        _ => AdmissionError::NotAToken,
    }
}

fn body_error(kind: &ErrorKind) -> AdmissionError {
    match kind {
        ErrorKind::InvalidSignature => AdmissionError::BadSignature,
        ErrorKind::Json(_) => AdmissionError::BadClaims,
        _ => AdmissionError::NotAToken,
    }
}

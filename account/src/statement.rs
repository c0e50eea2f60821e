use crate::{AccountKey, ClaimsError, Role, thumbprint};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use isi_wire::SessionId;
use serde_json::json;

/// What an identity statement says: this leaf key belongs to this subject, who is at most `role` in this session.
///
/// Members see it in the MLS leaf credential; the relay never does.
#[derive(Clone, Debug)]
#[must_use]
pub struct StatementClaims {
    issuer: String,
    subject: String,
    session: SessionId,
    role: Role,
    leaf_thumbprint: String,
    lifetime_s: u64,
}

impl StatementClaims {
    /// A statement about `subject` (what the members shall see, at best an opaque id) and the Ed25519 public key
    /// of its MLS leaf, valid for 12 hours.
    pub fn new(role: Role, session: SessionId, subject: &str, leaf_key: &[u8; 32]) -> Self {
        Self::for_thumbprint(role, session, subject, &thumbprint(leaf_key))
    }

    /// The same for a leaf key of which only the RFC 7638 thumbprint is known.
    pub fn for_thumbprint(role: Role, session: SessionId, subject: &str, leaf_thumbprint: &str) -> Self {
        Self {
            issuer: "isi-account".to_owned(),
            subject: subject.to_owned(),
            session,
            role,
            leaf_thumbprint: leaf_thumbprint.to_owned(),
            lifetime_s: 12 * 3600,
        }
    }

    /// Names the issuer (`iss`).
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.issuer = issuer.to_owned();
        self
    }

    /// Life in seconds, at least 1. Organizers remove whose statement has expired.
    pub fn lifetime_s(mut self, lifetime_s: u64) -> Self {
        self.lifetime_s = lifetime_s;
        self
    }

    fn check(&self) -> Result<(), ClaimsError> {
        let named = [("iss", &self.issuer), ("sub", &self.subject), ("cnf.jkt", &self.leaf_thumbprint)];
        match named.into_iter().find(|(_, value)| value.is_empty()) {
            Some((claim, _)) => Err(ClaimsError::Empty { claim }),
            None if self.lifetime_s == 0 => Err(ClaimsError::Lifetime { lifetime_s: 0 }),
            None => Ok(()),
        }
    }
}

impl AccountKey {
    /// Signs an identity statement (JWS, typ `isi-statement+jwt`), issued at `now_unix_s`.
    ///
    /// # Errors
    /// [`ClaimsError`] for an empty claim or a lifetime of 0.
    pub fn sign_statement(&self, claims: &StatementClaims, now_unix_s: u64) -> Result<String, ClaimsError> {
        claims.check()?;
        let body = json!({
            "iss": claims.issuer,
            "sub": claims.subject,
            "iat": now_unix_s,
            "exp": now_unix_s.saturating_add(claims.lifetime_s),
            "cnf": { "jkt": claims.leaf_thumbprint },
            "isi": { "s": URL_SAFE_NO_PAD.encode(claims.session.0), "role": claims.role.name() },
        });
        Ok(self.sign_jws("isi-statement+jwt", &body))
    }
}

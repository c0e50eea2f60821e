use crate::{AccountKey, ClaimsError, ControlRight, Role, thumbprint};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use isi_wire::limits::TOKEN_BYTES_MAX;
use isi_wire::{SessionId, TrackKind};
use serde_json::{Value, json};

/// Longest life of a token: longer ones are refused by every relay. A session outlives it by refreshing in-band.
pub const TOKEN_LIFETIME_S_MAX: u64 = 600;
/// Life of a token whose maker names none.
pub const TOKEN_LIFETIME_S_DEFAULT: u64 = 600;

/// What a relay token says. [`TokenClaims::new`] gives a role's usual rights; the other methods change them.
#[derive(Clone, Debug)]
#[must_use]
pub struct TokenClaims {
    issuer: String,
    audience: String,
    session: SessionId,
    subject: String,
    proof_thumbprint: String,
    role: Role,
    lifetime_s: u64,
    jti: Option<String>,
    publish: Vec<TrackKind>,
    subscribe: Vec<TrackKind>,
    control: Vec<ControlRight>,
    bits_per_second: u64,
    tracks: u32,
}

impl TokenClaims {
    /// Claims with the usual rights of `role`.
    ///
    /// `audience` is the relay's origin as clients dial it (`host:port`), `subject` an opaque id of the person,
    /// never a name, `proof_key` the Ed25519 public key that the client proves on its connection.
    pub fn new(role: Role, audience: &str, session: SessionId, subject: &str, proof_key: &[u8; 32]) -> Self {
        Self {
            issuer: "isi-account".to_owned(),
            audience: audience.to_owned(),
            session,
            subject: subject.to_owned(),
            proof_thumbprint: thumbprint(proof_key),
            role,
            lifetime_s: TOKEN_LIFETIME_S_DEFAULT,
            jti: None,
            publish: role.publishes().to_vec(),
            subscribe: TrackKind::ALL.to_vec(),
            control: role.control().to_vec(),
            bits_per_second: role.bits_per_second(),
            tracks: role.tracks(),
        }
    }

    /// Names the issuer (`iss`); a relay compares it where its configuration names one.
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.issuer = issuer.to_owned();
        self
    }

    /// Life in seconds, 1 to [`TOKEN_LIFETIME_S_MAX`].
    pub fn lifetime_s(mut self, lifetime_s: u64) -> Self {
        self.lifetime_s = lifetime_s;
        self
    }

    /// The token's id (`jti`), part of the join proof. Without it, 16 random bytes are drawn when signing.
    pub fn jti(mut self, jti: &str) -> Self {
        self.jti = Some(jti.to_owned());
        self
    }

    /// Kinds of tracks that may be published.
    pub fn publish(mut self, kinds: &[TrackKind]) -> Self {
        self.publish = kinds.to_vec();
        self
    }

    /// Kinds of tracks that may be received.
    pub fn subscribe(mut self, kinds: &[TrackKind]) -> Self {
        self.subscribe = kinds.to_vec();
        self
    }

    /// Rights over others at the relay.
    pub fn control(mut self, rights: &[ControlRight]) -> Self {
        self.control = rights.to_vec();
        self
    }

    /// Limits at the relay: bits per second sent, and tracks published at a time.
    pub fn limits(mut self, bits_per_second: u64, tracks: u32) -> Self {
        self.bits_per_second = bits_per_second;
        self.tracks = tracks;
        self
    }

    fn to_json(&self, jti: &str, now_unix_s: u64) -> Value {
        let names = |kinds: &[TrackKind]| kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>();
        let control: Vec<_> = self.control.iter().map(|right| right.name()).collect();
        json!({
            "iss": self.issuer,
            "aud": self.audience,
            "sub": self.subject,
            "jti": jti,
            "iat": now_unix_s,
            "nbf": now_unix_s,
            "exp": now_unix_s.saturating_add(self.lifetime_s),
            "cnf": { "jkt": self.proof_thumbprint },
            "isi": {
                "s": URL_SAFE_NO_PAD.encode(self.session.0),
                "role": self.role.name(),
                "pub": names(&self.publish),
                "sub": names(&self.subscribe),
                "ctl": control,
                "lim": { "bps": self.bits_per_second, "tracks": self.tracks },
            },
        })
    }

    fn check(&self) -> Result<(), ClaimsError> {
        if !(1..=TOKEN_LIFETIME_S_MAX).contains(&self.lifetime_s) {
            return Err(ClaimsError::Lifetime { lifetime_s: self.lifetime_s });
        }
        let named = [("iss", &self.issuer), ("aud", &self.audience), ("sub", &self.subject)];
        match named.into_iter().find(|(_, value)| value.is_empty()) {
            Some((claim, _)) => Err(ClaimsError::Empty { claim }),
            None if self.jti.as_deref() == Some("") => Err(ClaimsError::Empty { claim: "jti" }),
            None => Ok(()),
        }
    }
}

impl AccountKey {
    /// Signs a relay token (JWT, `EdDSA`), valid from `now_unix_s` on.
    ///
    /// # Errors
    /// [`ClaimsError`] when a relay would refuse the token anyway.
    pub fn sign_token(&self, claims: &TokenClaims, now_unix_s: u64) -> Result<String, ClaimsError> {
        claims.check()?;
        let jti = match &claims.jti {
            Some(jti) => jti.clone(),
            None => random_jti()?,
        };
        let token = self.sign_jws("JWT", &claims.to_json(&jti, now_unix_s));
        match token.len() {
            0..=TOKEN_BYTES_MAX => Ok(token),
            bytes => Err(ClaimsError::TooLong { bytes }),
        }
    }
}

fn random_jti() -> Result<String, ClaimsError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(ClaimsError::NoRandomness)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

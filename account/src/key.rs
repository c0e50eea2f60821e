use crate::{files, jws, thumbprint};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use serde::Deserialize;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The account service's Ed25519 signing key. Wiped from memory when dropped.
pub struct AccountKey {
    signing: SigningKey,
    kid: String,
}

impl AccountKey {
    /// A fresh key.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`] when the system gives no random bytes.
    pub fn generate() -> Result<Self, KeyError> {
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *secret).map_err(KeyError::NoRandomness)?;
        Ok(Self::from_signing(SigningKey::from_bytes(&secret)))
    }

    /// Reads a private JWK (RFC 8037 section 2). A `kid` in it is ignored: the thumbprint is the kid.
    ///
    /// # Errors
    /// [`KeyError::NotAJwk`] and [`KeyError::Mismatch`].
    pub fn from_jwk(jwk: &str) -> Result<Self, KeyError> {
        let jwk: PrivateJwk<'_> = serde_json::from_str(jwk).map_err(|_| KeyError::NotAJwk)?;
        if jwk.kty != "OKP" || jwk.crv != "Ed25519" {
            return Err(KeyError::NotAJwk);
        }
        let key = Self::from_signing(SigningKey::from_bytes(&*decode_key(jwk.d)?));
        if key.public_key() == *decode_key(jwk.x)? { Ok(key) } else { Err(KeyError::Mismatch) }
    }

    /// The private JWK, to be kept secret.
    #[must_use]
    pub fn to_jwk(&self) -> Zeroizing<String> {
        // Built by hand, once and large enough: a growing or generic writer would leave copies of `d` behind.
        let mut out = Zeroizing::new(String::with_capacity(512));
        out.push_str(&self.public_members());
        out.push_str(r#","d":""#);
        let mut d = Zeroizing::new([0_u8; 43]);
        // 32 bytes are 43 characters without padding, so the slice always fits.
        let written = URL_SAFE_NO_PAD.encode_slice(self.signing.as_bytes(), &mut *d).unwrap_or_default();
        out.push_str(std::str::from_utf8(&d[..written]).unwrap_or_default());
        out.push_str("\"}\n");
        out
    }

    /// Reads a key file that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// [`KeyError`] naming the file: it cannot be read, others can read it, or it is no Ed25519 private JWK.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let text = files::read_private(path)?;
        Self::from_jwk(&text)
            .map_err(|error| KeyError::InFile { path: path.to_owned(), source: Box::new(error) })
    }

    /// Writes the private JWK to a new file with mode 0600.
    ///
    /// # Errors
    /// [`KeyError::Exists`] rather than overwriting, [`KeyError::Write`] otherwise.
    pub fn save(&self, path: &Path) -> Result<(), KeyError> {
        files::create_new(path, self.to_jwk().as_bytes(), files::PRIVATE_MODE)
    }

    /// The key id: RFC 7638 thumbprint of the public key.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The Ed25519 public key.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.signing.verifying_key().to_bytes()
    }

    /// A key set with only this key.
    #[must_use]
    pub fn jwks(&self) -> Jwks {
        Jwks::new(&[self])
    }

    /// Signs any claims as a compact JWS with this `typ`. Nothing is checked: it is for tests of verifiers and for
    /// statements that this crate does not know. Use [`sign_token`](Self::sign_token) for what a relay shall accept.
    #[must_use]
    pub fn sign_jws(&self, typ: &str, claims: &serde_json::Value) -> String {
        jws::compact(&self.signing, &self.kid, typ, claims)
    }

    fn from_signing(signing: SigningKey) -> Self {
        let kid = thumbprint(signing.verifying_key().as_bytes());
        Self { signing, kid }
    }

    fn public_members(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.public_key());
        format!(r#"{{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"{}","x":"{x}""#, self.kid)
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// A public key set (RFC 7517 section 5): what relays and clients verify with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwks {
    json: String,
}

impl Jwks {
    /// The set of these keys' public halves. Two keys at a time let a service change its key without a gap.
    #[must_use]
    pub fn new(keys: &[&AccountKey]) -> Self {
        let keys: Vec<_> = keys.iter().map(|key| key.public_members() + "}").collect();
        Self { json: format!("{{\"keys\":[{}]}}\n", keys.join(",")) }
    }

    /// The set as JSON.
    #[must_use]
    pub fn to_json(&self) -> &str {
        &self.json
    }

    /// Writes the set to `path`, replacing the file in one step, so that a relay never reads half of it.
    ///
    /// # Errors
    /// [`KeyError::Write`].
    pub fn save(&self, path: &Path) -> Result<(), KeyError> {
        files::replace(path, self.json.as_bytes())
    }
}

/// Why a key could not be made, read or kept. Each is the caller's to correct.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system gave no random bytes.
    #[error("the system gives no random bytes: {0}")]
    NoRandomness(getrandom::Error),
    /// Not a private Ed25519 key.
    #[error("not a private Ed25519 JWK (kty OKP, crv Ed25519, x, d); make one with `isi token keys`")]
    NotAJwk,
    /// `x` is not the public half of `d`.
    #[error("`x` is not the public key of `d`: the key was edited or mixed up; make a new one")]
    Mismatch,
    /// One of the above, in this file.
    #[error("key file {path}: {source}", path = path.display())]
    InFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<KeyError>,
    },
    /// The file cannot be read.
    #[error("cannot read key file {path}: {source}", path = path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Others than the owner can read the private key.
    #[error("key file {path} has mode {mode:04o}, so others can read it; chmod 600 it, or make a new key", path = path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is there already.
    #[error("{path} exists and is not overwritten; name another file, or remove it", path = path.display())]
    Exists {
        /// Which file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// Borrowed from the caller's (wiped) buffer, so that parsing copies no secret.
#[derive(Deserialize)]
struct PrivateJwk<'a> {
    kty: &'a str,
    crv: &'a str,
    x: &'a str,
    d: &'a str,
}

fn decode_key(text: &str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let mut key = Zeroizing::new([0; 32]);
    match URL_SAFE_NO_PAD.decode_slice(text, &mut *key) {
        Ok(32) => Ok(key),
        _ => Err(KeyError::NotAJwk),
    }
}

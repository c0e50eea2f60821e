use crate::extensions::STATEMENT_CREDENTIAL;
use crate::random::random_array;
use crate::statement::{Statement, StatementError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use openmls::prelude::{Credential, CredentialWithKey};
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::SignatureScheme;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A member's Ed25519 leaf signature key: signs its MLS messages, and nothing else. Wiped when dropped.
pub struct MemberKey(SigningKey);

/// A member's key with what the account service states about it.
pub struct MemberIdentity {
    key: Arc<MemberKey>,
    jws: String,
    subject: String,
}

/// Why key and statement make no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The statement cannot be read at all.
    #[error(transparent)]
    Statement(StatementError),
    /// The statement is about another key.
    #[error(
        "the statement is about another key; ask the account service for one about this key's thumbprint"
    )]
    OtherKey,
    /// The statement is about another person.
    #[error("the statement is about another person; a member stays who it is, join as the other one instead")]
    OtherSubject,
}

impl MemberKey {
    /// A fresh key.
    ///
    /// # Panics
    /// When the operating system has no random source.
    #[must_use]
    pub fn generate() -> Self {
        Self(SigningKey::from_bytes(&Zeroizing::new(random_array())))
    }

    /// The key of this 32-byte Ed25519 secret (RFC 8032 section 5.1.5), for apps that keep it between runs. The caller
    /// wipes its own copy.
    #[must_use]
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// The public key, 32 bytes.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// RFC 7638 thumbprint of the public key, base64url without padding: the statement's `cnf.jkt`.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        thumbprint(&self.public_key())
    }
}

impl MemberIdentity {
    /// Joins a key with its statement, a compact JWS of the account service. The signature is verified
    /// later, with the session's issuer keys.
    ///
    /// # Errors
    /// When the statement cannot be read or is about another key.
    pub fn new(key: MemberKey, statement_jws: String) -> Result<Self, IdentityError> {
        Self::of(Arc::new(key), statement_jws)
    }

    /// The same key and person with another statement.
    pub(crate) fn renewed(&self, statement_jws: String) -> Result<Self, IdentityError> {
        let renewed = Self::of(Arc::clone(&self.key), statement_jws)?;
        if renewed.subject == self.subject { Ok(renewed) } else { Err(IdentityError::OtherSubject) }
    }

    fn of(key: Arc<MemberKey>, jws: String) -> Result<Self, IdentityError> {
        let statement = Statement::peek(jws.as_bytes()).map_err(IdentityError::Statement)?;
        if statement.key_thumbprint != key.thumbprint() {
            return Err(IdentityError::OtherKey);
        }
        Ok(Self { key, jws, subject: statement.subject })
    }

    /// The account service's opaque name for the person.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The leaf signature key's public half.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.key.public_key()
    }

    /// A signature under a label that stands at the message's beginning.
    pub(crate) fn sign_own(&self, message: &[u8]) -> [u8; 64] {
        self.key.0.sign(message).to_bytes()
    }

    pub(crate) fn jws(&self) -> &[u8] {
        self.jws.as_bytes()
    }

    pub(crate) fn credential(&self) -> CredentialWithKey {
        CredentialWithKey {
            credential: Credential::new(STATEMENT_CREDENTIAL, self.jws.clone().into_bytes()),
            signature_key: self.public_key().as_slice().into(),
        }
    }
}

impl Signer for MemberIdentity {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        self.key
            .0
            .try_sign(payload)
            .map(|signature| signature.to_bytes().to_vec())
            .map_err(|_| SignerError::SigningError)
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// RFC 7638 thumbprint of an Ed25519 public key as JWK (RFC 8037), base64url without padding.
#[must_use]
pub fn thumbprint(public_key: &[u8; 32]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public_key);
    let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(jwk))
}

/// What names an organizer in an invitation: SHA-256 of its leaf signature key.
pub(crate) fn fingerprint(public_key: &[u8; 32]) -> [u8; 32] {
    Sha256::digest(public_key).into()
}

impl fmt::Debug for MemberKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemberKey").finish_non_exhaustive()
    }
}

impl fmt::Debug for MemberIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemberIdentity").finish_non_exhaustive()
    }
}

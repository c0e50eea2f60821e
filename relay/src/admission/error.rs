use isi_wire::CloseCode;

/// Why a token did not open the door. One variant per reason; the client is told only the [`CloseCode`].
///
/// No variant holds anything of the token: these go to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AdmissionError {
    /// Not three base64url parts with a JSON header and JSON claims, or longer than a token may be.
    #[error("the token is no compact JWT")]
    NotAToken,
    /// `alg` is not `EdDSA`, `typ` is not `JWT`, or a header asks for what is not understood.
    #[error("the token's header names another algorithm, another type or critical extensions")]
    WrongHeader,
    /// There is no `kid`.
    #[error("the token names no key (kid)")]
    NoKeyId,
    /// No issuer key has the token's `kid`.
    #[error("the token's key (kid) is not in the key set: is the relay's jwks_file current?")]
    UnknownKey,
    /// The signature does not verify.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// A claim is missing, has another type or a value that does not exist.
    #[error("a claim of the token is missing or has a value that does not exist")]
    BadClaims,
    /// `iss` is not the configured issuer.
    #[error("the token is from another issuer")]
    WrongIssuer,
    /// `aud` is none of this relay's origins.
    #[error("the token is for another relay: is its origin in admission.origins?")]
    WrongAudience,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` lies in the future.
    #[error("the token is not valid yet: do the clocks of relay and account service agree?")]
    NotYetValid,
    /// `exp` is more than ten minutes after `iat`, or not after it.
    #[error("the token lives longer than ten minutes, or no time at all")]
    WrongLifetime,
    /// The presented key is not the one that the token names.
    #[error("the presented key is not the token's (cnf): the token is stolen or mixed up")]
    OtherKey,
    /// The signature over the connection's nonces and exporter is wrong.
    #[error("the connection does not prove the token's key: the token is stolen or was relayed")]
    BadProof,
    /// A refreshing token is for another subject, session or key than the connection.
    #[error("the refreshing token is for another subject, session or key")]
    OtherIdentity,
}

impl AdmissionError {
    /// Every reason.
    pub const ALL: &'static [Self] = &[
        Self::NotAToken,
        Self::WrongHeader,
        Self::NoKeyId,
        Self::UnknownKey,
        Self::BadSignature,
        Self::BadClaims,
        Self::WrongIssuer,
        Self::WrongAudience,
        Self::Expired,
        Self::NotYetValid,
        Self::WrongLifetime,
        Self::OtherKey,
        Self::BadProof,
        Self::OtherIdentity,
    ];

    /// What the connection is closed with.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::NotAToken
            | Self::WrongHeader
            | Self::NoKeyId
            | Self::UnknownKey
            | Self::BadSignature
            | Self::BadClaims
            | Self::WrongIssuer
            | Self::NotYetValid
            | Self::WrongLifetime
            | Self::OtherIdentity => CloseCode::TokenRefused,
            Self::WrongAudience => CloseCode::WrongAudience,
            Self::Expired => CloseCode::TokenExpired,
            Self::OtherKey | Self::BadProof => CloseCode::ProofRefused,
        }
    }

    /// The reason in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotAToken => "not_a_token",
            Self::WrongHeader => "wrong_header",
            Self::NoKeyId => "no_key_id",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::BadClaims => "bad_claims",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongLifetime => "wrong_lifetime",
            Self::OtherKey => "other_key",
            Self::BadProof => "bad_proof",
            Self::OtherIdentity => "other_identity",
        }
    }
}

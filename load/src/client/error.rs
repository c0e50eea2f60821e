use isi_account::ClaimsError;
use isi_wire::{CloseCode, DecodeError, RefuseReason};
use quinn::{ConnectionError, ReadError, ReadExactError, WriteError};
use std::io;

/// Why no client can be made at all. The caller's, or the system's.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The PEM holds no certificate that can be a trust anchor.
    #[error(
        "the CA file holds no usable PEM certificate; give the file that was made with the relay's certificate"
    )]
    NoCertificate,
    /// The operating system offers no certificates.
    #[error("the operating system has no CA certificates; install them (ca-certificates) or name a CA file")]
    NoSystemCertificates,
    /// No TLS with these.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// No key for the join proofs.
    #[error("the system gives no key for the clients' proofs; check that getrandom or /dev/urandom works")]
    NoKey,
}

/// Why a client did not come in, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No UDP socket; more clients than the system allows.
    #[error(
        "no socket for another client: {0}; raise the limit of open files (ulimit -n), or use fewer clients"
    )]
    Socket(#[from] io::Error),
    /// Nobody answers at the relay's address.
    #[error("no relay answers at the address; check that isi-relay runs there")]
    Unreachable,
    /// TLS or QUIC do not come about: another certificate, another version.
    #[error("the relay was not believed: {0}; name the CA of its certificate with --ca")]
    NotBelieved(String),
    /// The relay did not finish the handshake: it is busy or full.
    #[error("the relay turned a client away before it was in; use fewer joins per second, or see its limits")]
    TurnedAway,
    /// The relay closed the connection.
    #[error(
        "the relay closed the connection ({0:?}); check the account key, the relay's clock and its limits"
    )]
    Closed(CloseCode),
    /// The connection was lost.
    #[error("the connection was lost ({0}); is the relay still running?")]
    Lost(String),
    /// The relay refused a request.
    #[error("the relay refused what the load needs ({0:?}); check its limits and the account's rights")]
    Refused(RefuseReason),
    /// The relay said what nobody expects here.
    #[error("the relay does not speak this version of the protocol; use programs of the same version")]
    Protocol,
    /// The token cannot be signed.
    #[error("no token can be signed: {0}")]
    Token(#[from] ClaimsError),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes; check that getrandom or /dev/urandom works")]
    NoRandomness,
}

impl From<ConnectionError> for ClientError {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => CloseCode::from_code(close.error_code.into_inner())
                .map_or_else(|| Self::Lost(close.to_string()), Self::Closed),
            ConnectionError::TransportError(error) if is_alert(error.code) => {
                Self::NotBelieved(error.to_string())
            }
            ConnectionError::ConnectionClosed(close) if is_alert(close.error_code) => {
                Self::NotBelieved(close.to_string())
            }
            ConnectionError::ConnectionClosed(_) => Self::TurnedAway,
            ConnectionError::TransportError(error) => Self::Lost(error.to_string()),
            ConnectionError::VersionMismatch => Self::NotBelieved("another version of QUIC".to_owned()),
            ConnectionError::TimedOut
            | ConnectionError::Reset
            | ConnectionError::CidsExhausted
            | ConnectionError::LocallyClosed => Self::Lost(error.to_string()),
        }
    }
}

/// TLS alerts are codes 0x100 to 0x1ff (RFC 9001 section 4.8).
fn is_alert(code: quinn::TransportErrorCode) -> bool {
    (0x100..0x200).contains(&u64::from(code))
}

impl From<WriteError> for ClientError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::ConnectionLost(error) => error.into(),
            WriteError::Stopped(_) | WriteError::ClosedStream | WriteError::ZeroRttRejected => Self::Protocol,
        }
    }
}

impl From<ReadError> for ClientError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::ConnectionLost(error) => error.into(),
            _ => Self::Protocol,
        }
    }
}

impl From<ReadExactError> for ClientError {
    fn from(error: ReadExactError) -> Self {
        match error {
            ReadExactError::ReadError(error) => error.into(),
            ReadExactError::FinishedEarly(_) => Self::Protocol,
        }
    }
}

impl From<DecodeError> for ClientError {
    fn from(_: DecodeError) -> Self {
        Self::Protocol
    }
}

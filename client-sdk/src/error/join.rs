use super::Disconnected;
use crate::credentials::TokenError;
use crate::transport::TrustError;
use isi_e2ee::{CreateError, DenyReason, PendingError, WelcomeRefused};

/// Why a session was not created or joined. Nothing is left behind: try again after the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The trust anchors cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Token and invitation name different sessions.
    #[error("token and invitation are for different sessions; get a token for the invitation's session")]
    OtherSession,
    /// The relay's name has no address.
    #[error("the relay's name cannot be resolved; check the URL and the network")]
    Unresolved,
    /// This machine gives no UDP socket.
    #[error("cannot open a UDP socket: {0}; check the machine's network")]
    Socket(std::io::Error),
    /// Nobody answers.
    #[error(
        "no relay answers at this address; check the URL, that the relay runs, and that UDP gets through"
    )]
    Unreachable,
    /// The relay's certificate is not one of a trusted authority, or is for another name.
    #[error("the relay's certificate is not trusted for this name ({0}); check the URL and the CA file")]
    Certificate(String),
    /// Something else than an isi/1 relay answers, or one without X25519MLKEM768.
    #[error("what answers there is no isi/1 relay with X25519MLKEM768; check the URL, or update the relay")]
    Incompatible,
    /// The relay refused this client.
    #[error("the relay refused: {0}")]
    Refused(Disconnected),
    /// The relay refused to pass something on that a join needs.
    #[error("the relay refused a request that joining needs: {0}")]
    Request(super::Refusal),
    /// No organizer let this client in within the time of the options.
    #[error("no organizer admitted you in time; ask whoever invited you to be there, then try again")]
    NotAdmitted,
    /// The organizer who invited was not heard in the group that this client was let into.
    #[error(
        "the organizer who invited you did not confirm this group in time: it is not there, or the group is not its own; \
         ask it for another invitation"
    )]
    NotConfirmed,
    /// An organizer answered that it does not let this client in.
    #[error("you were not let in: {reason}")]
    Denied {
        /// Why, and what to do.
        reason: DenyReason,
    },
    /// An organizer's Welcome cannot be believed or used.
    #[error("the welcome into the group was refused: {0}")]
    Welcome(#[from] WelcomeRefused),
    /// The group could not be made.
    #[error("the group could not be created: {0}")]
    Create(#[from] CreateError),
    /// The identity makes no join request.
    #[error("no join request can be made of this identity: {0}")]
    Identity(#[from] PendingError),
    /// The system gave no random bytes.
    #[error("the system gives no random bytes; check the machine")]
    NoRandomness,
}

//! What goes in and out of a session, beside the messages of the wire.

use crate::Grants;
use crate::arena::Key;
use crate::group::{Egress, Group};
use isi_wire::{CloseCode, Incarnation, ParticipantId, ResetCode};
use std::fmt;

/// Who somebody is across connections: a hash of issuer and subject, made by the shell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectId(pub [u8; 32]);

impl fmt::Debug for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectId({:02x}{:02x}..)", self.0[0], self.0[1])
    }
}

/// A group on its way in. Unique for as long as the session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IngressId(pub(crate) Key<Group>);

/// A group on its way to one receiver. Unique for as long as the session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EgressId(pub(crate) Key<Egress>);

/// Who comes in, and with what rights. The shell has verified token and proof.
#[derive(Clone, Debug)]
pub struct JoinParams {
    /// Fresh random id of this connection, drawn by the shell.
    pub participant: ParticipantId,
    /// Who it is; a kick bars the subject.
    pub subject: SubjectId,
    /// What the token allows.
    pub grants: Grants,
    /// Seconds until the token ends this connection; told to the client.
    pub expires_in_s: u32,
    /// The log life and the next sequence number the client wants.
    pub resume: Option<(Incarnation, u64)>,
}

/// Why nobody came in. Close the connection with [`close_code`](Self::close_code).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinRefused {
    /// The subject was kicked; only a new session lets it in.
    #[error("the subject was removed from this session")]
    Barred,
    /// The session has as many participants as it may have.
    #[error("the session is full: raise participants_max or let somebody leave")]
    Full,
    /// The session was closed; drop it and make a new one.
    #[error("the session was closed")]
    Closed,
    /// The id is taken. The shell's mistake: draw another one.
    #[error("the participant id is taken: draw another one")]
    DuplicateParticipant,
}

impl JoinRefused {
    /// What to tell the client.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::Barred => CloseCode::Kicked,
            Self::Full => CloseCode::Full,
            Self::Closed => CloseCode::SessionClosed,
            Self::DuplicateParticipant => CloseCode::Internal,
        }
    }
}

/// A client broke the protocol. Close its connection with `code`, then call
/// [`leave`](crate::Session::leave); nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("protocol violation: {what}")]
pub struct Violation {
    /// For CONNECTION_CLOSE.
    pub code: CloseCode,
    /// The rule that was broken; fit for a log.
    pub what: &'static str,
}

/// Why a group is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupRefused {
    /// Stop this stream with the code; the connection goes on.
    #[error("the group is not wanted: stop its stream with {0:?}")]
    Reset(ResetCode),
    /// Close the connection.
    #[error(transparent)]
    Violation(#[from] Violation),
}

/// What became of a batch of chunks.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// All of them are on their way. Read on.
    Accepted,
    /// No room for those that are still in the queue. Read nothing until [`Wake::Ingress`], then push them again.
    Full,
    /// Nobody wants the rest: stop the stream with this code and forget the ingress.
    Stop(ResetCode),
}

/// Something to look after. Each at most once until it was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wake {
    /// Call [`next_write`](crate::Session::next_write) until it has nothing; that serves it.
    Writer(ParticipantId),
    /// Chunks were left ([`Full`](PushOutcome::Full)); push them again, which serves it.
    Ingress(IngressId),
}

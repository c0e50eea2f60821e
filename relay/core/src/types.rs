//! What goes in and out of a session, beside the messages of the wire.

use crate::Grants;
use crate::arena::Key;
use crate::group::{Egress, Group};
use bytes::Bytes;
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

/// What became of a chunk.
#[must_use]
#[derive(Clone, PartialEq, Eq)]
pub enum ChunkOutcome {
    /// On its way. Read on.
    Accepted,
    /// No room: here it is back. Read nothing until [`Wake::Ingress`], then push it again.
    Full(Bytes),
    /// Nobody wants the rest: stop the stream with this code and forget the ingress.
    Stop(ResetCode),
}

impl fmt::Debug for ChunkOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("Accepted"),
            Self::Full(chunk) => write!(f, "Full({} bytes)", chunk.len()),
            Self::Stop(code) => write!(f, "Stop({code:?})"),
        }
    }
}

/// Something to look after. Each at most once until it was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wake {
    /// Call [`next_write`](crate::Session::next_write) until it has nothing; that serves it.
    Writer(ParticipantId),
    /// A chunk came back [`Full`](ChunkOutcome::Full); push it again, which serves it.
    Ingress(IngressId),
}

/// Counters of a session. No label here names anybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionStats {
    /// Participants now.
    pub participants: usize,
    /// Tracks now.
    pub tracks: usize,
    /// Ciphertext of groups and datagrams in memory now.
    pub resident_bytes: usize,
    /// Ciphertext of the log in memory now, Welcomes included.
    pub log_bytes: usize,
    /// Most of both at any time.
    pub total_bytes_peak: usize,
    /// Chunks and datagrams accepted, in bytes.
    pub bytes_in: u64,
    /// Chunks and datagrams handed to writers, in bytes.
    pub bytes_out: u64,
    /// Input tracks closed over budget.
    pub input_tracks_closed: u64,
    /// Datagrams not delivered, counted per receiver.
    pub datagrams_dropped: u64,
    /// Media and bulk groups reset over budget or as stale, counted per receiver.
    pub groups_reset: u64,
    /// Log entries not delivered, counted per receiver.
    pub log_entries_skipped: u64,
    /// Entries the log has sequenced.
    pub log_entries: u64,
    /// Keyframes asked of publishers.
    pub keyframe_requests: u64,
    /// Times an ingress was told to wait.
    pub backpressure: u64,
}

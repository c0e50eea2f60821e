use isi_relay_core::Violation;
use isi_wire::{CloseCode, DecodeError, LeaveReason};
use quinn::{Connection, ConnectionError, VarInt};

/// Why a connection ends: what its peer is told, and what the others are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) code: CloseCode,
    pub(super) reason: LeaveReason,
}

impl End {
    /// The peer closed the connection, or nothing was heard of it for the idle timeout. It cannot be told any more.
    pub(super) const fn lost() -> Self {
        Self { code: CloseCode::Done, reason: LeaveReason::Lost }
    }

    /// The client said that it leaves.
    pub(super) const fn left() -> Self {
        Self { code: CloseCode::Done, reason: LeaveReason::Left }
    }

    pub(super) const fn expired() -> Self {
        Self { code: CloseCode::TokenExpired, reason: LeaveReason::Expired }
    }

    pub(super) const fn violation(code: CloseCode) -> Self {
        Self { code, reason: LeaveReason::Violation }
    }

    /// The session's own decision, which its core has told the others about already.
    pub(super) const fn closed_by_core(code: CloseCode) -> Self {
        let reason = match code {
            CloseCode::Kicked => LeaveReason::Kicked,
            CloseCode::TokenExpired => LeaveReason::Expired,
            CloseCode::ProtocolViolation | CloseCode::Malformed | CloseCode::Flood | CloseCode::Forbidden => {
                LeaveReason::Violation
            }
            _ => LeaveReason::Left,
        };
        Self { code, reason }
    }

    /// A peer that closes its connection as done has left as well as one that says so.
    pub(super) fn seen_from(self, connection: &Connection) -> Self {
        match connection.close_reason() {
            Some(ConnectionError::ApplicationClosed(close))
                if close.error_code.into_inner() == CloseCode::Done as u64 =>
            {
                Self::left()
            }
            _ => self,
        }
    }

    pub(super) fn close(self, connection: &Connection) {
        connection.close(VarInt::from_u32(self.code as u32), b"");
    }
}

impl From<DecodeError> for End {
    fn from(_: DecodeError) -> Self {
        Self::violation(CloseCode::Malformed)
    }
}

impl From<ConnectionError> for End {
    fn from(_: ConnectionError) -> Self {
        Self::lost()
    }
}

impl From<Violation> for End {
    fn from(violation: Violation) -> Self {
        tracing::debug!(rule = violation.what, "a client broke the protocol");
        Self::violation(violation.code)
    }
}

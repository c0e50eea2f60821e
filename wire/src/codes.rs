use crate::DecodeError;
use crate::class::byte_enum;
use crate::codec::{Field, get_u8};
use bytes::Bytes;

macro_rules! code_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $value:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum $name { $($(#[$vmeta])* $variant = $value),+ }

        impl $name {
            /// Every code, in the order of SPEC.md.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code of this number, if this version knows it.
            #[must_use]
            pub fn from_code(code: u64) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| u64::from(*known as u32) == code)
            }
        }
    };
}

code_enum! {
    /// QUIC application error code with which a connection is closed (RFC 9000 section 20.2).
    CloseCode {
        /// The client left or the relay has nothing more to say.
        Done = 0x00,
        /// The relay failed; the client may reconnect.
        Internal = 0x01,
        /// A message that cannot stand where it stood (client's bug).
        ProtocolViolation = 0x02,
        /// Bytes that do not decode (client's bug).
        Malformed = 0x03,
        /// No valid join within the time allowed.
        JoinTimeout = 0x04,
        /// The token's signature, key, issuer or claims were refused.
        TokenRefused = 0x05,
        /// The token has expired, or was not refreshed in time.
        TokenExpired = 0x06,
        /// The connection does not prove the key that the token names: a stolen token.
        ProofRefused = 0x07,
        /// The token is for another relay.
        WrongAudience = 0x08,
        /// Removed from the session by an organizer.
        Kicked = 0x09,
        /// The session was closed by an organizer.
        SessionClosed = 0x0a,
        /// More messages, streams or bytes than the limits of SPEC.md allow.
        Flood = 0x0b,
        /// The relay or the session is full; try another node or later.
        Full = 0x0c,
        /// The node is going away.
        Draining = 0x0d,
        /// The token does not allow what was asked.
        Forbidden = 0x0e,
    }
}

code_enum! {
    /// Code of RESET_STREAM and STOP_SENDING on group and log streams.
    ResetCode {
        /// A newer group has taken its place.
        Stale = 0x100,
        /// The receiver's budget for the class was used up.
        OverBudget = 0x101,
        /// The track has ended or its publisher left.
        TrackEnded = 0x102,
        /// The sender gave the group up.
        Cancelled = 0x103,
        /// The receiver does not want the track.
        Unsubscribed = 0x104,
        /// The stream's header names a track, class or group that cannot be.
        BadHeader = 0x105,
    }
}

byte_enum! {
    /// Why the relay refused a request. The session goes on.
    RefuseReason, "refuse reason" {
        /// The token does not grant it.
        Forbidden = 1,
        /// No such track, participant or request target.
        NotFound = 2,
        /// A limit of the session or of the token was reached.
        Limit = 3,
        /// The compare-and-set failed: another commit came first.
        Conflict = 4,
        /// The log's incarnation is another one.
        WrongIncarnation = 5,
        /// The kind, class and audience do not go together.
        Mismatch = 6,
        /// The token in a refresh was refused.
        TokenRefused = 7,
        /// The track id is in use by this participant.
        Duplicate = 8,
    }
}

byte_enum! {
    /// Why a participant is gone.
    LeaveReason, "leave reason" {
        /// It said so.
        Left = 1,
        /// Its connection was lost.
        Lost = 2,
        /// An organizer removed it.
        Kicked = 3,
        /// Its token ran out.
        Expired = 4,
        /// It broke the protocol.
        Violation = 5,
    }
}

byte_enum! {
    /// Why a track is gone.
    TrackEndReason, "track end reason" {
        /// Its publisher ended it.
        Unpublished = 1,
        /// Its publisher is gone.
        PublisherLeft = 2,
        /// Its only receiver is gone.
        ReceiverLeft = 3,
        /// A reliable class ran over its budget: nothing more would arrive in order.
        OverBudget = 4,
    }
}

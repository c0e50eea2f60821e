use crate::codec::{Field, get_array, get_u8, get_varint_u32};
use crate::{DecodeError, get_varint, put_varint};
use bytes::Bytes;
use std::fmt;

/// A session: 16 random bytes drawn by whoever makes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub [u8; 16]);

/// One connection's place in a session: 8 random bytes drawn by the relay, never a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParticipantId(pub u64);

/// A sender's own number for one of its tracks, part of the object's key id. Never reused in an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackId(pub u32);

/// The relay's number for a track, unique in its session for as long as the session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackAlias(pub u32);

/// Ties an answer to its request; drawn by the client, unique among its unanswered requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u32);

/// One life of a session's log: 16 random bytes drawn by the relay when the session begins there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Incarnation(pub [u8; 16]);

/// 32 random bytes that one side adds to the join proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionNonce(pub [u8; 32]);

/// Where a log stands, as far as MLS handshakes are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogPosition {
    /// Which life of the log.
    pub incarnation: Incarnation,
    /// Sequence number of the last commit, 0 before the first.
    pub last_handshake: u64,
}

/// Whom a track or log entry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Everyone in the session who may receive the kind.
    Everyone,
    /// One participant.
    One(ParticipantId),
    /// Everyone whose token holds the right `admit`.
    Organizers,
}

// Ids are opaque but they link a person's connections: logs get four bytes, enough to tell them apart.
impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({:02x}{:02x}..)", self.0[0], self.0[1])
    }
}

impl fmt::Debug for ParticipantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ParticipantId({:08x}..)", self.0 >> 32)
    }
}

macro_rules! byte_array_field {
    ($name:ident) => {
        impl Field for $name {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0);
            }
            fn get(input: &mut Bytes) -> Result<Self, DecodeError> {
                get_array(input).map(Self)
            }
        }
    };
}

macro_rules! varint_u32_field {
    ($name:ident, $field:literal) => {
        impl Field for $name {
            fn put(&self, out: &mut Vec<u8>) {
                put_varint(out, u64::from(self.0));
            }
            fn get(input: &mut Bytes) -> Result<Self, DecodeError> {
                get_varint_u32(input, $field).map(Self)
            }
        }
    };
}

byte_array_field!(SessionId);
byte_array_field!(Incarnation);
byte_array_field!(ConnectionNonce);
varint_u32_field!(TrackId, "track id");
varint_u32_field!(TrackAlias, "track alias");
varint_u32_field!(RequestId, "request id");

impl Field for ParticipantId {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
    }
    fn get(input: &mut Bytes) -> Result<Self, DecodeError> {
        get_array(input).map(|bytes| Self(u64::from_be_bytes(bytes)))
    }
}

impl Field for LogPosition {
    fn put(&self, out: &mut Vec<u8>) {
        self.incarnation.put(out);
        put_varint(out, self.last_handshake);
    }
    fn get(input: &mut Bytes) -> Result<Self, DecodeError> {
        Ok(Self { incarnation: Incarnation::get(input)?, last_handshake: get_varint(input)? })
    }
}

impl Field for Audience {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Everyone => out.push(0),
            Self::One(participant) => {
                out.push(1);
                participant.put(out);
            }
            Self::Organizers => out.push(2),
        }
    }
    fn get(input: &mut Bytes) -> Result<Self, DecodeError> {
        match get_u8(input)? {
            0 => Ok(Self::Everyone),
            1 => ParticipantId::get(input).map(Self::One),
            2 => Ok(Self::Organizers),
            value => Err(DecodeError::InvalidValue { field: "audience", value: u64::from(value) }),
        }
    }
}

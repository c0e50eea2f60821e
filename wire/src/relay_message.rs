use crate::codec::{Field, decode_whole, get_list, get_option, get_u8, get_varint_u32, put_option};
use crate::limits::{PARTICIPANTS_PER_SESSION_MAX, TRACKS_PER_SESSION_MAX};
use crate::{
    ConnectionNonce, DecodeError, DeliveryClass, Frame, LeaveReason, LogPosition, ParticipantId,
    RefuseReason, RequestId, TrackAlias, TrackEndReason, TrackId, TrackKind, TrackReport, get_varint,
    put_varint,
};
use bytes::Bytes;

/// What the relay says on the control stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayMessage {
    /// Answers `Hello`: the relay's half of the proof's freshness.
    Challenge {
        /// 32 fresh random bytes.
        nonce: ConnectionNonce,
    },
    /// The client is in.
    Joined(Joined),
    /// A request was carried out.
    Done {
        /// Which.
        request: RequestId,
    },
    /// A request was refused; nothing changed.
    Refused {
        /// Which.
        request: RequestId,
        /// Why.
        reason: RefuseReason,
        /// For a refused commit: where the log stands now.
        position: Option<LogPosition>,
    },
    /// A track was accepted.
    Published {
        /// Which request.
        request: RequestId,
        /// Its number in stream headers and datagrams.
        alias: TrackAlias,
    },
    /// An upload to the log was given its place.
    Appended {
        /// Which request.
        request: RequestId,
        /// Its sequence number.
        sequence: u64,
    },
    /// Somebody came.
    ParticipantJoined {
        /// Who.
        participant: ParticipantId,
    },
    /// Somebody is gone.
    ParticipantLeft {
        /// Who.
        participant: ParticipantId,
        /// Why.
        reason: LeaveReason,
    },
    /// A track this client may subscribe to, or that is directed at it.
    TrackAdded(TrackInfo),
    /// A track is gone.
    TrackRemoved {
        /// Which.
        alias: TrackAlias,
        /// Why.
        reason: TrackEndReason,
    },
    /// Some receiver needs a new group of this client's track.
    KeyframeWanted {
        /// Which track.
        alias: TrackAlias,
    },
    /// Entries this client should have had are gone.
    LogGap {
        /// First lost sequence number.
        first: u64,
        /// Last lost sequence number.
        last: u64,
    },
    /// Objects of a live or media track were dropped for this receiver, counted since the last such message.
    Dropped {
        /// Which track.
        alias: TrackAlias,
        /// How many datagrams or groups.
        count: u32,
    },
    /// How this client's track reaches its receivers. At most once per second and track, when something has changed.
    TrackReport(TrackReport),
}

/// Where a client has come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// This connection's id.
    pub participant: ParticipantId,
    /// Where the log stands as to handshakes.
    pub position: LogPosition,
    /// Sequence number that the next log entry will get.
    pub next_sequence: u64,
    /// Seconds until the token ends this connection, unless it is refreshed.
    pub expires_in_s: u32,
    /// Everybody else.
    pub participants: Vec<ParticipantId>,
    /// Tracks this client may receive.
    pub tracks: Vec<TrackInfo>,
}

/// A track as its receivers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackInfo {
    /// Its number in stream headers and datagrams.
    pub alias: TrackAlias,
    /// Whose it is. A claim of the relay: only the object's signature proves it.
    pub participant: ParticipantId,
    /// The sender's own number.
    pub track: TrackId,
    /// What it carries.
    pub kind: TrackKind,
    /// How it is delivered.
    pub class: DeliveryClass,
    /// Whether this client is the only receiver. Directed tracks need no subscription.
    pub directed: bool,
}

impl RelayMessage {
    /// Appends the message as a frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        let frame_type = self.encode_body(&mut body);
        Frame::encode(frame_type, &body, out);
    }

    fn encode_body(&self, out: &mut Vec<u8>) -> u64 {
        match self {
            Self::Challenge { nonce } => {
                nonce.put(out);
                0x40
            }
            Self::Joined(joined) => {
                joined.put(out);
                0x41
            }
            Self::Done { request } => {
                request.put(out);
                0x42
            }
            Self::Refused { request, reason, position } => {
                request.put(out);
                reason.put(out);
                put_option(out, position.as_ref(), |out, position| position.put(out));
                0x43
            }
            Self::Published { request, alias } => {
                request.put(out);
                alias.put(out);
                0x44
            }
            Self::Appended { request, sequence } => {
                request.put(out);
                put_varint(out, *sequence);
                0x45
            }
            Self::ParticipantJoined { participant } => {
                participant.put(out);
                0x46
            }
            Self::ParticipantLeft { participant, reason } => {
                participant.put(out);
                reason.put(out);
                0x47
            }
            Self::TrackAdded(track) => {
                track.put(out);
                0x48
            }
            Self::TrackRemoved { alias, reason } => {
                alias.put(out);
                reason.put(out);
                0x49
            }
            Self::KeyframeWanted { alias } => {
                alias.put(out);
                0x4a
            }
            Self::LogGap { first, last } => {
                put_varint(out, *first);
                put_varint(out, *last);
                0x4b
            }
            Self::Dropped { alias, count } => {
                alias.put(out);
                put_varint(out, u64::from(*count));
                0x4c
            }
            Self::TrackReport(report) => {
                report.put(out);
                0x4d
            }
        }
    }

    /// Decodes a frame of the control stream.
    ///
    /// # Errors
    /// Any [`DecodeError`]: the relay is at fault.
    pub fn decode(frame: Frame) -> Result<Self, DecodeError> {
        let Frame { frame_type, body } = frame;
        decode_whole(body, |input| match frame_type {
            0x40 => Ok(Self::Challenge { nonce: Field::get(input)? }),
            0x41 => Joined::get(input).map(Self::Joined),
            0x42 => Ok(Self::Done { request: Field::get(input)? }),
            0x43 => Ok(Self::Refused {
                request: Field::get(input)?,
                reason: Field::get(input)?,
                position: get_option(input, "position", Field::get)?,
            }),
            0x44 => Ok(Self::Published { request: Field::get(input)?, alias: Field::get(input)? }),
            0x45 => Ok(Self::Appended { request: Field::get(input)?, sequence: get_varint(input)? }),
            0x46 => Ok(Self::ParticipantJoined { participant: Field::get(input)? }),
            0x47 => Ok(Self::ParticipantLeft { participant: Field::get(input)?, reason: Field::get(input)? }),
            0x48 => TrackInfo::get(input).map(Self::TrackAdded),
            0x49 => Ok(Self::TrackRemoved { alias: Field::get(input)?, reason: Field::get(input)? }),
            0x4a => Ok(Self::KeyframeWanted { alias: Field::get(input)? }),
            0x4b => Ok(Self::LogGap { first: get_varint(input)?, last: get_varint(input)? }),
            0x4c => Ok(Self::Dropped { alias: Field::get(input)?, count: get_varint_u32(input, "count")? }),
            0x4d => TrackReport::get(input).map(Self::TrackReport),
            value => Err(DecodeError::UnknownType { what: "relay message", value }),
        })
    }
}

impl Field for Joined {
    fn put(&self, out: &mut Vec<u8>) {
        self.participant.put(out);
        self.position.put(out);
        put_varint(out, self.next_sequence);
        put_varint(out, u64::from(self.expires_in_s));
        put_varint(out, self.participants.len() as u64);
        self.participants.iter().for_each(|participant| participant.put(out));
        put_varint(out, self.tracks.len() as u64);
        self.tracks.iter().for_each(|track| track.put(out));
    }

    fn get(input: &mut Bytes) -> Result<Self, DecodeError> {
        Ok(Self {
            participant: Field::get(input)?,
            position: Field::get(input)?,
            next_sequence: get_varint(input)?,
            expires_in_s: get_varint_u32(input, "expires_in_s")?,
            participants: get_list(input, "participants", PARTICIPANTS_PER_SESSION_MAX, Field::get)?,
            tracks: get_list(input, "tracks", TRACKS_PER_SESSION_MAX, Field::get)?,
        })
    }
}

impl Field for TrackInfo {
    fn put(&self, out: &mut Vec<u8>) {
        self.alias.put(out);
        self.participant.put(out);
        self.track.put(out);
        self.kind.put(out);
        self.class.put(out);
        out.push(u8::from(self.directed));
    }

    fn get(input: &mut Bytes) -> Result<Self, DecodeError> {
        Ok(Self {
            alias: Field::get(input)?,
            participant: Field::get(input)?,
            track: Field::get(input)?,
            kind: Field::get(input)?,
            class: Field::get(input)?,
            directed: match get_u8(input)? {
                0 => false,
                1 => true,
                value => {
                    return Err(DecodeError::InvalidValue { field: "directed", value: u64::from(value) });
                }
            },
        })
    }
}

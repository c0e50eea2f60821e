use crate::class::byte_enum;
use crate::codec::{Field, decode_whole, get_bytes, get_list, get_option, get_u8, put_bytes, put_option};
use crate::limits::{LOG_ITEM_BYTES_MAX, LOG_PAYLOAD_BYTES_MAX, WELCOME_BYTES_MAX, WELCOMES_PER_COMMIT_MAX};
use crate::{Audience, DecodeError, Frame, LogPosition, ParticipantId, RequestId, get_varint, put_varint};
use bytes::Bytes;

byte_enum! {
    /// What a log entry is to the relay. Its payload is opaque.
    EntryKind, "entry kind" {
        /// A sealed object: text, private text, lease, signalling.
        Message = 1,
        /// Asks the organizers to be let in.
        JoinRequest = 2,
        /// An MLS proposal as PrivateMessage.
        Proposal = 3,
        /// An MLS commit as PrivateMessage; the only kind that is compared and set.
        Commit = 4,
        /// An MLS Welcome, directed.
        Welcome = 5,
        /// Tells one applicant why it is not let in, directed.
        JoinAnswer = 6,
    }
}

/// What a client sends on its log stream, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogUpload {
    /// A message, join request or proposal, or the answer to a join request.
    Append {
        /// Answered by `Appended` or `Refused`.
        request: RequestId,
        /// Anything but `Commit` and `Welcome`.
        kind: EntryKind,
        /// Who gets it.
        audience: Audience,
        /// Opaque, at most [`LOG_PAYLOAD_BYTES_MAX`] bytes.
        payload: Bytes,
    },
    /// A commit and its Welcome: all is sequenced, or nothing.
    Commit {
        /// Answered by `Appended` or by `Refused` with the log's position.
        request: RequestId,
        /// Where the committer believes the log stands.
        expected: LogPosition,
        /// The commit, at most [`LOG_ITEM_BYTES_MAX`] bytes.
        commit: Bytes,
        /// For those it adds.
        welcome: Option<Welcome>,
    },
}

/// A commit's Welcome: MLS makes one for all it adds, so it is uploaded once (RFC 9420 section 12.4.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// For whom, at most [`WELCOMES_PER_COMMIT_MAX`]; each gets an entry of its own, in this order.
    pub participants: Vec<ParticipantId>,
    /// Opaque, at most [`WELCOME_BYTES_MAX`] bytes.
    pub payload: Bytes,
}

/// One entry as the relay delivers it. Numbers rise without repeating; those of entries directed at others
/// are missing, those the relay dropped are told in `LogGap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place in the session's log.
    pub sequence: u64,
    /// Who uploaded it. A claim of the relay: only the payload's signature proves it.
    pub sender: ParticipantId,
    /// What it is.
    pub kind: EntryKind,
    /// Sequence number of the last commit before this entry; a member that has not seen that one has a gap.
    pub last_handshake: u64,
    /// Whether only some participants receive it.
    pub directed: bool,
    /// Opaque.
    pub payload: Bytes,
}

impl LogUpload {
    /// Appends the item as a frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        let frame_type = match self {
            Self::Append { request, kind, audience, payload } => {
                request.put(&mut body);
                kind.put(&mut body);
                audience.put(&mut body);
                put_bytes(&mut body, payload);
                0x01
            }
            Self::Commit { request, expected, commit, welcome } => {
                request.put(&mut body);
                expected.put(&mut body);
                put_bytes(&mut body, commit);
                put_option(&mut body, welcome.as_ref(), |out, welcome| {
                    put_varint(out, welcome.participants.len() as u64);
                    welcome.participants.iter().for_each(|participant| participant.put(out));
                    put_bytes(out, &welcome.payload);
                });
                0x02
            }
        };
        Frame::encode(frame_type, &body, out);
    }

    /// Decodes a frame of a client's log stream.
    ///
    /// # Errors
    /// Any [`DecodeError`]: the client is at fault.
    pub fn decode(frame: Frame) -> Result<Self, DecodeError> {
        let Frame { frame_type, body } = frame;
        decode_whole(body, |input| match frame_type {
            0x01 => Ok(Self::Append {
                request: Field::get(input)?,
                kind: get_append_kind(input)?,
                audience: Field::get(input)?,
                payload: get_bytes(input, "payload", LOG_PAYLOAD_BYTES_MAX)?,
            }),
            0x02 => Ok(Self::Commit {
                request: Field::get(input)?,
                expected: Field::get(input)?,
                commit: get_bytes(input, "commit", LOG_ITEM_BYTES_MAX)?,
                welcome: get_option(input, "welcome", |input| {
                    Ok(Welcome {
                        participants: get_list(input, "participants", WELCOMES_PER_COMMIT_MAX, Field::get)?,
                        payload: get_bytes(input, "welcome", WELCOME_BYTES_MAX)?,
                    })
                })?,
            }),
            value => Err(DecodeError::UnknownType { what: "log upload", value }),
        })
    }
}

impl LogEntry {
    /// Appends the entry as a frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.encode_head(out);
        out.extend_from_slice(&self.payload);
    }

    /// Appends the frame without the payload's bytes, which are its last: one payload may stand behind many heads.
    pub fn encode_head(&self, out: &mut Vec<u8>) {
        let mut body = Vec::with_capacity(32);
        put_varint(&mut body, self.sequence);
        self.sender.put(&mut body);
        self.kind.put(&mut body);
        put_varint(&mut body, self.last_handshake);
        body.push(u8::from(self.directed));
        put_varint(&mut body, self.payload.len() as u64);
        put_varint(out, 0x01);
        put_varint(out, (body.len() + self.payload.len()) as u64);
        out.extend_from_slice(&body);
    }

    /// Decodes a frame of the relay's log stream.
    ///
    /// # Errors
    /// Any [`DecodeError`]: the relay is at fault.
    pub fn decode(frame: Frame) -> Result<Self, DecodeError> {
        let Frame { frame_type, body } = frame;
        decode_whole(body, |input| match frame_type {
            0x01 => Ok(Self {
                sequence: get_varint(input)?,
                sender: Field::get(input)?,
                kind: Field::get(input)?,
                last_handshake: get_varint(input)?,
                directed: match get_u8(input)? {
                    0 => false,
                    1 => true,
                    value => {
                        return Err(DecodeError::InvalidValue { field: "directed", value: u64::from(value) });
                    }
                },
                payload: get_bytes(input, "payload", WELCOME_BYTES_MAX)?,
            }),
            value => Err(DecodeError::UnknownType { what: "log entry", value }),
        })
    }
}

/// Commits and Welcomes have their own upload, so that they stay one atomic step.
fn get_append_kind(input: &mut Bytes) -> Result<EntryKind, DecodeError> {
    match EntryKind::get(input)? {
        kind
        @ (EntryKind::Message | EntryKind::JoinRequest | EntryKind::Proposal | EntryKind::JoinAnswer) => {
            Ok(kind)
        }
        kind @ (EntryKind::Commit | EntryKind::Welcome) => {
            Err(DecodeError::InvalidValue { field: "entry kind", value: kind as u64 })
        }
    }
}

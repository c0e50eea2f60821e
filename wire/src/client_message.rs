use crate::codec::{Field, decode_whole, get_array, get_bytes, get_option, put_bytes, put_option};
use crate::limits::TOKEN_BYTES_MAX;
use crate::{
    Audience, ConnectionNonce, DecodeError, DeliveryClass, Frame, Incarnation, ParticipantId, RequestId,
    TrackAlias, TrackId, TrackKind, get_varint, put_varint,
};
use bytes::Bytes;

/// What a client says on the control stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage {
    /// First message: the client's half of the proof's freshness.
    Hello {
        /// 32 fresh random bytes.
        nonce: ConnectionNonce,
    },
    /// Second message, after the relay's challenge.
    Join {
        /// The JWT, at most [`TOKEN_BYTES_MAX`] bytes.
        token: Bytes,
        /// The Ed25519 key whose RFC 7638 thumbprint the token's `cnf.jkt` holds.
        public_key: [u8; 32],
        /// Ed25519 signature over [`join_proof_message`](crate::join_proof_message).
        proof: [u8; 64],
        /// The log life and the next sequence number this client wants, after a reconnect.
        resume: Option<(Incarnation, u64)>,
    },
    /// A fresh token for the same subject, session and key.
    Refresh {
        /// Answered by `Done` or `Refused`.
        request: RequestId,
        /// The JWT.
        token: Bytes,
    },
    /// Announces a track.
    Publish {
        /// Answered by `Published` or `Refused`.
        request: RequestId,
        /// The sender's own number of the track.
        track: TrackId,
        /// What it carries.
        kind: TrackKind,
        /// How it is delivered.
        class: DeliveryClass,
        /// Whom it is for. Input has exactly one receiver.
        audience: Audience,
    },
    /// Ends a track of one's own.
    Unpublish {
        /// Which.
        alias: TrackAlias,
    },
    /// Asks for a track from its next group on.
    Subscribe {
        /// Answered by `Done` or `Refused`.
        request: RequestId,
        /// Which.
        alias: TrackAlias,
    },
    /// Stops receiving a track.
    Unsubscribe {
        /// Which.
        alias: TrackAlias,
    },
    /// Asks the sender for a new group; the relay coalesces.
    RequestKeyframe {
        /// Which track.
        alias: TrackAlias,
    },
    /// Confirms a Welcome, so that the relay can let go of it.
    AcknowledgeWelcome {
        /// The Welcome's sequence number.
        sequence: u64,
    },
    /// Removes a participant and bars its subject until the session ends or the kick is lifted.
    Kick {
        /// Answered by `Done` or `Refused`.
        request: RequestId,
        /// Whom.
        participant: ParticipantId,
    },
    /// Ends the session for everyone.
    CloseSession {
        /// Answered by `Refused`, or by the connection's end.
        request: RequestId,
    },
    /// Leaves; the relay closes the connection with [`CloseCode::Done`](crate::CloseCode::Done).
    Leave,
}

impl ClientMessage {
    /// Appends the message as a frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        let frame_type = self.encode_body(&mut body);
        Frame::encode(frame_type, &body, out);
    }

    fn encode_body(&self, out: &mut Vec<u8>) -> u64 {
        match self {
            Self::Hello { nonce } => {
                nonce.put(out);
                0x01
            }
            Self::Join { token, public_key, proof, resume } => {
                put_bytes(out, token);
                out.extend_from_slice(public_key);
                out.extend_from_slice(proof);
                put_option(out, resume.as_ref(), |out, (incarnation, next)| {
                    incarnation.put(out);
                    put_varint(out, *next);
                });
                0x02
            }
            Self::Refresh { request, token } => {
                request.put(out);
                put_bytes(out, token);
                0x03
            }
            Self::Publish { request, track, kind, class, audience } => {
                request.put(out);
                track.put(out);
                kind.put(out);
                class.put(out);
                audience.put(out);
                0x04
            }
            Self::Unpublish { alias } => put_alias(out, *alias, 0x05),
            Self::Subscribe { request, alias } => {
                request.put(out);
                put_alias(out, *alias, 0x06)
            }
            Self::Unsubscribe { alias } => put_alias(out, *alias, 0x07),
            Self::RequestKeyframe { alias } => put_alias(out, *alias, 0x08),
            Self::AcknowledgeWelcome { sequence } => {
                put_varint(out, *sequence);
                0x09
            }
            Self::Kick { request, participant } => {
                request.put(out);
                participant.put(out);
                0x0a
            }
            Self::CloseSession { request } => {
                request.put(out);
                0x0b
            }
            Self::Leave => 0x0c,
        }
    }

    /// Decodes a frame of the control stream.
    ///
    /// # Errors
    /// Any [`DecodeError`]: the client is at fault; close it with `Malformed`.
    pub fn decode(frame: Frame) -> Result<Self, DecodeError> {
        let Frame { frame_type, body } = frame;
        decode_whole(body, |input| match frame_type {
            0x01 => Ok(Self::Hello { nonce: Field::get(input)? }),
            0x02 => Ok(Self::Join {
                token: get_bytes(input, "token", TOKEN_BYTES_MAX)?,
                public_key: get_array(input)?,
                proof: get_array(input)?,
                resume: get_option(input, "resume", |input| Ok((Field::get(input)?, get_varint(input)?)))?,
            }),
            0x03 => Ok(Self::Refresh {
                request: Field::get(input)?,
                token: get_bytes(input, "token", TOKEN_BYTES_MAX)?,
            }),
            0x04 => Ok(Self::Publish {
                request: Field::get(input)?,
                track: Field::get(input)?,
                kind: Field::get(input)?,
                class: Field::get(input)?,
                audience: Field::get(input)?,
            }),
            0x05 => Ok(Self::Unpublish { alias: Field::get(input)? }),
            0x06 => Ok(Self::Subscribe { request: Field::get(input)?, alias: Field::get(input)? }),
            0x07 => Ok(Self::Unsubscribe { alias: Field::get(input)? }),
            0x08 => Ok(Self::RequestKeyframe { alias: Field::get(input)? }),
            0x09 => Ok(Self::AcknowledgeWelcome { sequence: get_varint(input)? }),
            0x0a => Ok(Self::Kick { request: Field::get(input)?, participant: Field::get(input)? }),
            0x0b => Ok(Self::CloseSession { request: Field::get(input)? }),
            0x0c => Ok(Self::Leave),
            value => Err(DecodeError::UnknownType { what: "client message", value }),
        })
    }
}

fn put_alias(out: &mut Vec<u8>, alias: TrackAlias, frame_type: u64) -> u64 {
    alias.put(out);
    frame_type
}

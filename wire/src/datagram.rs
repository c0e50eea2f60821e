use crate::codec::Field;
use crate::limits::DATAGRAM_OBJECT_BYTES_MAX;
use crate::{DecodeError, TrackAlias};
use bytes::Bytes;

/// Precedes the one object of a QUIC datagram. The same bytes go in and out of the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramHeader {
    /// Which track; its class must be live.
    pub alias: TrackAlias,
}

impl DatagramHeader {
    /// The whole datagram.
    #[must_use]
    pub fn encode(&self, object: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(8 + object.len());
        self.alias.put(&mut out);
        out.extend_from_slice(object);
        out.into()
    }

    /// Splits a datagram into header and object.
    ///
    /// # Errors
    /// [`DecodeError::TooLarge`] when the object has more than [`DATAGRAM_OBJECT_BYTES_MAX`] bytes,
    /// [`DecodeError::Truncated`] when it has none.
    pub fn decode(mut datagram: Bytes) -> Result<(Self, Bytes), DecodeError> {
        let header = Self { alias: Field::get(&mut datagram)? };
        match datagram.len() {
            0 => Err(DecodeError::Truncated),
            1..=DATAGRAM_OBJECT_BYTES_MAX => Ok((header, datagram)),
            bytes => Err(DecodeError::TooLarge {
                field: "datagram object",
                value: bytes as u64,
                max: DATAGRAM_OBJECT_BYTES_MAX as u64,
            }),
        }
    }
}

use crate::codec::Field;
use crate::limits::OBJECT_BYTES_MAX;
use crate::{DecodeError, DeliveryClass, TrackAlias, get_varint, put_varint};
use bytes::{Buf, Bytes, BytesMut};

/// First varint of every unidirectional stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamType {
    /// One per direction and connection: log items in [`Frame`](crate::Frame)s.
    Log,
    /// One per group of a track.
    Group,
}

impl StreamType {
    const LOG: u64 = 0x01;
    const GROUP: u64 = 0x02;

    /// Appends the type.
    pub fn encode(self, out: &mut Vec<u8>) {
        put_varint(
            out,
            match self {
                Self::Log => Self::LOG,
                Self::Group => Self::GROUP,
            },
        );
    }

    /// Takes the type off the front of a stream.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]: wait for more; anything else: the peer is at fault.
    pub fn decode(input: &mut impl Buf) -> Result<Self, DecodeError> {
        match get_varint(input)? {
            Self::LOG => Ok(Self::Log),
            Self::GROUP => Ok(Self::Group),
            value => Err(DecodeError::UnknownType { what: "stream", value }),
        }
    }
}

/// Opens a group stream, after its type. The same bytes go in and out of the relay; objects follow back to
/// back, each as `length varint, object`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupHeader {
    /// Which track.
    pub alias: TrackAlias,
    /// Number of the group in its track; rises strictly.
    pub group: u64,
    /// How the group is delivered; must be the track's class.
    pub class: DeliveryClass,
    /// Byte offset in the group's object sequence at which this stream begins. 0 for all classes but bulk.
    pub offset: u64,
}

impl GroupHeader {
    /// Longest encoding, in bytes.
    pub const BYTES_MAX: usize = 8 + 8 + 1 + 8;

    /// Appends stream type and header.
    pub fn encode(&self, out: &mut Vec<u8>) {
        StreamType::Group.encode(out);
        self.alias.put(out);
        put_varint(out, self.group);
        self.class.put(out);
        put_varint(out, self.offset);
    }

    /// Takes the header off the front of `input`, after the stream type.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] leaves `input` as it was: wait for more, up to
    /// [`BYTES_MAX`](Self::BYTES_MAX). Anything else: the peer is at fault.
    pub fn decode(input: &mut Bytes) -> Result<Self, DecodeError> {
        let mut rest = input.clone();
        let header = Self {
            alias: Field::get(&mut rest)?,
            group: get_varint(&mut rest)?,
            class: Field::get(&mut rest)?,
            offset: get_varint(&mut rest)?,
        };
        if header.offset != 0 && header.class != DeliveryClass::Bulk {
            return Err(DecodeError::InvalidValue { field: "offset", value: header.offset });
        }
        *input = rest;
        Ok(header)
    }
}

/// Appends the length that precedes an object of `object_bytes` bytes on a group stream.
pub fn write_object_length(out: &mut Vec<u8>, object_bytes: usize) {
    put_varint(out, object_bytes as u64);
}

/// Cuts objects out of a group stream at its receiver. The relay never does.
#[derive(Debug, Default)]
pub struct ObjectBuffer {
    buffered: BytesMut,
}

impl ObjectBuffer {
    /// Adds what the stream delivered. Call [`next_object`](Self::next_object) until it is empty before the
    /// next push: that bounds the memory to one object of at most [`OBJECT_BYTES_MAX`] bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffered.extend_from_slice(bytes);
    }

    /// The next whole object, `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`DecodeError::TooLarge`] or [`DecodeError::NonMinimalVarint`]: give the stream up.
    pub fn next_object(&mut self) -> Result<Option<Bytes>, DecodeError> {
        let mut rest = &self.buffered[..];
        let value = match get_varint(&mut rest) {
            Ok(value) => value,
            Err(DecodeError::Truncated) => return Ok(None),
            Err(error) => return Err(error),
        };
        let max = OBJECT_BYTES_MAX;
        let len = usize::try_from(value).ok().filter(|len| *len <= max).ok_or(DecodeError::TooLarge {
            field: "object length",
            value,
            max: max as u64,
        })?;
        if rest.len() < len {
            return Ok(None);
        }
        let header_len = self.buffered.len() - rest.len();
        self.buffered.advance(header_len);
        Ok(Some(self.buffered.split_to(len).freeze()))
    }

    /// Whether the stream may end here: no object has begun.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffered.is_empty()
    }
}

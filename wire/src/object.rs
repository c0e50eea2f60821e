use crate::codec::{Field, get_array, get_u8};
use crate::{DecodeError, TrackId, TrackKind, get_varint, put_varint};
use bytes::Bytes;

/// SFrame header (RFC 9605 section 4.3): config byte, key id, counter, both in as few bytes as they need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SframeHeader {
    /// `track u32 || leaf u16 || epoch mod 2^16`.
    pub key_id: u64,
    /// Position in the key's nonce sequence.
    pub counter: u64,
}

/// Opens every object; everything in it is authenticated by tag and signature.
///
/// Layout: SFrame header, kind u8, flags u8 (bit 0: keyframe, bit 1: private, bit 2: padded), media group varint, index
/// varint. Ciphertext, 16-byte tag and 64-byte signature follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectHeader {
    /// Key and nonce.
    pub sframe: SframeHeader,
    /// What the object is.
    pub kind: TrackKind,
    /// Whether a receiver may begin here.
    pub keyframe: bool,
    /// Whether the key is that of a private conversation or lease, not of the group.
    pub private: bool,
    /// Whether the plaintext ends with padding, which the receiver takes off.
    pub padded: bool,
    /// The media group it belongs to.
    pub group: u64,
    /// Its place in that group, from 0.
    pub index: u64,
}

impl SframeHeader {
    /// The key id of a sender's track in an epoch.
    #[must_use]
    pub const fn compose_key_id(track: TrackId, leaf: u16, epoch: u64) -> u64 {
        ((track.0 as u64) << 32) | ((leaf as u64) << 16) | (epoch & 0xffff)
    }

    /// Track, leaf and the epoch's low 16 bits.
    #[must_use]
    pub const fn split_key_id(&self) -> (TrackId, u16, u16) {
        let id = self.key_id;
        (TrackId((id >> 32) as u32), ((id >> 16) & 0xffff) as u16, (id & 0xffff) as u16)
    }

    /// Appends the header.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (key_bits, key_len) = nibble(self.key_id);
        let (counter_bits, counter_len) = nibble(self.counter);
        out.push((key_bits << 4) | counter_bits);
        out.extend_from_slice(&self.key_id.to_be_bytes()[8 - key_len..]);
        out.extend_from_slice(&self.counter.to_be_bytes()[8 - counter_len..]);
    }

    /// Takes the header off the front of `input`.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`], or [`DecodeError::NonMinimalVarint`] when a number has leading zeros.
    pub fn decode(input: &mut Bytes) -> Result<Self, DecodeError> {
        let config = get_u8(input)?;
        Ok(Self { key_id: get_nibble(input, config >> 4)?, counter: get_nibble(input, config & 0x0f)? })
    }
}

impl ObjectHeader {
    const KEYFRAME: u8 = 0b01;
    const PRIVATE: u8 = 0b10;
    const PADDED: u8 = 0b100;

    /// Appends the header.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.sframe.encode(out);
        self.kind.put(out);
        let flags =
            [(self.keyframe, Self::KEYFRAME), (self.private, Self::PRIVATE), (self.padded, Self::PADDED)];
        out.push(flags.into_iter().filter(|(is_set, _)| *is_set).fold(0, |all, (_, bit)| all | bit));
        put_varint(out, self.group);
        put_varint(out, self.index);
    }

    /// Takes the header off the front of `object`; what is left is ciphertext, tag and signature.
    ///
    /// # Errors
    /// Any [`DecodeError`]: drop the object; the sender is at fault, or the relay that changed it.
    pub fn decode(object: &mut Bytes) -> Result<Self, DecodeError> {
        let sframe = SframeHeader::decode(object)?;
        let kind = TrackKind::get(object)?;
        let flags = get_u8(object)?;
        if flags & !(Self::KEYFRAME | Self::PRIVATE | Self::PADDED) != 0 {
            return Err(DecodeError::InvalidValue { field: "object flags", value: u64::from(flags) });
        }
        Ok(Self {
            sframe,
            kind,
            keyframe: flags & Self::KEYFRAME != 0,
            private: flags & Self::PRIVATE != 0,
            padded: flags & Self::PADDED != 0,
            group: get_varint(object)?,
            index: get_varint(object)?,
        })
    }
}

/// The four config bits of a number and how many bytes of it follow.
fn nibble(value: u64) -> (u8, usize) {
    if value < 8 {
        return (value.to_be_bytes()[7], 0);
    }
    let len = 8 - value.leading_zeros() as usize / 8;
    (0x08 | (len as u8 - 1), len)
}

fn get_nibble(input: &mut Bytes, bits: u8) -> Result<u64, DecodeError> {
    if bits & 0x08 == 0 {
        return Ok(u64::from(bits));
    }
    let value = match bits & 0x07 {
        0 => u64::from(get_u8(input)?),
        1 => wide::<2>(input)?,
        2 => wide::<3>(input)?,
        3 => wide::<4>(input)?,
        4 => wide::<5>(input)?,
        5 => wide::<6>(input)?,
        6 => wide::<7>(input)?,
        _ => wide::<8>(input)?,
    };
    if nibble(value).0 == bits { Ok(value) } else { Err(DecodeError::NonMinimalVarint) }
}

fn wide<const N: usize>(input: &mut Bytes) -> Result<u64, DecodeError> {
    Ok(get_array::<N>(input)?.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte)))
}

//! Field readers and writers that every message shares.

use crate::{DecodeError, get_varint, put_varint};
use bytes::{Buf, Bytes};

/// Something with a fixed place in a message.
pub(crate) trait Field: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn get(input: &mut Bytes) -> Result<Self, DecodeError>;
}

/// Decodes the whole of `input` with `get` and refuses bytes after it.
pub(crate) fn decode_whole<T>(
    mut input: Bytes,
    get: impl FnOnce(&mut Bytes) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let value = get(&mut input)?;
    if input.is_empty() { Ok(value) } else { Err(DecodeError::TrailingBytes(input.len())) }
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Length-prefixed bytes; shares the input's buffer, so a false length allocates nothing.
pub(crate) fn get_bytes(input: &mut Bytes, field: &'static str, max: usize) -> Result<Bytes, DecodeError> {
    let len = get_count(input, field, max)?;
    if input.len() < len {
        return Err(DecodeError::Truncated);
    }
    Ok(input.split_to(len))
}

/// A varint that may be at most `max`.
pub(crate) fn get_count(input: &mut Bytes, field: &'static str, max: usize) -> Result<usize, DecodeError> {
    let value = get_varint(input)?;
    usize::try_from(value).ok().filter(|count| *count <= max).ok_or(DecodeError::TooLarge {
        field,
        value,
        max: max as u64,
    })
}

pub(crate) fn get_array<const N: usize>(input: &mut Bytes) -> Result<[u8; N], DecodeError> {
    let mut array = [0; N];
    if input.len() < N {
        return Err(DecodeError::Truncated);
    }
    input.copy_to_slice(&mut array);
    Ok(array)
}

pub(crate) fn get_u8(input: &mut Bytes) -> Result<u8, DecodeError> {
    Ok(get_array::<1>(input)?[0])
}

pub(crate) fn get_varint_u32(input: &mut Bytes, field: &'static str) -> Result<u32, DecodeError> {
    let value = get_varint(input)?;
    u32::try_from(value).map_err(|_| DecodeError::TooLarge { field, value, max: u64::from(u32::MAX) })
}

/// A list of at most `max` elements, preceded by its count. Grows as elements arrive, never by the count.
pub(crate) fn get_list<T>(
    input: &mut Bytes,
    field: &'static str,
    max: usize,
    mut get: impl FnMut(&mut Bytes) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = get_count(input, field, max)?;
    let mut list = Vec::new();
    for _ in 0..count {
        list.push(get(input)?);
    }
    Ok(list)
}

/// An optional field: one byte 0 or 1, then the value.
pub(crate) fn get_option<T>(
    input: &mut Bytes,
    field: &'static str,
    get: impl FnOnce(&mut Bytes) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    match get_u8(input)? {
        0 => Ok(None),
        1 => get(input).map(Some),
        value => Err(DecodeError::InvalidValue { field, value: u64::from(value) }),
    }
}

pub(crate) fn put_option<T>(out: &mut Vec<u8>, value: Option<&T>, put: impl FnOnce(&mut Vec<u8>, &T)) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

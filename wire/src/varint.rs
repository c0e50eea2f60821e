use crate::DecodeError;
use bytes::{Buf, BufMut};

/// The largest value a varint holds: 2^62 - 1 (RFC 9000 section 16).
pub const VARINT_MAX: u64 = (1 << 62) - 1;

/// Bytes that `value` takes as a varint: 1, 2, 4 or 8. Values above [`VARINT_MAX`] are a caller's error and
/// count as 8.
#[must_use]
pub const fn varint_len(value: u64) -> usize {
    match value {
        0..=0x3f => 1,
        0x40..=0x3fff => 2,
        0x4000..=0x3fff_ffff => 4,
        _ => 8,
    }
}

/// Appends `value` in its shortest form.
///
/// # Panics
/// If `value` is above [`VARINT_MAX`]: values are ours, never a peer's.
pub fn put_varint(out: &mut impl BufMut, value: u64) {
    assert!(value <= VARINT_MAX, "varint value {value} is above 2^62 - 1");
    match varint_len(value) {
        1 => out.put_u8(value.to_be_bytes()[7]),
        2 => out.put_slice(&(value | 0x4000).to_be_bytes()[6..]),
        4 => out.put_slice(&(value | 0x8000_0000).to_be_bytes()[4..]),
        _ => out.put_u64(value | 0xc000_0000_0000_0000),
    }
}

/// Takes one varint off the front of `input`.
///
/// # Errors
/// [`DecodeError::Truncated`] leaves `input` as it was, so that a stream reader may try again with more
/// bytes; [`DecodeError::NonMinimalVarint`] when a shorter form exists.
pub fn get_varint(input: &mut impl Buf) -> Result<u64, DecodeError> {
    let chunk = input.chunk();
    let first = *chunk.first().ok_or(DecodeError::Truncated)?;
    let len = 1usize << (first >> 6);
    if input.remaining() < len {
        return Err(DecodeError::Truncated);
    }
    let value = input.get_uint(len) & (u64::MAX >> (64 - 8 * len + 2));
    if varint_len(value) == len { Ok(value) } else { Err(DecodeError::NonMinimalVarint) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9000_appendix_a1_values() {
        for (value, hex) in [
            (151_288_809_941_952_652_u64, &[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c][..]),
            (494_878_333, &[0x9d, 0x7f, 0x3e, 0x7d]),
            (15_293, &[0x7b, 0xbd]),
            (37, &[0x25]),
        ] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out, hex);
            assert_eq!(get_varint(&mut &hex[..]), Ok(value));
        }
    }

    #[test]
    fn longer_forms_are_refused() {
        for hex in [&[0x40, 0x25][..], &[0x80, 0, 0, 1], &[0xc0, 0, 0, 0, 0, 0, 0, 1]] {
            assert_eq!(get_varint(&mut &hex[..]), Err(DecodeError::NonMinimalVarint));
        }
    }

    #[test]
    fn truncation_leaves_the_input_alone() {
        for cut in [&[][..], &[0x40], &[0xc2, 0x19, 0x7c]] {
            let mut input = cut;
            assert_eq!(get_varint(&mut input), Err(DecodeError::Truncated));
            assert_eq!(input, cut);
        }
    }
}

use super::{OpenError, SIGNATURE_BYTES};
use crate::suite::TAG_BYTES;
use isi_wire::limits::{DATAGRAM_OBJECT_BYTES_MAX, OBJECT_BYTES_MAX};

/// Bytes of the smallest bucket: every object that fits, as key strokes and short messages do, has this length.
pub const BUCKET_BYTES_MIN: usize = 256;

/// What an object's length tells the relay about its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Padding {
    /// Its exact length. Costs nothing.
    #[default]
    None,
    /// Its bucket. Objects are as long as a value of Padmé says (Nikitin et al., "Reducing Metadata Leakage from
    /// Encrypted Files and Communication with PURBs", 2019, algorithm 1), but no shorter than [`BUCKET_BYTES_MIN`]: a
    /// length of 2^E bytes has E's own number of bits as mantissa, so few lengths are left, and at most one sixteenth
    /// is added above the smallest bucket. Where that passes what a datagram or an object may have, that bound is the
    /// bucket.
    Buckets,
}

/// The first byte of padding; zeros follow (ISO/IEC 7816-4).
const MARK: u8 = 0x80;

impl Padding {
    /// Bytes to append to a plaintext, given what the object has beside it; `None` without padding.
    pub(crate) fn bytes(self, header: usize, plaintext: usize) -> Option<usize> {
        match self {
            Self::None => None,
            // The mark needs room in any case.
            Self::Buckets => {
                let least = header + plaintext + 1 + TAG_BYTES + SIGNATURE_BYTES;
                Some(bucket(least) - least + 1)
            }
        }
    }
}

/// The smallest bucket that holds `len` bytes; `len` itself when none does.
fn bucket(len: usize) -> usize {
    let bound = if len <= DATAGRAM_OBJECT_BYTES_MAX { DATAGRAM_OBJECT_BYTES_MAX } else { OBJECT_BYTES_MAX };
    padme(len.max(BUCKET_BYTES_MIN)).min(bound.max(len))
}

/// Padmé: the next number whose bits below the mantissa are zero.
const fn padme(len: usize) -> usize {
    let exponent = len.ilog2();
    let mantissa_bits = exponent.ilog2() + 1;
    let low_bits = (1 << (exponent - mantissa_bits)) - 1;
    (len + low_bits) & !low_bits
}

/// Appends `padding` bytes, at least one.
pub(crate) fn pad(plaintext: &mut Vec<u8>, padding: usize) {
    plaintext.push(MARK);
    plaintext.resize(plaintext.len() + padding - 1, 0);
}

/// Takes the padding off an authentic plaintext.
pub(crate) fn unpad(plaintext: &mut Vec<u8>) -> Result<(), OpenError> {
    let mark = plaintext.iter().rposition(|byte| *byte != 0).filter(|at| plaintext.get(*at) == Some(&MARK));
    plaintext.truncate(mark.ok_or(OpenError::BadPadding)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_few_and_cost_a_sixteenth_at_most() {
        let mut buckets = std::collections::BTreeSet::new();
        for len in (1..20_000).chain((20_000..=OBJECT_BYTES_MAX).step_by(997)).chain([OBJECT_BYTES_MAX]) {
            let bucket = bucket(len);
            assert!(
                bucket >= len && (BUCKET_BYTES_MIN..=OBJECT_BYTES_MAX).contains(&bucket),
                "{len}: {bucket}"
            );
            assert!(len <= BUCKET_BYTES_MIN || (bucket - len) * 16 <= len, "{len}: {bucket}");
            assert!(
                len > DATAGRAM_OBJECT_BYTES_MAX || bucket <= DATAGRAM_OBJECT_BYTES_MAX,
                "{len}: {bucket}"
            );
            buckets.insert(bucket);
        }
        assert!(buckets.len() < 350, "{} buckets", buckets.len());
        // Values of the paper's algorithm.
        for (len, padded) in [(9, 10), (257, 272), (1_000, 1_024), (65_537, 67_584), (1 << 20, 1 << 20)] {
            assert_eq!(padme(len), padded);
        }
    }

    #[test]
    fn what_was_appended_comes_off_whatever_the_plaintext_ends_with() {
        for plaintext in [&b""[..], b"x", b"x\0\0", b"x\x80", b"\x80\0\0"] {
            for padding in [1, 2, 100] {
                let mut padded = plaintext.to_vec();
                pad(&mut padded, padding);
                assert_eq!(padded.len(), plaintext.len() + padding);
                unpad(&mut padded).unwrap();
                assert_eq!(padded, plaintext);
            }
        }
    }

    #[test]
    fn padding_without_its_mark_is_refused() {
        for broken in [&b""[..], b"\0", b"\0\0\0", b"x", b"\x80x", b"x\x7f\0"] {
            assert_eq!(unpad(&mut broken.to_vec()), Err(OpenError::BadPadding), "{broken:?}");
        }
    }
}

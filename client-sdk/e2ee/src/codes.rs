//! The digits that people compare, by voice or by sight, to know that nobody sits in between.
//!
//! Each group of five digits is five bytes of a hash modulo 100,000. The hash is iterated: whoever wants
//! two different groups (or key pairs) to show one code has to try about 2^50 (2^75) of them, and
//! [`ROUNDS`] makes every try 2^12 times as dear. Codes are shown rarely, and a code takes a member a
//! millisecond or two.

use sha2::{Digest, Sha256, Sha512};
use std::fmt;

const ROUNDS: u32 = 4096;
const DIGITS_PER_GROUP: usize = 5;
const SESSION_GROUPS: usize = 6;
const PAIR_GROUPS: usize = 9;

/// 30 digits that are the same for all members of one epoch, about 99 bits. Show it with its epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCode {
    /// The epoch it belongs to; every commit makes another code.
    pub epoch: u64,
    /// 30 decimal digits.
    pub digits: String,
}

/// 45 digits that two members share as long as both keep key and subject, about 149 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairCode {
    /// 45 decimal digits.
    pub digits: String,
}

impl SessionCode {
    /// From the epoch authenticator (RFC 9420 section 8.7), which all members of an epoch and nobody else have.
    pub(crate) fn new(epoch: u64, epoch_authenticator: &[u8]) -> Self {
        let hash = iterate::<Sha256>(b"ISI session code v1", epoch_authenticator);
        Self { epoch, digits: digits(&hash, SESSION_GROUPS) }
    }
}

impl PairCode {
    /// From both members' leaf signature keys and subjects, in either order.
    pub(crate) fn new(one: ([u8; 32], &str), other: ([u8; 32], &str)) -> Self {
        let (first, second) = if one <= other { (one, other) } else { (other, one) };
        let mut input = Vec::new();
        for (key, subject) in [first, second] {
            input.extend_from_slice(&key);
            crate::encoding::put_bytes(&mut input, subject.as_bytes());
        }
        Self { digits: digits(&iterate::<Sha512>(b"ISI pair code v1", &input), PAIR_GROUPS) }
    }
}

impl fmt::Display for SessionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_groups(f, &self.digits)
    }
}

impl fmt::Display for PairCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_groups(f, &self.digits)
    }
}

/// Every round takes in label and input again, so that no shortcut between rounds exists for chosen inputs.
fn iterate<D: Digest>(label: &[u8], input: &[u8]) -> Vec<u8> {
    let mut hash = Vec::new();
    for _ in 0..ROUNDS {
        hash = D::new().chain_update(label).chain_update(&hash).chain_update(input).finalize().to_vec();
    }
    hash
}

fn digits(hash: &[u8], groups: usize) -> String {
    let (chunks, _) = hash.as_chunks::<DIGITS_PER_GROUP>();
    chunks.iter().take(groups).map(|chunk| format!("{:05}", number(chunk) % 100_000)).collect()
}

fn number(chunk: &[u8; 5]) -> u64 {
    chunk.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Groups of five with a blank between, as they are read out.
fn write_groups(f: &mut fmt::Formatter<'_>, digits: &str) -> fmt::Result {
    for (index, digit) in digits.chars().enumerate() {
        let blank = if index > 0 && index % DIGITS_PER_GROUP == 0 { " " } else { "" };
        write!(f, "{blank}{digit}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_length_and_are_read_in_groups_of_five() {
        let session = SessionCode::new(7, &[1; 32]);
        assert_eq!((session.digits.len(), session.to_string().len()), (30, 35));
        let pair = PairCode::new(([1; 32], "a"), ([2; 32], "b"));
        assert_eq!((pair.digits.len(), pair.to_string().len()), (45, 53));
        assert!(pair.digits.bytes().all(|digit| digit.is_ascii_digit()));
    }

    #[test]
    fn a_pair_code_does_not_depend_on_who_asks_but_on_keys_and_subjects() {
        let code = PairCode::new(([1; 32], "a"), ([2; 32], "b"));
        assert_eq!(code, PairCode::new(([2; 32], "b"), ([1; 32], "a")));
        assert_ne!(code, PairCode::new(([1; 32], "a"), ([2; 32], "c")));
        assert_ne!(code, PairCode::new(([1; 32], "b"), ([2; 32], "a")));
        assert_ne!(code, PairCode::new(([3; 32], "a"), ([2; 32], "b")));
    }
}

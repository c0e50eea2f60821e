use crate::random::random_array;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use std::fmt;
use zeroize::Zeroizing;

const ID_LABEL: &[u8] = b"ISI 1.0 Record Id";
const SUBJECT_LABEL: &[u8] = b"ISI 1.0 Record Subject";

/// Names one record: 16 bytes of a hash of its salt. Turning the record on again makes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordId(pub [u8; 16]);

/// What a record calls a person: nobody without the salt can tell who it is, or find the same person in another record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubjectHash(pub [u8; 16]);

/// 32 random bytes that all members of a session know while it is recorded, and no file of the record holds. Whoever
/// has them can check whether somebody of a known subject is in the record. Wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordSalt(Zeroizing<[u8; 32]>);

impl RecordSalt {
    pub(super) fn generate() -> Self {
        Self(Zeroizing::new(random_array()))
    }

    /// The salt of these bytes, as [`as_bytes`](Self::as_bytes) gave them.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for who keeps them apart from the record.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The record that this is the salt of.
    #[must_use]
    pub fn record(&self) -> RecordId {
        let hash = Sha256::new().chain_update(ID_LABEL).chain_update(self.0.as_slice()).finalize();
        RecordId(first_half(&hash))
    }

    /// What the record calls this person: the first 16 bytes of HMAC-SHA-256 with the salt as its key.
    #[must_use]
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    pub fn hash(&self, subject: &str) -> SubjectHash {
        let mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("any length is a key");
        let mac = mac.chain_update(SUBJECT_LABEL).chain_update(subject.as_bytes());
        SubjectHash(first_half(&mac.finalize().into_bytes()))
    }

    /// Several, in ascending order, so that their order tells nothing.
    pub(super) fn hashes<'a>(&self, subjects: impl IntoIterator<Item = &'a str>) -> Vec<SubjectHash> {
        let mut hashes: Vec<_> = subjects.into_iter().map(|subject| self.hash(subject)).collect();
        hashes.sort_unstable();
        hashes
    }
}

fn first_half(hash: &[u8]) -> [u8; 16] {
    let mut half = [0; 16];
    half.iter_mut().zip(hash).for_each(|(half, hash)| *half = *hash);
    half
}

// Names people where it is together with a list of subjects.
impl fmt::Debug for RecordSalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordSalt").field("record", &self.record()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_records_call_one_person_by_different_names() {
        let (one, other) = (RecordSalt::generate(), RecordSalt::generate());
        assert_eq!(one.hash("ann"), one.clone().hash("ann"));
        assert_ne!(one.hash("ann"), other.hash("ann"));
        assert_ne!(one.hash("ann"), one.hash("bob"));
        assert_ne!(one.record(), other.record());
    }
}

use super::fact::RecordFact;
use super::salt::{RecordId, SubjectHash};
use super::{ENTRY_BYTES_MAX, TRANSCRIPT_BYTES_MAX};
use crate::encoding::{Malformed, Reader, put_bytes};
use crate::objects::SIGNATURE_BYTES;
use crate::{LeafIndex, MemberIdentity, UnixSeconds};
use ed25519_dalek::{Signature, VerifyingKey};
use isi_wire::VARINT_MAX;
use sha2::{Digest as _, Sha256};

const VERSION: u8 = 1;
/// Begins with other bytes than anything MLS signs with the same key (RFC 9420 section 5.1.2).
const SIGNATURE_LABEL: &[u8] = b"ISI 1.0 Record";
const HASH_LABEL: &[u8] = b"ISI 1.0 Record Entry";
/// Stands where the first entry would name the one before it.
pub(super) const NO_ENTRY: [u8; 32] = [0; 32];

/// One statement of a record: what, when, in which epoch, by whom, and after which other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordEntry {
    /// Which record.
    pub record: RecordId,
    /// Its place: 1 for the first, one more for each next.
    pub number: u64,
    /// Hash of the entry before it; zeros in the first.
    pub previous: [u8; 32],
    /// The epoch of the group in which it was signed.
    pub epoch: u64,
    /// That epoch's confirmed transcript hash (RFC 9420 section 8.2), which every member computes for itself.
    pub transcript: Vec<u8>,
    /// When, as the signer says.
    pub stated_at: UnixSeconds,
    /// Who signed.
    pub signer: RecordSigner,
    /// What.
    pub fact: RecordFact,
}

/// Who signed an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordSigner {
    /// Its place in the epoch.
    pub leaf: LeafIndex,
    /// Its leaf signature key: the one that its statement is about, so that the statement names the signer.
    pub key: [u8; 32],
    /// What the record calls it.
    pub subject: SubjectHash,
}

/// An entry with its signature and the bytes that were signed. Only verified ones exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedEntry {
    entry: RecordEntry,
    bytes: Vec<u8>,
}

/// Why bytes are no entry of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryRefused {
    Malformed,
    BadSignature,
}

impl SignedEntry {
    pub(super) fn sign(entry: RecordEntry, group_id: &[u8], identity: &MemberIdentity) -> Self {
        let mut bytes = entry.encode();
        let signature = identity.sign_own(&message(group_id, &bytes));
        bytes.extend_from_slice(&signature);
        Self { entry, bytes }
    }

    /// Reads an entry and checks its signature, by the key that it names itself.
    pub(super) fn verify(bytes: &[u8], group_id: &[u8]) -> Result<Self, EntryRefused> {
        if bytes.len() > ENTRY_BYTES_MAX {
            return Err(EntryRefused::Malformed);
        }
        let (body, signature) = bytes.split_last_chunk::<SIGNATURE_BYTES>().ok_or(EntryRefused::Malformed)?;
        let entry = RecordEntry::decode(body).map_err(|_| EntryRefused::Malformed)?;
        let key = VerifyingKey::from_bytes(&entry.signer.key).map_err(|_| EntryRefused::BadSignature)?;
        key.verify_strict(&message(group_id, body), &Signature::from_bytes(signature))
            .map_err(|_| EntryRefused::BadSignature)?;
        Ok(Self { entry, bytes: bytes.to_vec() })
    }

    /// What it states.
    #[must_use]
    pub const fn entry(&self) -> &RecordEntry {
        &self.entry
    }

    /// The entry as it was signed, and the signature.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the next entry names it by: signature included, so that it stays fixed as well.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::new().chain_update(HASH_LABEL).chain_update(&self.bytes).finalize().into()
    }
}

impl RecordEntry {
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.record.0);
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&self.previous);
        out.extend_from_slice(&self.epoch.to_be_bytes());
        put_bytes(&mut out, &self.transcript);
        out.extend_from_slice(&self.stated_at.0.to_be_bytes());
        out.extend_from_slice(&self.signer.leaf.0.to_be_bytes());
        out.extend_from_slice(&self.signer.key);
        out.extend_from_slice(&self.signer.subject.0);
        self.fact.write(&mut out);
        out
    }

    /// The first entry begins the record, and no other does.
    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new(bytes);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let entry = Self {
            record: RecordId(input.array()?),
            number: input.u64()?,
            previous: input.array()?,
            epoch: input.u64()?,
            transcript: input.bytes(TRANSCRIPT_BYTES_MAX)?.to_vec(),
            stated_at: UnixSeconds(input.u64()?),
            signer: RecordSigner {
                leaf: LeafIndex(input.u16()?),
                key: input.array()?,
                subject: SubjectHash(input.array()?),
            },
            fact: RecordFact::read(&mut input)?,
        };
        input.end()?;
        let is_first = entry.number == 1;
        let begins = matches!(entry.fact, RecordFact::Began { .. });
        let names_none = entry.previous == NO_ENTRY;
        if entry.number == 0 || entry.number > VARINT_MAX || is_first != begins || is_first != names_none {
            return Err(Malformed);
        }
        Ok(entry)
    }
}

fn message(group_id: &[u8], body: &[u8]) -> Vec<u8> {
    let mut message = SIGNATURE_LABEL.to_vec();
    put_bytes(&mut message, group_id);
    message.extend_from_slice(body);
    message
}

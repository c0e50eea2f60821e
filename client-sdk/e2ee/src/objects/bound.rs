use crate::encoding::put_bytes;
use crate::{LeafIndex, private::PrivateId};
use isi_wire::{ObjectHeader, TrackId};
use sha2::{Digest, Sha256};

const SIGNATURE_LABEL: &[u8] = b"ISI 1.0 Object";

/// Everything an object is tied to beside its bytes. As structure it is the AEAD's associated data; behind a
/// label and before the object's hash it is what the member signs.
pub(crate) struct Bound<'a> {
    pub(crate) group_id: &'a [u8],
    pub(crate) epoch: u64,
    pub(crate) leaf: LeafIndex,
    pub(crate) track: TrackId,
    pub(crate) header: &'a ObjectHeader,
    pub(crate) header_bytes: &'a [u8],
    pub(crate) private: Option<&'a PrivateId>,
}

/// The message of the signature, built in two steps in one buffer.
#[derive(Default)]
pub(crate) struct SignedMessage {
    bytes: Vec<u8>,
    bound_end: usize,
}

impl SignedMessage {
    /// Label and bound data; the hash follows once the ciphertext is there.
    pub(crate) fn begin(&mut self, bound: &Bound<'_>) {
        self.bytes.clear();
        self.bytes.extend_from_slice(SIGNATURE_LABEL);
        bound.write(&mut self.bytes);
        self.bound_end = self.bytes.len();
    }

    /// The AEAD's associated data.
    pub(crate) fn aad(&self) -> &[u8] {
        self.bytes.get(SIGNATURE_LABEL.len()..self.bound_end).unwrap_or_default()
    }

    /// Label, bound data and the hash of `header || ciphertext || tag`. Never of the tag alone: whoever has
    /// the key finds other ciphertexts with the same tag.
    pub(crate) fn with_hash_of(&mut self, sealed: &[u8]) -> &[u8] {
        self.bytes.truncate(self.bound_end);
        self.bytes.extend_from_slice(&Sha256::digest(sealed));
        &self.bytes
    }
}

impl Bound<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.group_id);
        put_bytes(out, &self.epoch.to_be_bytes());
        put_bytes(out, &self.leaf.0.to_be_bytes());
        put_bytes(out, &self.track.0.to_be_bytes());
        put_bytes(out, &[self.header.kind as u8]);
        put_bytes(out, &self.header.group.to_be_bytes());
        put_bytes(out, &self.header.index.to_be_bytes());
        put_bytes(out, &[u8::from(self.header.keyframe)]);
        // Empty for the group's keys, so the flag needs no field of its own.
        put_bytes(out, self.private.map_or(&[], |id| &id.context_id));
        put_bytes(out, &self.header.sframe.counter.to_be_bytes());
        put_bytes(out, self.header_bytes);
    }
}

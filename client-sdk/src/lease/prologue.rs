use crate::payload::{PayloadError, Reader};
use isi_e2ee::PrivateKeys;

/// Opens the private part of an input stream, sealed with the group's keys: which lease, and the encapsulated key of
/// the agreement. Comes first, and again after each change of the membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prologue {
    pub(crate) lease: [u8; 16],
    /// The epoch whose exporter gave the agreement's PSK.
    pub(crate) epoch: u64,
    pub(crate) enc: [u8; 32],
}

/// The sender's side of an agreement.
#[derive(Debug)]
pub(crate) struct Agreement {
    pub(crate) epoch: u64,
    pub(crate) enc: [u8; 32],
    pub(crate) keys: PrivateKeys,
}

impl Prologue {
    pub(crate) fn encode(&self) -> Vec<u8> {
        [&self.lease[..], &self.epoch.to_be_bytes(), &self.enc].concat()
    }

    pub(crate) fn decode(plaintext: &[u8]) -> Result<Self, PayloadError> {
        Reader::whole(plaintext, |reader| {
            Ok(Self { lease: reader.array()?, epoch: reader.u64()?, enc: reader.array()? })
        })
    }
}

//! The session record: who was there, who drove whom, who shared, in a chain of signed entries. Off until an organizer
//! turns it on, and then everybody's client knows.
//!
//! An entry names the one before it, the epoch and its confirmed transcript hash, and is signed with the leaf key that
//! the signer's statement is about. Members compare each with what they have seen themselves; who has none of the
//! keys can still check a file of it. Nothing that people said, wrote or showed is in it. SPEC.md, section 13.

mod book;
mod chain;
mod entry;
mod epochs;
mod fact;
mod file;
mod refused;
mod report;
mod salt;
mod text;
mod verify;

pub use book::{RecordAccepted, RecordBook};
pub use entry::{RecordEntry, RecordSigner, SignedEntry};
pub use fact::{Departure, RecordFact};
pub use file::RecordFile;
pub use refused::{RecordRefused, RecordSignError};
pub use report::{FindingKind, RecordFinding, RecordPart, RecordReport, SeenSigner};
pub use salt::{RecordId, RecordSalt, SubjectHash};
pub use verify::verify_record;

/// Longest entry with its signature: everybody of the largest session, and some.
pub const ENTRY_BYTES_MAX: usize = 40 * 1024;
/// Longest transcript hash: that of SHA-512.
const TRANSCRIPT_BYTES_MAX: usize = 64;
/// Newest entries whose hashes a chain remembers, to tell one that lost a race from one that was made up.
const HASHES_KEPT_MAX: usize = 64;

mod bound;
mod error;
mod opener;
mod padding;
mod replay;
mod sealer;
mod window;

pub use error::{Mismatch, OpenError, SealError, SealerError};
pub use opener::{Expected, Opened, Opener, Transport};
pub use padding::{BUCKET_BYTES_MIN, Padding};
pub(crate) use replay::ReplayStore;
pub use replay::{BULK_CHUNKS_MAX, REPLAY_TRACKS_PER_MEMBER_MAX};
pub use sealer::{SealMeta, Sealer};
pub use window::{DATAGRAM_WINDOW, GROUP_WINDOW};

/// Bytes of an Ed25519 signature, the last part of every object.
pub(crate) const SIGNATURE_BYTES: usize = 64;
/// Bytes an object without padding is longer than its plaintext, at most: header 35, tag 16, signature 64.
pub const OBJECT_OVERHEAD_BYTES_MAX: usize = 35 + crate::suite::TAG_BYTES + SIGNATURE_BYTES;

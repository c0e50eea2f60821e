//! End-to-end encryption of a session: MLS group, object sealing, signatures. No I/O.

#![warn(clippy::wildcard_enum_match_arm)]

mod types;

pub use types::{LeafIndex, Member, MonotonicMs, Role, UnixSeconds};

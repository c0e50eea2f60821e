//! End-to-end encryption of a session: MLS group, object sealing, signatures. No I/O.

#![warn(clippy::wildcard_enum_match_arm)]

mod fields;
mod keyring;
mod lease;
mod objects;
mod private;
mod suite;
mod types;

pub use keyring::{
    EPOCH_GRACE_MS, EPOCHS_KEPT_MAX, EpochInput, EpochSwitch, INPUT_GRACE_MS, Keyring, SEALERS_PER_LIFE_MAX,
    SWITCH_DELAY_MS,
};
pub use lease::{
    ENDED_LEASES_MAX, Ended, HELD_MAX, InputCategory, InputRefused, LEASE_DURATION_MS_MAX, LeaseEnd,
    LeaseEndReason, LeaseError, LeaseScope, LeaseSignError, LeaseState, LeaseTerms, Rectangle, Release,
    StartRefused, TermsError,
};
pub use objects::{
    BULK_CHUNKS_MAX, DATAGRAM_WINDOW, Expected, GROUP_WINDOW, Mismatch, OBJECT_OVERHEAD_BYTES_MAX, OpenError,
    Opened, Opener, REPLAY_TRACKS_PER_MEMBER_MAX, SealError, SealMeta, Sealer, SealerError, Transport,
};
pub use private::{PrivateContext, PrivateError, PrivateKeys, PrivateReceiver};
pub use suite::SUITE_ID;
pub use types::{LeafIndex, Member, MonotonicMs, Role, UnixSeconds};

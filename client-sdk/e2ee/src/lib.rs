//! End-to-end encryption of a session: MLS group, object sealing, signatures. No I/O.

#![warn(clippy::wildcard_enum_match_arm)]

mod codes;
mod commit_data;
mod encoding;
mod extensions;
mod group;
mod identity;
mod invitation;
mod issuer;
mod join_request;
mod keyring;
mod lease;
mod objects;
mod pending;
mod private;
mod provider;
mod random;
mod roster;
mod rules;
mod statement;
mod suite;
mod types;

pub use codes::{PairCode, SessionCode};
pub use commit_data::CommitReason;
pub use extensions::ORGANIZERS_MAX;
pub use group::{
    Applicant, CreateError, EpochChange, Evicted, Group, HandshakeError, INVITATIONS_MAX, InviteError,
    JoinRequestRefused, ProposalSeen, StageError, Staged, WelcomeRefused,
};
pub use identity::{IdentityError, MemberIdentity, MemberKey, thumbprint};
pub use invitation::{BadInvitation, Invitation};
pub use issuer::{ISSUER_KEYS_MAX, IssuerKeys, IssuerKeysError, JWKS_BYTES_MAX, KEY_ID_BYTES_MAX};
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
pub use pending::{PendingError, PendingMember};
pub use private::{PrivateContext, PrivateError, PrivateKeys, PrivateReceiver};
pub use rules::{ProposalKind, RuleViolation};
pub use statement::{STATEMENT_BYTES_MAX, SUBJECT_BYTES_MAX, StatementError};
pub use suite::SUITE_ID;
pub use types::{LeafIndex, Member, MonotonicMs, Role, UnixSeconds};

//! End-to-end encryption of a session: MLS group, object sealing, signatures. No I/O.
//!
//! Bytes go in and out; whoever carries them learns nothing and can forge nothing. The types of the MLS library
//! do not show, so that it can be replaced. There is no plaintext mode.
//!
//! 1. A [`MemberKey`] and the account service's statement about it are a [`MemberIdentity`].
//! 2. [`Group::create`], or [`PendingMember`] with an [`Invitation`] and a Welcome, make a member.
//! 3. [`Group`] stages commits and follows those of the log.
//! 4. [`Sealer`] and [`Opener`] on the group's [`Keyring`] seal and open objects, with [`PrivateKeys`] for one
//!    member alone. Leases are signed and verified by the keyring, too.
//!
//! ```
//! # use isi_account::{AccountKey, Role, StatementClaims};
//! use isi_e2ee::*;
//! use isi_wire::{SessionId, TrackId, TrackKind};
//!
//! # let account = AccountKey::generate()?;
//! # let session = SessionId([1; 16]);
//! # let (now, at) = (UnixSeconds(1_800_000_000), MonotonicMs(0));
//! # let jwks = account.jwks();
//! # let statement = |role, subject: &str, key: &[u8; 32]| {
//! #     account.sign_statement(&StatementClaims::new(role, session, subject, key), now.0)
//! # };
//! let issuers = IssuerKeys::from_jwks(jwks.to_json().as_bytes())?;
//! let key = MemberKey::generate();
//! let jws = statement(Role::Organizer, "u-1", &key.public_key())?;
//! let mut root = Group::create(MemberIdentity::new(key, jws)?, issuers.clone(), session, now)?;
//! let link = root.invite()?.to_fragment();
//!
//! let key = MemberKey::generate();
//! let jws = statement(Role::Viewer, "u-2", &key.public_key())?;
//! let invitation = Invitation::from_fragment(&link)?;
//! let mut ann = PendingMember::new(MemberIdentity::new(key, jws)?, session, issuers, &invitation)?;
//!
//! let applicant = root.check_join_request(&ann.join_request(), now)?;
//! let staged = root.admit(&[applicant], now)?;
//! root.handle_commit(&staged.commit, at)?; // when it comes back from the log
//! let ann = ann.join(staged.welcome.as_deref().unwrap_or_default(), now, at)?;
//! assert_eq!(root.session_code(), ann.session_code());
//!
//! let mut sealer = Sealer::new(&root.keyring(), TrackId(1), TrackKind::Message)?;
//! let later = MonotonicMs(SWITCH_DELAY_MS); // senders switch a little after an add
//! let object = sealer.seal(later, SealMeta { group: 0, keyframe: true }, b"hello")?;
//! let mut opener = Opener::new(&ann.keyring(), root.own_leaf(), TrackId(1), TrackKind::Message);
//! let expected = Expected { group: Some(0), transport: Transport::Log };
//! assert_eq!(opener.open(later, expected, object)?.plaintext, b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(clippy::wildcard_enum_match_arm)]

mod codes;
mod commit_data;
mod encoding;
mod extensions;
mod group;
mod heartbeat;
mod identity;
mod invitation;
mod issuer;
mod join_answer;
mod join_request;
mod keyring;
mod lease;
mod objects;
mod pending;
mod private;
mod profile;
mod provider;
mod random;
mod record;
mod roster;
mod rules;
#[doc(hidden)]
pub mod sframe;
mod statement;
mod suite;
mod types;

pub use codes::{PairCode, SessionCode};
pub use commit_data::CommitReason;
pub use extensions::ORGANIZERS_MAX;
pub use group::{
    Applicant, CreateError, EpochChange, Evicted, Group, HandshakeError, INVITATION_USES_MAX,
    INVITATIONS_MAX, InvitationState, InvitationStatus, InviteError, InviteOptions, JoinRequestRefused,
    ProposalSeen, RejoinError, StageError, Staged, WelcomeRefused,
};
pub use group::{EPOCHS_REMEMBERED_MAX, SESSION_CODES_MAX};
pub use heartbeat::{
    BEAT_MS_ACTIVE, BEAT_MS_PASSIVE, BeatAudience, Draft, ECHOES_MAX, EXPELS_MAX, Echo, EpochTag, FRESH_MS,
    HEARTBEAT_FIRST_BYTE, Heartbeat, HeartbeatError, MISSING_MS_MAX, Pace, Repeated, SILENCE_MS_MAX,
    Standing, Trouble, View, Vouch, Watch, WatchEvent,
};
pub use identity::{IdentityError, MemberIdentity, MemberKey, thumbprint};
pub use invitation::{BadInvitation, Invitation, InvitationId};
pub use issuer::{ISSUER_KEYS_MAX, IssuerKeys, IssuerKeysError, JWKS_BYTES_MAX, KEY_ID_BYTES_MAX};
pub use join_answer::DenyReason;
pub use keyring::{
    EPOCH_GRACE_MS, EPOCHS_KEPT_MAX, EpochInput, EpochSwitch, INPUT_GRACE_MS, Keyring, SEALERS_PER_LIFE_MAX,
    SWITCH_DELAY_MS,
};
pub use lease::{
    ENDED_LEASES_MAX, Ended, HELD_MAX, INPUT_AGE_MS_MAX, INPUT_AGE_MS_MIN, InputCategory, InputRefused,
    LEASE_DURATION_MS_MAX, LeaseEnd, LeaseEndReason, LeaseError, LeaseScope, LeaseSignError, LeaseState,
    LeaseTerms, Rectangle, Release, StartRefused, TICK_MS, TermsError,
};
pub use objects::{
    BUCKET_BYTES_MIN, BULK_CHUNKS_MAX, DATAGRAM_WINDOW, Expected, GROUP_WINDOW, Mismatch,
    OBJECT_OVERHEAD_BYTES_MAX, OpenError, Opened, Opener, Padding, REPLAY_TRACKS_PER_MEMBER_MAX, SealError,
    SealMeta, Sealer, SealerError, Transport,
};
pub use pending::{PendingError, PendingMember};
pub use private::{PrivateContext, PrivateError, PrivateKeys, PrivateReceiver};
pub use profile::{GroupProfile, POST_QUANTUM_MEMBERS_MAX};
pub use record::{
    Departure, ENTRY_BYTES_MAX as RECORD_ENTRY_BYTES_MAX, FindingKind, RecordAccepted, RecordBook,
    RecordEntry, RecordFact, RecordFile, RecordFinding, RecordId, RecordPart, RecordRefused, RecordReport,
    RecordSalt, RecordSignError, RecordSigner, SeenSigner, SignedEntry, SubjectHash, verify_record,
};
pub use rules::{ProposalKind, RuleViolation};
pub use statement::{CLOCK_SKEW_SECONDS_MAX, STATEMENT_BYTES_MAX, SUBJECT_BYTES_MAX, StatementError};
pub use suite::SUITE_ID;
pub use types::{LeafIndex, Member, MonotonicMs, Role, UnixSeconds};

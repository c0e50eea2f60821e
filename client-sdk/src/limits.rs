//! Every bound of the client, with its unit in its name and what happens beyond it.

use std::time::Duration;

/// Events that wait for the app. Beyond it new ones are dropped and counted, see [`Event::Missed`](crate::Event::Missed).
pub const EVENTS_QUEUED_MAX: usize = 1024;
/// Calls on a [`Session`](crate::Session) that wait for its driver; further ones wait in the caller.
pub(crate) const COMMANDS_QUEUED_MAX: usize = 64;
/// What dropped handles tell the driver. Beyond it their tracks stay open until the session ends.
pub(crate) const NOTICES_QUEUED_MAX: usize = 4096;
/// Requests the relay has not answered. Beyond it a call fails as busy.
pub(crate) const REQUESTS_PENDING_MAX: usize = 1024;
/// Bytes that wait to go out on the control or the log stream. Beyond it a call fails as busy.
pub(crate) const OUTGOING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Messages of the relay kept while waiting for the Welcome. Beyond it the join fails.
pub(crate) const LOBBY_MESSAGES_MAX: usize = 8192;

/// Join requests admitted by one commit; later ones go into the next.
pub(crate) const ADMIT_BATCH_MEMBERS_MAX: usize = 128;
/// How long the first join request of a batch waits for others.
pub(crate) const ADMIT_BATCH_MS: u64 = 100;
/// Between two commits that admit somebody: at most four a second.
pub(crate) const ADMIT_INTERVAL_MS: u64 = 250;
/// How long each organizer leaves pending work to the one before it.
pub(crate) const TURN_MS: u64 = 500;
/// How long automatic work waits after a commit for it failed.
pub(crate) const RETRY_MS: u64 = 1_000;
/// How long a leaving organizer waits until its successor has confirmed what it was told.
pub(crate) const DEPART_MS_MAX: u64 = 1_000;
/// Applicants kept until the app or the next batch admits them. Beyond it the oldest is forgotten; it asks again.
pub(crate) const APPLICANTS_MAX: usize = 512;
/// Uploads of one commit that meet another's, before the operation fails.
pub(crate) const COMMIT_TRIES_MAX: u32 = 8;

/// How long before its statement ends a member is told.
pub(crate) const STATEMENT_WARNING_S: u64 = 60;
/// How often a member that sends makes new keys, give or take [`ROTATION_JITTER_MS`].
pub(crate) const ROTATION_MS: u64 = 10 * 60 * 1000;
/// How much sooner or later.
pub(crate) const ROTATION_JITTER_MS: u64 = 60 * 1000;
/// Keys that are younger need not be made anew for a lease.
pub(crate) const FRESH_KEYS_MS: u64 = 60_000;
/// How long after a grant a driver that has not asked makes new keys: the driven side makes its own first.
pub(crate) const LEASE_ROTATION_DELAY_MS: u64 = 2_000;

/// How long objects of an epoch not yet known are held.
pub(crate) const HELD_OBJECT_MS_MAX: u64 = 1_000;

/// Group streams whose header is being read. Beyond it new ones wait in QUIC.
pub(crate) const STREAM_HEADERS_PENDING_MAX: usize = 64;
/// Groups of one track that wait for its receiver. Beyond it the oldest is stopped.
pub(crate) const GROUPS_QUEUED_MAX: usize = 8;
/// Datagrams of one track that wait for its receiver. Beyond it new ones are dropped.
pub(crate) const DATAGRAMS_QUEUED_MAX: usize = 64;
/// How long one frame may take to be handed to QUIC. Beyond it its group is given up and a keyframe is wanted.
pub(crate) const FRAME_WRITE_TIMEOUT: Duration = Duration::from_millis(400);

/// Private conversations one session keeps in each direction. Beyond it the least recently used ends.
pub(crate) const CONVERSATIONS_MAX: usize = 64;
/// Private texts that wait for their receiver's key or acknowledgement. Beyond it `send_private` fails.
pub(crate) const PRIVATE_TEXTS_QUEUED_MAX: usize = 32;
/// How long a private text may stay unacknowledged.
pub(crate) const PRIVATE_ACK_MS_MAX: u64 = 10_000;

/// Entries of the session record that this member has to state. Beyond it new ones are left out.
pub(crate) const RECORD_FACTS_QUEUED_MAX: usize = 256;
/// Lines of a record file that wait for the app. Beyond it the oldest is lost, and the file shows it.
pub(crate) const RECORD_LINES_QUEUED_MAX: usize = 4096;

/// Longest lease.
pub const LEASE_MS_MAX: u64 = 60 * 60 * 1000;
/// Leases of others that are remembered. Beyond it the oldest is forgotten.
pub(crate) const LEASES_KNOWN_MAX: usize = 256;

/// How long a clean leave waits for the relay.
pub(crate) const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

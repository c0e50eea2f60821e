//! Bounds that both sides know. What a node allows beyond them is its own configuration.

/// Longest control message, without its frame header.
pub const CONTROL_MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Longest token in a join or a refresh.
pub const TOKEN_BYTES_MAX: usize = 4096;
/// Longest log item, a commit or another entry, but for a Welcome.
pub const LOG_ITEM_BYTES_MAX: usize = 1024 * 1024;
/// Longest Welcome: it carries the tree with everybody's statement, up to some 2 MiB for the largest session.
pub const WELCOME_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest frame of a client's log stream: a commit with its Welcome. Who may make no commits keeps to one item.
pub const COMMIT_UPLOAD_BYTES_MAX: usize = LOG_ITEM_BYTES_MAX + WELCOME_BYTES_MAX;
/// Longest payload of a message, proposal or join request in the log.
pub const LOG_PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// Most Welcomes in one commit upload.
pub const WELCOMES_PER_COMMIT_MAX: usize = 256;
/// Longest sealed object on a stream.
pub const OBJECT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest sealed object in a datagram, header, tag and signature included.
pub const DATAGRAM_OBJECT_BYTES_MAX: usize = 1120;
/// Most participants listed in one `Joined` message, so most in a session.
pub const PARTICIPANTS_PER_SESSION_MAX: usize = 2048;
/// Most tracks listed in one `Joined` message, so most in a session.
pub const TRACKS_PER_SESSION_MAX: usize = 2048;
/// Most receivers named in one report about a track.
pub const REPORTED_RECEIVERS_MAX: usize = 8;
/// How long the relay keeps a Welcome that nobody acknowledges.
pub const WELCOME_RESIDENCE_MS_MAX: u64 = 30_000;

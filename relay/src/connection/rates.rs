//! How fast a peer may talk. What is above is `Flood`: no client of ours comes near.

use crate::rate::RateLimit;
use tokio::time::Instant;

const CONTROL_MESSAGES_PER_SECOND: u32 = 200;
/// A client that joins a large session subscribes to all its tracks at once.
const CONTROL_MESSAGES_AT_ONCE: u32 = 4096;
const LOG_UPLOADS_PER_SECOND: u32 = 100;
const LOG_UPLOADS_AT_ONCE: u32 = 400;
const STREAMS_PER_SECOND: u32 = 200;
const STREAMS_AT_ONCE: u32 = 400;
/// Eight pointers or voices of 125 events a second. Datagrams above are dropped, not punished: they are worthless when late.
const DATAGRAMS_PER_SECOND: u32 = 1000;
const DATAGRAMS_AT_ONCE: u32 = 500;

pub(super) fn control_messages(now: Instant) -> RateLimit {
    RateLimit::new(CONTROL_MESSAGES_PER_SECOND, CONTROL_MESSAGES_AT_ONCE, now)
}

pub(super) fn log_uploads(now: Instant) -> RateLimit {
    RateLimit::new(LOG_UPLOADS_PER_SECOND, LOG_UPLOADS_AT_ONCE, now)
}

pub(super) fn streams(now: Instant) -> RateLimit {
    RateLimit::new(STREAMS_PER_SECOND, STREAMS_AT_ONCE, now)
}

pub(super) fn datagrams(now: Instant) -> RateLimit {
    RateLimit::new(DATAGRAMS_PER_SECOND, DATAGRAMS_AT_ONCE, now)
}

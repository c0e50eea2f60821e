use isi_relay_core::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// The one clock that the core's `now` comes from: microseconds since the node was made, never going back. It is the runtime's,
/// like every other in the node, so that a test which has that one stand still or leap has the node do so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// When a deadline of the core is.
    pub(crate) fn instant(&self, at: Timestamp) -> std::time::Instant {
        (self.started + Duration::from_micros(at.0)).into_std()
    }
}

/// Seconds since 1970, for the times in tokens. A clock before 1970 counts as 1970: every token is then not yet valid.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

use isi_e2ee::{MonotonicMs, UnixSeconds};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// The one place that reads clocks: everything below it takes the time as an argument. What passes is the runtime's time, which
/// a test may have stand still or leap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    started_at: UnixSeconds,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), started_at: Self::unix() }
    }

    /// Rounded down.
    pub(crate) fn now(&self) -> MonotonicMs {
        MonotonicMs(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// What [`now`](Self::now) rounds, for what is measured.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// When `at` will be.
    pub(crate) fn instant(&self, at: MonotonicMs) -> std::time::Instant {
        (self.start + Duration::from_millis(at.0)).into_std()
    }

    /// Seconds since 1970 that never run backwards in a session: those of the system, or what has passed since the start
    /// if the system's clock was set back meanwhile. After a sleep of the machine the system's are ahead.
    pub(crate) fn wall(&self) -> UnixSeconds {
        let passed = self.started_at.0.saturating_add(self.start.elapsed().as_secs());
        UnixSeconds(passed.max(Self::unix().0))
    }

    pub(crate) fn unix() -> UnixSeconds {
        UnixSeconds(since_1970().as_secs())
    }

    pub(crate) fn unix_us() -> u64 {
        u64::try_from(since_1970().as_micros()).unwrap_or(u64::MAX)
    }
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

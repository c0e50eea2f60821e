//! Clocks. The monotonic one is shared by all processes of a machine, so that latencies between them can be told.

use rustix::time::{ClockId, clock_gettime};

/// Microseconds of the machine's monotonic clock (`CLOCK_MONOTONIC`).
#[must_use]
pub fn monotonic_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1000
}

/// Seconds since 1970.
#[must_use]
pub fn unix_s() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Sleeps until the monotonic clock shows this many microseconds; not at all when that is past.
pub async fn sleep_until_us(at_us: u64) {
    let wait_us = at_us.saturating_sub(monotonic_us());
    tokio::time::sleep(std::time::Duration::from_micros(wait_us)).await;
}

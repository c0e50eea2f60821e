//! The clock of all measurements.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds per second.
const SECOND_NS: u64 = 1_000_000_000;

/// Nanoseconds of the machine's monotonic clock (`CLOCK_MONOTONIC`): all processes of a machine share it, so that one may
/// stamp what another receives.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * SECOND_NS + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// Nanoseconds of CPU time that this thread has used.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(used.tv_sec).unwrap_or(0);
    seconds * SECOND_NS + u64::try_from(used.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_goes_back() {
        let before = monotonic_ns();
        assert!(before > 0 && monotonic_ns() >= before);
    }
}

//! What the path to a receiver carries: how much may be buffered for it, and what its senders are told.

use crate::transport::{SEND_WINDOW_BYTES_MAX, SEND_WINDOW_BYTES_MIN};
use isi_relay_core::PathReport;
use quinn::{Connection, PathStats};
use std::time::Duration;
use tokio::time::Instant;

/// Least time between two looks: each takes quinn's lock.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// Least time between two reports to the core.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Congestion windows that may be buffered: one on its way, one that follows it. More would only become stale.
const WINDOWS_BUFFERED: u64 = 2;

/// Looks at a connection's path now and then, while something is written to it.
#[derive(Default)]
pub(super) struct PathWatch {
    looked_at: Option<Instant>,
    reported_at: Option<Instant>,
}

/// What a look showed.
pub(super) struct PathNews {
    /// What media and bulk may fill.
    pub(super) send_window_bytes: u64,
    /// For the core, once in a while.
    pub(super) report: Option<PathReport>,
}

impl PathWatch {
    /// Nothing, if the last look was a moment ago.
    pub(super) fn look(&mut self, connection: &Connection) -> Option<PathNews> {
        let now = Instant::now();
        if !is_due(&mut self.looked_at, now, LOOK_INTERVAL) {
            return None;
        }
        let path = connection.stats().path;
        Some(PathNews {
            send_window_bytes: send_window_bytes(path.cwnd),
            report: is_due(&mut self.reported_at, now, REPORT_INTERVAL).then(|| report(&path)),
        })
    }
}

fn is_due(last: &mut Option<Instant>, now: Instant, interval: Duration) -> bool {
    let is_due = last.is_none_or(|last| now.duration_since(last) >= interval);
    if is_due {
        *last = Some(now);
    }
    is_due
}

fn send_window_bytes(congestion_window_bytes: u64) -> u64 {
    (WINDOWS_BUFFERED * congestion_window_bytes).clamp(SEND_WINDOW_BYTES_MIN, SEND_WINDOW_BYTES_MAX)
}

/// The rate is what the congestion window lets through: an estimate of what there is room for, not of what was sent.
fn report(path: &PathStats) -> PathReport {
    let rtt_us = path.rtt.as_micros().max(1);
    let rate_bps = u128::from(path.cwnd) * 8 * 1_000_000 / rtt_us;
    PathReport {
        rate_bps: u64::try_from(rate_bps).unwrap_or(u64::MAX),
        rtt_us: u32::try_from(rtt_us).unwrap_or(u32::MAX),
        lost_packets: path.lost_packets,
        sent_packets: path.sent_packets,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_path_is_given_little_and_a_fast_one_no_more_than_the_bound() {
        assert_eq!(send_window_bytes(3_000), SEND_WINDOW_BYTES_MIN);
        assert_eq!(send_window_bytes(100_000), 200_000);
        assert_eq!(send_window_bytes(u64::from(u32::MAX)), SEND_WINDOW_BYTES_MAX);
    }

    #[test]
    fn a_report_is_the_rate_that_the_congestion_window_lets_through() {
        let mut path = PathStats::default();
        (path.cwnd, path.rtt, path.lost_packets, path.sent_packets) =
            (25_000, Duration::from_millis(100), 2, 90);
        let report = report(&path);
        assert_eq!((report.rate_bps, report.rtt_us), (2_000_000, 100_000));
        assert_eq!((report.lost_packets, report.sent_packets), (2, 90));
    }
}

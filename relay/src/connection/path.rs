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
/// Least that media and bulk may fill beside input. Twice what passes in one round trip is enough for any path, and no queue
/// grows on the way that input would wait in; but with less than this, a fast path waits for acknowledgements.
const WINDOW_BESIDE_INPUT_BYTES_MIN: u64 = 96 * 1024;
/// How long the shortest round trip and the highest rate count.
const MEMORY: Duration = Duration::from_secs(10);

/// Looks at a connection's path now and then, while something is written to it.
#[derive(Default)]
pub(super) struct PathWatch {
    looked_at: Option<Instant>,
    reported_at: Option<Instant>,
    passed: Passed,
}

/// What passes on the path: its shortest round trip, without queues, and its highest rate.
#[derive(Default)]
struct Passed {
    since: Option<Instant>,
    at: Option<Instant>,
    bytes: u64,
    rtt: Duration,
    bytes_per_s: u64,
}

/// What a look showed.
pub(super) struct PathNews {
    /// What media and bulk may fill.
    pub(super) send_window_bytes: u64,
    /// For the core, once in a while.
    pub(super) report: Option<PathReport>,
}

impl PathWatch {
    /// Nothing, if the last look was a moment ago. `beside_input`: whether input goes to the same receiver.
    pub(super) fn look(
        &mut self,
        connection: &Connection,
        beside_input: impl FnOnce() -> bool,
    ) -> Option<PathNews> {
        let now = Instant::now();
        if !is_due(&mut self.looked_at, now, LOOK_INTERVAL) {
            return None;
        }
        let stats = connection.stats();
        let path = stats.path;
        self.passed.note(now, path.rtt, stats.udp_tx.bytes);
        let window = send_window_bytes(path.cwnd);
        Some(PathNews {
            send_window_bytes: if beside_input() { window.min(self.passed.window_bytes()) } else { window },
            report: is_due(&mut self.reported_at, now, REPORT_INTERVAL).then(|| report(&path)),
        })
    }
}

impl Passed {
    fn note(&mut self, now: Instant, rtt: Duration, bytes: u64) {
        if is_due(&mut self.since, now, MEMORY) {
            (self.rtt, self.bytes_per_s) = (rtt, 0);
        }
        self.rtt = self.rtt.min(rtt);
        if let Some(elapsed) = self.at.map(|at| now.duration_since(at)).filter(|elapsed| !elapsed.is_zero()) {
            let rate = u128::from(bytes.saturating_sub(self.bytes)) * 1_000_000 / elapsed.as_micros().max(1);
            self.bytes_per_s = self.bytes_per_s.max(u64::try_from(rate).unwrap_or(u64::MAX));
        }
        (self.at, self.bytes) = (Some(now), bytes);
    }

    /// Twice what passes in one round trip: what is bounded by it can double with each.
    fn window_bytes(&self) -> u64 {
        let per_round_trip = u128::from(self.bytes_per_s) * self.rtt.as_micros() / 1_000_000;
        u64::try_from(2 * per_round_trip).unwrap_or(u64::MAX).max(WINDOW_BESIDE_INPUT_BYTES_MIN)
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
    fn beside_input_no_more_is_buffered_than_passes_in_two_round_trips() {
        let (begin, ms) = (Instant::now(), Duration::from_millis);
        let mut passed = Passed::default();
        passed.note(begin, ms(40), 0);
        assert_eq!(passed.window_bytes(), WINDOW_BESIDE_INPUT_BYTES_MIN, "nothing is known yet");
        // 10 MB/s, with a round trip of 40 ms, of which a queue makes 400 later.
        passed.note(begin + ms(100), ms(400), 1_000_000);
        assert_eq!(passed.window_bytes(), 800_000);
        passed.note(begin + ms(200), ms(400), 1_000_000);
        assert_eq!(passed.window_bytes(), 800_000, "a pause shows nothing about the path");
        passed.note(begin + MEMORY, ms(50), 1_000_000);
        passed.note(begin + MEMORY + ms(100), ms(50), 1_500_000);
        assert_eq!(passed.window_bytes(), 500_000, "what was longer ago counts no more");
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

//! The node's figures as Prometheus reads them. No label tells who anybody is: only close codes, quantiles and workers.

use crate::{NodeStats, WorkerStats};
use isi_relay_core::{ClassStats, SessionStats};
use isi_wire::{CloseCode, DeliveryClass};
use std::fmt::{Display, Write};

/// The text exposition format, version 0.0.4.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Renders the figures. Names end in their unit; counters end in `_total` and count from the node's start.
#[must_use]
pub fn render(stats: &NodeStats) -> String {
    let mut page = Page(String::with_capacity(8 * 1024));
    node(&mut page, stats);
    workers(&mut page, stats);
    residence(&mut page, stats);
    socket(&mut page, stats);
    sessions(&mut page, stats);
    let refused = "Connections refused before they were in a session.";
    page.by_code("isi_relay_refused_total", refused, &stats.refused);
    page.by_code("isi_relay_ended_total", "Connections that were in a session and ended.", &stats.ended);
    page.0
}

fn node(page: &mut Page, stats: &NodeStats) {
    page.gauge("isi_relay_sessions", "Sessions on this node.", stats.sessions);
    page.gauge("isi_relay_participants", "Peers in a session.", stats.participants);
    page.gauge("isi_relay_connections", "Connections, handshaking ones included.", stats.connections);
    page.counter("isi_relay_joins_total", "Peers that came in.", stats.joins);
    let turned_away = "Connections turned away before their handshake.";
    page.counter("isi_relay_turned_away_total", turned_away, stats.turned_away);
}

fn workers(page: &mut Page, stats: &NodeStats) {
    type Figure = fn(&WorkerStats) -> u64;
    let figures: [(_, _, Figure); 3] = [
        ("isi_relay_worker_sessions", "Sessions that live on a worker.", |worker| worker.sessions),
        ("isi_relay_worker_participants", "Peers in a worker's sessions.", |worker| worker.participants),
        ("isi_relay_worker_connections", "Connections that a worker drives.", |worker| worker.connections),
    ];
    for (name, help, figure) in figures {
        page.labelled(name, help, "gauge", "worker", stats.workers.iter().map(figure).enumerate());
    }
}

fn residence(page: &mut Page, stats: &NodeStats) {
    let residence = &stats.residence;
    let held = "Ciphertext in the node's memory, from receipt to acknowledgement.";
    page.gauge("isi_relay_resident_bytes", held, residence.resident_bytes);
    page.gauge("isi_relay_resident_bytes_max", "Most of it at any time.", residence.resident_bytes_max);
    page.counter("isi_relay_received_bytes_total", "Ciphertext received.", residence.received_bytes);
    let quantiles = [
        ("0.5", residence.residence_ms_p50),
        ("0.99", residence.residence_ms_p99),
        ("1", residence.residence_ms_max),
    ];
    let stays = "How long a chunk of ciphertext stays.";
    page.labelled("isi_relay_residence_ms", stays, "gauge", "quantile", quantiles);
}

fn socket(page: &mut Page, stats: &NodeStats) {
    let socket = &stats.socket;
    page.counter("isi_relay_udp_sends_total", "System calls that sent datagrams.", socket.sends);
    page.counter("isi_relay_udp_datagrams_total", "Datagrams sent by them.", socket.datagrams);
    let split = "Batches that the kernel refused, so that their datagrams went one by one.";
    page.counter("isi_relay_udp_split_batches_total", split, socket.split_batches);
    let blocked = "Times the kernel's send buffer was full.";
    page.counter("isi_relay_udp_blocked_total", blocked, socket.blocked);
    let segments = "Datagrams per system call that the kernel takes; 1 without segmentation offload.";
    page.gauge("isi_relay_udp_segments_max", segments, socket.segments_max);
}

fn sessions(page: &mut Page, stats: &NodeStats) {
    let totals = &stats.session_totals;
    page.gauge("isi_relay_tracks", "Tracks of all sessions.", totals.tracks as u64);
    let held = "Ciphertext that sessions hold for receivers.";
    page.gauge("isi_relay_session_resident_bytes", held, totals.resident_bytes as u64);
    page.gauge("isi_relay_log_bytes", "Ciphertext of the logs, Welcomes included.", totals.log_bytes as u64);
    page.counter("isi_relay_session_in_bytes_total", "Ciphertext accepted.", totals.bytes_in);
    page.counter("isi_relay_session_out_bytes_total", "Ciphertext handed to writers.", totals.bytes_out);
    page.counter("isi_relay_log_entries_total", "Log entries sequenced.", totals.log_entries);
    let skipped = "Log entries not delivered, per receiver.";
    page.counter("isi_relay_log_entries_skipped_total", skipped, totals.log_entries_skipped);
    let dropped = "Live objects not delivered, per receiver.";
    page.counter("isi_relay_datagrams_dropped_total", dropped, totals.datagrams_dropped);
    let reset = "Media and bulk groups reset as stale or over budget, per receiver.";
    page.counter("isi_relay_groups_reset_total", reset, totals.groups_reset);
    let closed = "Input tracks closed over budget.";
    page.counter("isi_relay_input_tracks_closed_total", closed, totals.input_tracks_closed);
    page.counter(
        "isi_relay_keyframe_requests_total",
        "Keyframes asked of senders.",
        totals.keyframe_requests,
    );
    page.counter("isi_relay_backpressure_total", "Times a sender was told to wait.", totals.backpressure);
    let held = "Streams that their receivers take nothing of now.";
    page.gauge("isi_relay_streams_held", held, totals.streams_held as u64);
    by_class(page, totals);
}

fn by_class(page: &mut Page, totals: &SessionStats) {
    type Figure = fn(&ClassStats) -> u64;
    let figures: [(_, _, _, Figure); 4] = [
        ("isi_relay_class_resident_bytes", "Ciphertext held, by class.", "gauge", |class| {
            class.resident_bytes as u64
        }),
        ("isi_relay_class_in_bytes_total", "Ciphertext accepted, by class.", "counter", |class| {
            class.bytes_in
        }),
        ("isi_relay_class_out_bytes_total", "Ciphertext handed to writers, by class.", "counter", |class| {
            class.bytes_out
        }),
        (
            "isi_relay_class_groups_reset_total",
            "Groups reset, by class and per receiver.",
            "counter",
            |class| class.groups_reset,
        ),
    ];
    for (name, help, kind, figure) in figures {
        let classes = DeliveryClass::ALL
            .iter()
            .map(|class| (format!("{class:?}").to_lowercase(), figure(totals.classes.get(*class))));
        page.labelled(name, help, kind, "class", classes);
    }
}

struct Page(String);

impl Page {
    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "gauge");
        self.line(format_args!("{name} {value}"));
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "counter");
        self.line(format_args!("{name} {value}"));
    }

    fn by_code(&mut self, name: &str, help: &str, counts: &[(CloseCode, u64)]) {
        let counts = counts.iter().map(|(code, count)| (format!("{code:?}"), count));
        self.labelled(name, help, "counter", "code", counts);
    }

    /// One figure for each value of a label.
    fn labelled<L: Display, F: Display>(
        &mut self,
        name: &str,
        help: &str,
        kind: &str,
        label: &str,
        figures: impl IntoIterator<Item = (L, F)>,
    ) {
        self.head(name, help, kind);
        for (value, figure) in figures {
            self.line(format_args!("{name}{{{label}=\"{value}\"}} {figure}"));
        }
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn sample() -> NodeStats {
        let mut stats = NodeStats { sessions: 3, joins: 12, ..NodeStats::default() };
        stats.refused = vec![(CloseCode::TokenExpired, 4)];
        stats.residence.residence_ms_p99 = 1.5;
        stats.session_totals.datagrams_dropped = 7;
        stats.session_totals.classes.bulk.bytes_out = 11;
        stats.workers =
            vec![WorkerStats::default(), WorkerStats { participants: 9, ..WorkerStats::default() }];
        stats
    }

    #[test]
    fn figures_are_where_prometheus_looks() {
        let text = render(&sample());
        for line in [
            "isi_relay_sessions 3",
            "isi_relay_joins_total 12",
            "isi_relay_refused_total{code=\"TokenExpired\"} 4",
            "isi_relay_residence_ms{quantile=\"0.99\"} 1.5",
            "isi_relay_datagrams_dropped_total 7",
            "isi_relay_class_out_bytes_total{class=\"bulk\"} 11",
            "isi_relay_class_out_bytes_total{class=\"media\"} 0",
            "isi_relay_worker_participants{worker=\"1\"} 9",
            "# TYPE isi_relay_joins_total counter",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} missing in\n{text}");
        }
    }

    #[test]
    fn only_classes_codes_quantiles_and_workers_are_labels_and_no_name_stands_twice() {
        let text = render(&sample());
        let labels = text.split('{').skip(1).map(|rest| rest.split('=').next().unwrap_or_default());
        assert!(labels.into_iter().all(|label| ["class", "code", "quantile", "worker"].contains(&label)));
        let names: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        assert_eq!(names.len(), names.iter().collect::<HashSet<_>>().len());
    }
}

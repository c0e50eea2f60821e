//! What a person sees while the demo runs: a table that is drawn over itself, or lines where there is no terminal.

use std::io::{self, IsTerminal, Write};

use super::{
    histogram::{Histogram, Percentiles},
    protocol::Counts,
};

/// Everything that one picture of the table shows.
pub struct View<'a> {
    /// Seconds since the measured time began.
    pub elapsed_s: f64,
    /// Its length.
    pub total_s: f64,
    /// The organizer's counts, then those of each viewer.
    pub participants: &'a [Counts],
    /// The counts half a second before.
    pub before: &'a [Counts],
    /// Seconds between the two.
    pub step_s: f64,
    /// How often the relay's memory was searched, and what was found.
    pub searches: (u64, Option<u64>),
}

/// Draws views on standard error.
pub struct Table {
    terminal: bool,
    lines_drawn: usize,
    last_line_s: f64,
}

/// Seconds between two progress lines where there is no terminal.
const PROGRESS_LINE_S: f64 = 2.0;

impl Table {
    /// A table for this process' standard error.
    #[must_use]
    pub fn new() -> Self {
        Self { terminal: io::stderr().is_terminal(), lines_drawn: 0, last_line_s: 0.0 }
    }

    /// Shows a view. Where standard error is gone, nothing is shown.
    pub fn show(&mut self, view: &View<'_>) {
        if self.terminal {
            let text = lines(view);
            let up = if self.lines_drawn > 0 { format!("\x1b[{}A", self.lines_drawn) } else { String::new() };
            self.lines_drawn = text.len();
            let body: String = text.iter().map(|line| format!("\x1b[2K{line}\n")).collect();
            drop(write!(io::stderr(), "{up}{body}"));
        } else if view.elapsed_s - self.last_line_s >= PROGRESS_LINE_S {
            self.last_line_s = view.elapsed_s;
            drop(writeln!(io::stderr(), "{}", progress_line(view)));
        }
    }
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}

fn lines(view: &View<'_>) -> Vec<String> {
    let mut lines = vec![
        format!("{:5.1} / {:.0} s      {}", view.elapsed_s, view.total_s, foot(view)),
        format!(
            "{:<20}{:>9}{:>9}{:>9}{:>9}{:>10}{:>7}",
            "", "frames/s", "kbit/s", "p50 ms", "p99 ms", "messages", "lease"
        ),
    ];
    for (number, now) in view.participants.iter().enumerate() {
        let zero = Counts::default();
        lines.push(row(number, now, view.before.get(number).unwrap_or(&zero), view.step_s));
    }
    lines
}

fn row(number: usize, now: &Counts, before: &Counts, step_s: f64) -> String {
    let name = if number == 0 { "organizer, shares".to_owned() } else { format!("viewer {number}") };
    let frames = |counts: &Counts| counts.frames_sent + counts.frames_received;
    let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / step_s.max(0.001);
    let latency = now.frame_latency.percentiles();
    format!(
        "{name:<20}{:>9.1}{:>9.0}{:>9}{:>9}{:>10}{:>7}",
        rate(frames(now), frames(before)),
        rate(now.frame_bytes, before.frame_bytes) * 8.0 / 1000.0,
        ms(latency.p50),
        ms(latency.p99),
        now.messages_received,
        if now.has_lease { "drives" } else { "" },
    )
}

fn foot(view: &View<'_>) -> String {
    let log = view.participants.iter().map(|counts| counts.log_sequence).max().unwrap_or(0);
    let sent: u64 = view.participants.iter().map(|counts| counts.input_sent).sum();
    let applied: u64 = view.participants.iter().map(|counts| counts.input_applied).sum();
    let alarms: u64 = view.participants.iter().map(|counts| counts.alarms).sum();
    let (searches, found) = view.searches;
    let found = found.map_or("not searched".to_owned(), |found| format!("{found} canaries found"));
    format!(
        "log {log} · input {applied}/{sent} applied · {alarms} alarms · relay's memory searched {searches}x: {found}"
    )
}

fn progress_line(view: &View<'_>) -> String {
    let mut latency = Histogram::default();
    view.participants.iter().for_each(|counts| latency.merge(&counts.frame_latency));
    let Percentiles { p50, p99, .. } = latency.percentiles();
    let frames: Vec<String> =
        view.participants[1..].iter().map(|counts| counts.frames_received.to_string()).collect();
    let sent = view.participants.first().map_or(0, |organizer| organizer.frames_sent);
    let frames = frames.join(" and ");
    format!(
        "{:5.1} s: {sent} frames sent, {frames} decoded, p50 {} ms, p99 {} ms, {}",
        view.elapsed_s,
        ms(p50),
        ms(p99),
        foot(view)
    )
}

fn ms(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |ms| format!("{ms:.1}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_differences_over_the_step() {
        let mut viewer =
            Counts { frames_received: 45, frame_bytes: 100_000, has_lease: true, ..Counts::default() };
        viewer.frame_latency.record(2_000);
        let before =
            [Counts::default(), Counts { frames_received: 30, frame_bytes: 50_000, ..Counts::default() }];
        let participants = [Counts { frames_sent: 15, ..Counts::default() }, viewer];
        let view = View {
            elapsed_s: 1.5,
            total_s: 10.0,
            participants: &participants,
            before: &before,
            step_s: 0.5,
            searches: (2, Some(0)),
        };
        let lines = lines(&view);
        let words: Vec<&str> = lines[3].split_whitespace().collect();
        assert_eq!(words, ["viewer", "1", "30.0", "800", "2.0", "2.0", "0", "drives"]);
        assert!(lines[0].contains("searched 2x: 0 canaries found"));
        assert!(progress_line(&view).contains("15 frames sent, 45 decoded"));
    }
}

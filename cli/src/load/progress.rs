//! What a person sees while a load runs: one line that is written over itself, or lines where there is no terminal.

use std::io::{self, IsTerminal, Write};

use isi_load::{clock::monotonic_ns, workload::Progress};

use super::watch::Look;

const SECOND_NS: u64 = 1_000_000_000;
/// What is over sooner shows nothing.
const SILENT_NS: u64 = SECOND_NS;
/// Between two lines where there is no terminal.
const LINE_EVERY_NS: u64 = 2 * SECOND_NS;

/// Draws on standard error.
pub struct ProgressLine {
    terminal: bool,
    began_ns: u64,
    last_line_ns: u64,
    before: (u64, u64),
    drawn: bool,
}

impl ProgressLine {
    /// For one run, which begins now.
    #[must_use]
    pub fn new() -> Self {
        let now_ns = monotonic_ns();
        Self {
            terminal: io::stderr().is_terminal(),
            began_ns: now_ns,
            last_line_ns: now_ns,
            before: (now_ns, 0),
            drawn: false,
        }
    }

    /// Shows what has happened so far.
    pub fn show(&mut self, what: &str, progress: Progress, relay: Option<Look>) {
        let now_ns = monotonic_ns();
        let (before_ns, before) = std::mem::replace(&mut self.before, (now_ns, progress.arrived));
        let seconds = now_ns.saturating_sub(before_ns) as f64 / SECOND_NS as f64;
        let rate = progress.arrived.saturating_sub(before) as f64 / seconds.max(0.001);
        let elapsed_ns = now_ns.saturating_sub(self.began_ns);
        if elapsed_ns < SILENT_NS {
            return;
        }
        let line = line(what, elapsed_ns, progress, rate, relay);
        if self.terminal {
            self.drawn = true;
            drop(write!(io::stderr(), "\r\x1b[2K{line}"));
        } else if now_ns.saturating_sub(self.last_line_ns) >= LINE_EVERY_NS {
            self.last_line_ns = now_ns;
            drop(writeln!(io::stderr(), "{line}"));
        }
    }

    /// Takes the line away.
    pub fn clear(&mut self) {
        if std::mem::replace(&mut self.drawn, false) {
            drop(write!(io::stderr(), "\r\x1b[2K"));
        }
    }
}

impl Default for ProgressLine {
    fn default() -> Self {
        Self::new()
    }
}

fn line(what: &str, elapsed_ns: u64, progress: Progress, rate: f64, relay: Option<Look>) -> String {
    let Progress { joined, arrived } = progress;
    let seconds = elapsed_ns as f64 / SECOND_NS as f64;
    let mut line =
        format!("{seconds:6.1} s  {what}: {joined} people in, {arrived} objects arrived ({rate:.0}/s)");
    if let Some(rss) = relay.and_then(|look| look.rss_bytes) {
        line += &format!(", relay {:.0} MiB", rss as f64 / 1_048_576.0);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_it_goes() {
        let relay = Look { at_ns: 0, cpu_ns: None, rss_bytes: Some(12 << 20), resident_bytes: None };
        let text = line("fanout", 2_500_000_000, Progress { joined: 9, arrived: 100 }, 40.0, Some(relay));
        assert_eq!(text, "   2.5 s  fanout: 9 people in, 100 objects arrived (40/s), relay 12 MiB");
    }
}

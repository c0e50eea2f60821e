//! The report that a person reads at the end.

use std::fmt::{self, Display};

use super::{
    histogram::Percentiles,
    summary::{Summary, Verdict},
};

/// A summary and its verdict, ready to print.
pub struct Report<'a> {
    /// The figures.
    pub summary: &'a Summary,
    /// What they are worth.
    pub verdict: &'a Verdict,
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.session(f)?;
        self.blindness(f)?;
        self.relay(f)?;
        self.conclusion(f)
    }
}

impl Report<'_> {
    fn session(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.summary;
        let (width, height) = s.screen;
        writeln!(
            f,
            "session   1 organizer, {} viewers, {:.1} s, codes {}",
            s.viewers,
            s.seconds,
            equal(s.codes_equal)
        )?;
        if let Some(code) = &s.session_code {
            writeln!(f, "          everybody's code {code}")?;
        }
        let per_second = s.frames_sent as f64 / s.seconds.max(0.001);
        writeln!(
            f,
            "screen    {} {width}x{height}, {} frames ({per_second:.1}/s, {:.0} kbit/s)",
            s.source, s.frames_sent, s.screen_kbit_per_s
        )?;
        for (number, frames) in s.frames_received.iter().enumerate() {
            writeln!(f, "          viewer {} decoded {frames}", number + 1)?;
        }
        writeln!(f, "          capture to decoded {}", latency(&s.frame_latency_ms))?;
        let (sent, applied) = (s.input_events_sent, s.input_events_applied);
        writeln!(f, "input     {sent} events sent, {applied} applied, {}", latency(&s.input_latency_ms))?;
        let (after, alarms) = (s.accepted_after_take_back_ms, s.alarms);
        writeln!(f, "          taken back at the end: the last event was accepted {after:.1} ms after")?;
        writeln!(f, "watch     {} by heartbeats", alarms_raised(alarms))?;
        writeln!(
            f,
            "messages  {} sent, {} of {} received, {} private ones leaked",
            s.messages_sent, s.messages_received, s.messages_expected, s.private_messages_leaked
        )
    }

    fn blindness(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = &self.summary.canaries;
        writeln!(f, "blindness {} canaries planted (16 random bytes each)", c.planted)?;
        let searches =
            format!("{} searches, {:.0} MiB", c.relay_searches, c.relay_bytes_searched as f64 / 1_048_576.0);
        writeln!(f, "          relay's memory     {} ({searches})", found(c.found_in_relay))?;
        writeln!(f, "          relay's log        {}", found(c.found_in_log))?;
        writeln!(
            f,
            "          UDP payloads       {} ({} payloads)",
            found(c.found_on_wire),
            c.wire_payloads_searched
        )?;
        writeln!(
            f,
            "          sealed objects     {} ({} objects)",
            found(c.found_in_objects),
            c.objects_searched
        )?;
        writeln!(
            f,
            "          third parties      {} (private messages)",
            found(c.private_found_in_third_party)
        )?;
        writeln!(f, "  control viewers' memory    {}", found(c.found_in_viewer))?;
        writeln!(f, "  control opened objects     {}", found(c.control_found_in_opened_objects))?;
        writeln!(f, "  control ciphertext, relay  {}", found(c.control_ciphertext_found_in_relay))
    }

    fn relay(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let relay = &self.summary.relay;
        let bytes = relay
            .resident_bytes_max
            .map_or("unknown".to_owned(), |bytes| format!("{:.0} KiB", bytes as f64 / 1024.0));
        let cpu = relay.cpu_ms.map_or("unknown".to_owned(), |ms| format!("{ms:.0} ms"));
        writeln!(
            f,
            "relay     {} binary, CPU {cpu}, ciphertext held at most {bytes}, {}",
            self.summary.relay_binary,
            latency(&relay.residence_ms)
        )
    }

    fn conclusion(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in &self.verdict.not_searched {
            writeln!(f, "          not searched: {place}")?;
        }
        for reason in &self.verdict.failed {
            writeln!(f, "          FAILED: {reason}")?;
        }
        for trouble in &self.summary.troubles {
            writeln!(f, "          noticed: {trouble}")?;
        }
        match self.verdict.exit() {
            None => write!(f, "result    everything held"),
            Some(exit) => write!(f, "result    NOT everything held (exit code {})", exit as u8),
        }
    }
}

const fn equal(equal: bool) -> &'static str {
    if equal { "equal" } else { "DIFFERENT" }
}

fn alarms_raised(alarms: u64) -> String {
    match alarms {
        0 => "no alarm raised".to_owned(),
        alarms => format!("{alarms} ALARMS raised"),
    }
}

fn found(count: Option<u64>) -> String {
    match count {
        None => "not searched".to_owned(),
        Some(0) => "none found".to_owned(),
        Some(count) => format!("{count} found"),
    }
}

fn latency(all: &Percentiles) -> String {
    match (all.p50, all.p99, all.max) {
        (Some(p50), Some(p99), Some(max)) => format!("p50 {p50:.1} ms, p99 {p99:.1} ms, max {max:.1} ms"),
        _ => "not measured".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(summary: &Summary) -> String {
        Report { summary, verdict: &summary.verdict() }.to_string()
    }

    #[test]
    fn a_search_that_did_not_run_never_reads_as_none_found() {
        let mut summary = crate::demo::summary::tests::good();
        summary.canaries.found_in_relay = None;
        let text = text(&summary);
        assert!(text.contains("relay's memory     not searched"), "{text}");
        assert!(text.contains("not searched: the relay's memory"), "{text}");
    }

    #[test]
    fn reasons_are_named() {
        let mut summary = crate::demo::summary::tests::good();
        let good = text(&summary);
        assert!(good.contains("no alarm raised") && good.contains("accepted 0.2 ms after"), "{good}");
        assert!(good.ends_with("everything held"));
        summary.canaries.found_in_relay = Some(2);
        let text = text(&summary);
        assert!(text.contains("FAILED: 2 canaries found in the relay's memory"), "{text}");
    }
}

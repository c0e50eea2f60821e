//! What a run was worth: the figures for machines, and the conditions for success.

use serde::Serialize;

use super::histogram::Percentiles;
use crate::failure::Exit;

/// Of the frames sent, how many of a hundred each viewer must have decoded.
const FRAMES_PERCENT_MIN: u64 = 90;

/// The `--json` line. Fields may be added, never removed.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// `desktop` or `x11`.
    pub source: String,
    /// `neighbour`, `built-in`, or the path given by `--relay-bin`.
    pub relay_binary: String,
    /// How many viewers.
    pub viewers: usize,
    /// Length of the measured time.
    pub seconds: f64,
    /// Width and height of the shared screen.
    pub screen: (u16, u16),
    /// Frames captured and sent in the measured time.
    pub frames_sent: u64,
    /// Of those, decoded by each viewer.
    pub frames_received: Vec<u64>,
    /// Keyframes decoded by each viewer, in all.
    pub keyframes_decoded: Vec<u64>,
    /// Coded screen data sent, in thousand bits per second.
    pub screen_kbit_per_s: f64,
    /// Capture to decoded, over all viewers.
    pub frame_latency_ms: Percentiles,
    /// Input events sent by the viewer with the lease.
    pub input_events_sent: u64,
    /// Of those, applied to the shared screen.
    pub input_events_applied: u64,
    /// Of those, refused by the driven side.
    pub input_events_refused: u64,
    /// Sent to applied.
    pub input_latency_ms: Percentiles,
    /// From the organizer's taking the lease back to the last input event that was accepted; 0 when none was.
    pub accepted_after_take_back_ms: f64,
    /// Input events accepted until then, in all.
    pub input_events_until_take_back: u64,
    /// Alarms that heartbeats raised at any participant: about silence, a fork, a withheld change.
    pub alarms: u64,
    /// Messages sent, public and private.
    pub messages_sent: u64,
    /// Messages that had to arrive: each counted once per recipient.
    pub messages_expected: u64,
    /// Messages that arrived, counted like that.
    pub messages_received: u64,
    /// Private messages that reached somebody else.
    pub private_messages_leaked: u64,
    /// Whether everyone saw the same session code.
    pub codes_equal: bool,
    /// That code, with its epoch.
    pub session_code: Option<String>,
    /// The proof of blindness.
    pub canaries: CanaryFigures,
    /// The relay's own figures.
    pub relay: RelayFigures,
    /// What the participants' clients refused or missed on the way. Told, and no failure by itself.
    pub troubles: Vec<String>,
}

/// How many canaries were planted and where they were found; `None`: not searched.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct CanaryFigures {
    /// Drawn and sent, over both phases.
    pub planted: u64,
    /// In the relay's memory.
    pub found_in_relay: Option<u64>,
    /// In the relay's log.
    pub found_in_log: Option<u64>,
    /// In UDP payloads to or from the relay.
    pub found_on_wire: Option<u64>,
    /// In sealed objects as their receivers got them.
    pub found_in_objects: Option<u64>,
    /// Control: in a viewer's memory.
    pub found_in_viewer: Option<u64>,
    /// Control: in the same objects after opening.
    pub control_found_in_opened_objects: Option<u64>,
    /// Control: pieces of ciphertext in the relay's memory.
    pub control_ciphertext_found_in_relay: Option<u64>,
    /// Control: random bytes sent through the same proxy as they are.
    pub control_found_on_wire: Option<u64>,
    /// Private canaries in the memory of a participant who is neither sender nor receiver.
    pub private_found_in_third_party: Option<u64>,
    /// How often the relay's memory was searched.
    pub relay_searches: u64,
    /// Bytes of the relay's memory searched, over all searches.
    pub relay_bytes_searched: u64,
    /// UDP payloads searched.
    pub wire_payloads_searched: u64,
    /// Sealed objects searched.
    pub objects_searched: u64,
}

/// What the relay reports about itself, and the system about it.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct RelayFigures {
    /// Most ciphertext held at a time.
    pub resident_bytes_max: Option<u64>,
    /// How long ciphertext was held.
    pub residence_ms: Percentiles,
    /// CPU time used in the measured time.
    pub cpu_ms: Option<f64>,
}

/// Whether a run shows what it must.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Conditions that do not hold.
    pub failed: Vec<String>,
    /// Searches that could not run.
    pub not_searched: Vec<&'static str>,
}

impl Verdict {
    /// How the demo ends; `None` is success. Where the system lets no search run (anything but Linux), its absence is
    /// reported and is no failure.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        if !self.failed.is_empty() {
            Some(Exit::ChecksFailed)
        } else if !self.not_searched.is_empty() && cfg!(target_os = "linux") {
            Some(Exit::NotSearched)
        } else {
            None
        }
    }

    fn check(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.failed.push(otherwise());
        }
    }

    fn none_found(&mut self, found: Option<u64>, place: &'static str) {
        match found {
            None => self.not_searched.push(place),
            Some(count) => self.check(count == 0, || format!("{count} canaries found in {place}")),
        }
    }

    fn all_found(&mut self, found: Option<u64>, planted: u64, place: &'static str) {
        match found {
            None => self.not_searched.push(place),
            Some(count) => {
                self.check(count == planted, || {
                    format!("control: {count} of {planted} canaries found in {place}")
                });
            }
        }
    }
}

impl Summary {
    /// Judges the run.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let mut verdict = Verdict::default();
        self.judge_screen(&mut verdict);
        self.judge_exchange(&mut verdict);
        self.judge_blindness(&mut verdict);
        verdict
    }

    fn judge_screen(&self, verdict: &mut Verdict) {
        verdict.check(self.frames_sent > 0, || "no frame was sent".to_owned());
        for (viewer, (frames, keyframes)) in
            self.frames_received.iter().zip(&self.keyframes_decoded).enumerate()
        {
            let name = viewer + 1;
            verdict.check(*keyframes > 0, || format!("viewer {name} decoded no keyframe"));
            verdict.check(frames * 100 >= self.frames_sent * FRAMES_PERCENT_MIN, || {
                format!(
                    "viewer {name} decoded {frames} of {} frames, less than {FRAMES_PERCENT_MIN} %",
                    self.frames_sent
                )
            });
        }
    }

    fn judge_exchange(&self, verdict: &mut Verdict) {
        let (sent, applied) = (self.input_events_sent, self.input_events_applied);
        verdict.check(sent > 0, || "no input event was sent".to_owned());
        verdict.check(sent == applied, || format!("{applied} of {sent} input events were applied"));
        let (until, measured) = (self.input_events_until_take_back, applied);
        verdict.check(until > measured, || "nobody drove when the lease was taken back".to_owned());
        verdict.check(self.alarms == 0, || format!("{} alarms were raised", self.alarms));
        let (expected, received) = (self.messages_expected, self.messages_received);
        verdict.check(expected > 0, || "no message was sent".to_owned());
        verdict.check(expected == received, || format!("{received} of {expected} messages arrived"));
        let leaked = self.private_messages_leaked;
        verdict.check(leaked == 0, || format!("{leaked} private messages reached somebody else"));
        verdict.check(self.codes_equal, || "the participants saw different session codes".to_owned());
    }

    fn judge_blindness(&self, verdict: &mut Verdict) {
        let found = &self.canaries;
        verdict.check(found.planted > 0, || "no canary was planted".to_owned());
        verdict.none_found(found.found_in_relay, "the relay's memory");
        verdict.none_found(found.found_in_log, "the relay's log");
        verdict.none_found(found.found_on_wire, "UDP payloads");
        verdict.none_found(found.found_in_objects, "sealed objects");
        verdict.none_found(found.private_found_in_third_party, "a third party's memory");
        verdict.all_found(found.found_in_viewer, found.planted, "the viewers' memory");
        verdict.all_found(found.control_found_in_opened_objects, found.planted, "opened objects");
        if let Some(control) = found.control_found_on_wire {
            verdict
                .check(control > 0, || "control: what was sent through the proxy was not found".to_owned());
        }
        if let Some(pieces) = found.control_ciphertext_found_in_relay {
            verdict.check(pieces > 0, || "control: no ciphertext found in the relay's memory".to_owned());
        } else {
            verdict.not_searched.push("the relay's memory for ciphertext");
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn good() -> Summary {
        let all = Percentiles { p50: Some(1.5), p99: Some(3.0), max: Some(4.0) };
        Summary {
            source: "desktop".into(),
            relay_binary: "built-in".into(),
            viewers: 2,
            seconds: 10.0,
            screen: (1280, 720),
            frames_sent: 300,
            frames_received: vec![300, 270],
            keyframes_decoded: vec![3, 1],
            screen_kbit_per_s: 900.0,
            frame_latency_ms: all,
            input_events_sent: 20,
            input_events_applied: 20,
            input_events_refused: 0,
            input_latency_ms: all,
            accepted_after_take_back_ms: 0.2,
            input_events_until_take_back: 30,
            alarms: 0,
            messages_sent: 12,
            messages_expected: 22,
            messages_received: 22,
            private_messages_leaked: 0,
            codes_equal: true,
            session_code: Some("12345 (epoch 2)".to_owned()),
            canaries: CanaryFigures {
                planted: 8,
                found_in_relay: Some(0),
                found_in_log: Some(0),
                found_on_wire: Some(0),
                found_in_objects: Some(0),
                found_in_viewer: Some(8),
                control_found_in_opened_objects: Some(8),
                control_ciphertext_found_in_relay: Some(2),
                private_found_in_third_party: Some(0),
                ..CanaryFigures::default()
            },
            relay: RelayFigures { resident_bytes_max: Some(90_000), residence_ms: all, cpu_ms: Some(420.0) },
            troubles: Vec::new(),
        }
    }

    #[test]
    fn a_good_run_succeeds() {
        assert_eq!(good().verdict(), Verdict::default());
        assert_eq!(good().verdict().exit(), None);
    }

    #[test]
    fn every_condition_is_judged_by_itself() {
        let breaks: [fn(&mut Summary); 18] = [
            |s| s.frames_sent = 0,
            |s| s.frames_received[1] = 269,
            |s| s.keyframes_decoded[0] = 0,
            |s| s.input_events_applied = 19,
            |s| (s.input_events_sent, s.input_events_applied) = (0, 0),
            |s| s.messages_received = 21,
            |s| (s.messages_expected, s.messages_received) = (0, 0),
            |s| s.private_messages_leaked = 1,
            |s| s.codes_equal = false,
            |s| s.input_events_until_take_back = s.input_events_applied,
            |s| s.alarms = 1,
            |s| s.canaries.found_in_relay = Some(1),
            |s| s.canaries.found_in_log = Some(1),
            |s| s.canaries.found_on_wire = Some(1),
            |s| s.canaries.found_in_objects = Some(1),
            |s| s.canaries.found_in_viewer = Some(7),
            |s| s.canaries.control_ciphertext_found_in_relay = Some(0),
            |s| s.canaries.private_found_in_third_party = Some(1),
        ];
        for (number, break_it) in breaks.iter().enumerate() {
            let mut summary = good();
            break_it(&mut summary);
            assert_eq!(summary.verdict().failed.len(), 1, "{number}");
            assert_eq!(summary.verdict().exit(), Some(Exit::ChecksFailed), "{number}");
        }
    }

    #[test]
    fn a_search_that_could_not_run_is_told_and_is_no_success_on_linux() {
        let mut summary = good();
        summary.canaries.found_in_relay = None;
        let verdict = summary.verdict();
        assert_eq!(verdict.not_searched, ["the relay's memory"]);
        assert_eq!(verdict.exit(), cfg!(target_os = "linux").then_some(Exit::NotSearched));
    }

    #[test]
    fn the_json_line_has_the_promised_shape() {
        let mut summary = good();
        summary.canaries.found_in_log = None;
        let line = serde_json::to_string(&summary).unwrap();
        assert!(!line.contains('\n'));
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["frames_received"], serde_json::json!([300, 270]));
        assert_eq!(json["canaries"]["found_in_log"], serde_json::Value::Null);
        assert_eq!(json["canaries"]["planted"], 8);
        assert_eq!(json["private_messages_leaked"], 0);
        for path in
            ["/frame_latency_ms/p99", "/input_latency_ms/max", "/relay/residence_ms/p50", "/relay/cpu_ms"]
        {
            assert!(json.pointer(path).unwrap().is_number(), "{path}");
        }
    }
}

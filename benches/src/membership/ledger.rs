use super::Stage;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// What one change in a group of one size cost, over all times that it was carried out.
#[derive(Debug, Default)]
pub struct Ledger {
    times: BTreeMap<Stage, Vec<Duration>>,
    bytes: BTreeMap<&'static str, usize>,
    total: Duration,
}

impl Ledger {
    /// Time of all stages so far.
    #[must_use]
    pub const fn total(&self) -> Duration {
        self.total
    }

    /// The median of a stage in milliseconds; `None` when this change has no such stage.
    #[must_use]
    pub fn median_ms(&self, stage: Stage) -> Option<f64> {
        let mut times = self.times.get(&stage)?.clone();
        times.sort_unstable();
        times.get(times.len() / 2).map(|time| time.as_secs_f64() * 1000.0)
    }

    /// Length of the newest message of this name: request, commit, welcome.
    #[must_use]
    pub fn length(&self, name: &str) -> usize {
        self.bytes.get(name).copied().unwrap_or(0)
    }

    /// One object of the line for programs.
    #[must_use]
    pub fn to_json(&self, change: &str, members: usize) -> Value {
        let mut object = json!({ "change": change, "members": members });
        for stage in Stage::ALL {
            object[format!("{}_ms", stage.name())] = json!(self.median_ms(stage));
        }
        for name in ["request", "commit", "welcome"] {
            object[format!("{name}_bytes")] = json!(self.length(name));
        }
        object
    }

    pub(super) fn time(&mut self, stage: Stage, time: Duration) {
        self.total += time;
        self.times.entry(stage).or_default().push(time);
    }

    pub(super) fn bytes(&mut self, name: &'static str, bytes: usize) {
        self.bytes.insert(name, bytes);
    }
}

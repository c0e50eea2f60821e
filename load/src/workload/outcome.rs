use crate::latency::Latency;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a process counted. All of it adds up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// In the order of the workload's parts.
    pub parts: Vec<PartOutcome>,
    /// From dialling to being in the session, of everybody who came in before it began.
    pub joins: Latency,
    /// Groups that the relay reset, by code.
    pub resets: BTreeMap<u64, u64>,
    /// Datagrams and groups that the relay says it did not deliver.
    pub dropped: u64,
    /// Entries of the log that the relay says it did not deliver.
    pub log_gaps: u64,
    /// Uploads and requests that the relay refused.
    pub refused: u64,
    /// People whose connection ended while they should be there.
    pub lost_people: u64,
    /// Why the first of them did not stay.
    pub first_end: Option<String>,
    /// How often slow receivers came back.
    pub reconnects: u64,
    /// Objects that slow receivers got whole.
    pub slow_objects: u64,
    /// CPU time of the load's own process, in nanoseconds, while it was measured.
    pub client_cpu_ns: u64,
}

/// What became of one part.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PartOutcome {
    /// Objects sent while it was measured.
    pub sent: u64,
    /// Objects that should have been sent but were not, since their sender was held up.
    pub skipped: u64,
    /// Of those sent, how many arrived, each counted at each receiver.
    pub arrived: u64,
    /// From sending to arrival, of the same.
    pub latency: Latency,
    /// What arrived in each slot of the time.
    pub slots: Vec<Slot>,
}

/// Deliveries of a slot of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Objects, each counted at each receiver.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Outcome {
    /// Adds what another process counted.
    pub fn merge(&mut self, other: &Self) {
        self.parts.resize_with(self.parts.len().max(other.parts.len()), PartOutcome::default);
        self.parts.iter_mut().zip(&other.parts).for_each(|(mine, theirs)| mine.merge(theirs));
        self.joins.merge(&other.joins);
        for (code, count) in &other.resets {
            *self.resets.entry(*code).or_default() += count;
        }
        self.dropped += other.dropped;
        self.log_gaps += other.log_gaps;
        self.refused += other.refused;
        self.lost_people += other.lost_people;
        if self.first_end.is_none() {
            self.first_end.clone_from(&other.first_end);
        }
        self.reconnects += other.reconnects;
        self.slow_objects += other.slow_objects;
        self.client_cpu_ns += other.client_cpu_ns;
    }
}

impl PartOutcome {
    fn merge(&mut self, other: &Self) {
        self.sent += other.sent;
        self.skipped += other.skipped;
        self.arrived += other.arrived;
        self.latency.merge(&other.latency);
        self.slots.resize(self.slots.len().max(other.slots.len()), Slot::default());
        for (mine, theirs) in self.slots.iter_mut().zip(&other.slots) {
            mine.objects += theirs.objects;
            mine.bytes += theirs.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_processes_counted_adds_up() {
        let mut part = PartOutcome { sent: 3, arrived: 6, ..PartOutcome::default() };
        part.slots = vec![Slot { objects: 6, bytes: 60 }];
        let one =
            Outcome { parts: vec![part], resets: [(0x100, 2)].into(), refused: 1, ..Outcome::default() };
        let mut sum = Outcome::default();
        sum.merge(&one);
        let line = serde_json::to_string(&one).unwrap();
        sum.merge(&serde_json::from_str(&line).unwrap());
        assert_eq!((sum.parts[0].sent, sum.parts[0].arrived, sum.refused), (6, 12, 2));
        assert_eq!(sum.parts[0].slots, [Slot { objects: 12, bytes: 120 }]);
        assert_eq!(sum.resets, [(0x100, 4)].into());
    }
}

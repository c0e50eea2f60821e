//! Latencies in bounded memory, mergeable across processes.

use serde::{Deserialize, Serialize};

/// Steps per doubling: a percentile is off by at most one part in 64.
const STEPS_PER_OCTAVE: u64 = 64;
/// Microseconds up to which every value has its own step.
const EXACT_BELOW_US: u64 = 2 * STEPS_PER_OCTAVE;
/// Steps in all: values above some 19 hours fall into the last one.
const MAX_STEPS: usize = 2048;

/// A histogram of durations in microseconds, in steps of at most 1.6 %. The maximum is exact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    max_us: u64,
}

/// Percentiles in milliseconds; all `None` when nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half were faster.
    pub p50: Option<f64>,
    /// 99 % were faster.
    pub p99: Option<f64>,
    /// The slowest.
    pub max: Option<f64>,
}

impl Histogram {
    /// Adds one duration.
    pub fn record(&mut self, us: u64) {
        let step = step_of(us);
        if self.counts.len() <= step {
            self.counts.resize(step + 1, 0);
        }
        self.counts[step] += 1;
        self.count += 1;
        self.max_us = self.max_us.max(us);
    }

    /// Adds what another one holds; counts in excess steps of a foreign histogram are ignored.
    pub fn merge(&mut self, other: &Self) {
        let steps = other.counts.len().min(MAX_STEPS);
        if self.counts.len() < steps {
            self.counts.resize(steps, 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts[..steps]) {
            *mine = mine.saturating_add(*theirs);
        }
        self.count = self.count.saturating_add(other.count);
        self.max_us = self.max_us.max(other.max_us);
    }

    /// How many were added.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The value in microseconds that `per_mille` of a thousand stay at or below; `None` when empty.
    #[must_use]
    pub fn quantile_us(&self, per_mille: u64) -> Option<u64> {
        let rank = self.count.saturating_mul(per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (step, count) in self.counts.iter().enumerate() {
            seen = count.saturating_add(seen);
            if seen >= rank {
                return Some(upper_bound_us(step).min(self.max_us));
            }
        }
        None
    }

    /// The usual three, in milliseconds.
    #[must_use]
    pub fn percentiles(&self) -> Percentiles {
        let ms = |us: u64| us as f64 / 1000.0;
        Percentiles {
            p50: self.quantile_us(500).map(ms),
            p99: self.quantile_us(990).map(ms),
            max: (self.count > 0).then(|| ms(self.max_us)),
        }
    }
}

fn step_of(us: u64) -> usize {
    if us < EXACT_BELOW_US {
        return us as usize;
    }
    let octave = u64::from(us.ilog2() - EXACT_BELOW_US.ilog2());
    let within = (us >> (octave + 1)) - STEPS_PER_OCTAVE;
    let step = EXACT_BELOW_US + octave * STEPS_PER_OCTAVE + within;
    usize::try_from(step).unwrap_or(MAX_STEPS).min(MAX_STEPS - 1)
}

fn upper_bound_us(step: usize) -> u64 {
    let step = step as u64;
    if step < EXACT_BELOW_US {
        return step;
    }
    let (octave, within) =
        ((step - EXACT_BELOW_US) / STEPS_PER_OCTAVE, (step - EXACT_BELOW_US) % STEPS_PER_OCTAVE);
    ((STEPS_PER_OCTAVE + within + 1) << (octave + 1)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_narrow_and_hold_their_values() {
        for us in (0..20_000).chain([1 << 20, (1 << 30) + 12_345, 1 << 35]) {
            let bound = upper_bound_us(step_of(us));
            assert!(bound >= us && (bound - us) * 64 <= us.max(64), "{us} -> {bound}");
        }
        assert_eq!(step_of(u64::MAX), MAX_STEPS - 1);
    }

    #[test]
    fn percentiles_of_one_to_thousand() {
        let mut all = Histogram::default();
        (1..=1000).for_each(|ms| all.record(ms * 1000));
        let found = all.percentiles();
        assert!((found.p50.unwrap() - 500.0).abs() < 9.0, "{found:?}");
        assert!((found.p99.unwrap() - 990.0).abs() < 16.0, "{found:?}");
        assert_eq!(found.max, Some(1000.0));
        assert_eq!(Histogram::default().percentiles(), Percentiles::default());
    }

    #[test]
    fn merging_is_adding_and_survives_foreign_nonsense() {
        let (mut left, mut right, mut both) =
            (Histogram::default(), Histogram::default(), Histogram::default());
        for us in [3, 70_000, 900] {
            left.record(us);
            both.record(us);
        }
        right.record(5_000_000);
        both.record(5_000_000);
        left.merge(&right);
        assert_eq!(left, both);
        let foreign = Histogram { counts: vec![u64::MAX / 4; MAX_STEPS + 5], count: u64::MAX, max_us: 7 };
        let mut small = Histogram::default();
        small.merge(&foreign);
        small.merge(&foreign);
        assert_eq!(small.counts.len(), MAX_STEPS);
        assert!(small.percentiles().p99.is_some());
    }
}

//! Latencies in bounded memory, mergeable across processes.

use hdrhistogram::Histogram;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A percentile is off by at most one part in a thousand.
const SIGNIFICANT_DIGITS: u8 = 3;
/// Longest latency told apart, an hour; longer ones count as this.
const LATENCY_NS_MAX: u64 = 3_600_000_000_000;
/// Most durations of one value that another process may report: a month of ten million a second.
const COUNT_MAX: u64 = 1 << 45;
/// Steps of the plotted curve per halving of what is left above.
const STEPS_PER_HALVING: u32 = 6;
/// Nanoseconds per millisecond.
const MS_NS: f64 = 1e6;

/// Durations in nanoseconds. At most some 260 KiB, however many are recorded.
#[derive(Clone, Debug)]
pub struct Latency(Histogram<u64>);

/// A point of the percentile curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Part of all durations that are at or below `ms`, 0 to 1.
    pub quantile: f64,
    /// In milliseconds.
    pub ms: f64,
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

impl Latency {
    /// Without any duration.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the bounds are constants, and valid")]
    pub fn new() -> Self {
        Self(Histogram::new_with_max(LATENCY_NS_MAX, SIGNIFICANT_DIGITS).expect("valid bounds"))
    }

    /// Adds one duration.
    pub fn record_ns(&mut self, ns: u64) {
        self.0.saturating_record(ns);
    }

    /// Adds what another one holds.
    pub fn merge(&mut self, other: &Self) {
        for step in other.0.iter_recorded() {
            self.0.saturating_record_n(step.value_iterated_to(), step.count_at_value());
        }
    }

    /// How many were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The value in milliseconds that this part of all, 0 to 1, is at or below; `None` when nothing was recorded.
    #[must_use]
    pub fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.value_at_quantile(quantile) as f64 / MS_NS)
    }

    /// Half were at most this, in milliseconds.
    #[must_use]
    pub fn p50_ms(&self) -> Option<f64> {
        self.quantile_ms(0.5)
    }

    /// 99 % were at most this, in milliseconds.
    #[must_use]
    pub fn p99_ms(&self) -> Option<f64> {
        self.quantile_ms(0.99)
    }

    /// The longest, in milliseconds.
    #[must_use]
    pub fn max_ms(&self) -> Option<f64> {
        self.quantile_ms(1.0)
    }

    /// The percentile curve, denser towards 1. Some hundred points at most.
    #[must_use]
    pub fn percentiles(&self) -> Vec<Point> {
        let point = |step: hdrhistogram::iterators::IterationValue<u64>| Point {
            quantile: step.quantile_iterated_to(),
            ms: step.value_iterated_to() as f64 / MS_NS,
        };
        self.0.iter_quantiles(STEPS_PER_HALVING).map(point).collect()
    }
}

/// As pairs of a value in nanoseconds and how often it was recorded.
impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pairs = self.0.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()));
        serializer.collect_seq(pairs)
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut latency = Self::new();
        for (ns, count) in Vec::<(u64, u64)>::deserialize(deserializer)? {
            if count > COUNT_MAX {
                return Err(D::Error::custom("a count that nothing can have recorded"));
            }
            latency.0.saturating_record_n(ns, count);
        }
        Ok(latency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thousand() -> Latency {
        let mut latency = Latency::new();
        (1..=1000).for_each(|ms| latency.record_ns(ms * 1_000_000));
        latency
    }

    #[test]
    fn percentiles_of_one_to_thousand() {
        let latency = thousand();
        let near = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() <= expected / 1000.0;
        assert!(
            near(latency.p50_ms(), 500.0) && near(latency.p99_ms(), 990.0) && near(latency.max_ms(), 1000.0)
        );
        assert_eq!(Latency::new().p50_ms(), None);
    }

    #[test]
    fn the_curve_rises_to_the_longest() {
        let curve = thousand().percentiles();
        assert!(curve.len() < 200 && curve.is_sorted_by(|a, b| a.quantile <= b.quantile && a.ms <= b.ms));
        assert_eq!(curve.last().unwrap().quantile, 1.0);
        assert!(Latency::new().percentiles().iter().all(|point| point.ms == 0.0));
    }

    #[test]
    fn what_processes_report_adds_up() {
        let (mut sum, other) = (thousand(), thousand());
        let line = serde_json::to_string(&other).unwrap();
        sum.merge(&serde_json::from_str(&line).unwrap());
        assert_eq!(sum.count(), 2000);
        assert_eq!(sum.p99_ms(), other.p99_ms());
    }

    #[test]
    fn nonsense_of_others_does_no_harm() {
        let line = |count: u64| format!("[[{},{count}],[0,3]]", u64::MAX);
        let mut latency: Latency = serde_json::from_str(&line(5)).unwrap();
        latency.merge(&latency.clone());
        assert_eq!(latency.count(), 16);
        assert!(latency.max_ms() >= Some(LATENCY_NS_MAX as f64 / MS_NS));
        assert!(serde_json::from_str::<Latency>(&line(u64::MAX)).is_err());
    }
}

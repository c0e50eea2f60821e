use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets per doubling: a quantile is at most 1/8 above the true value.
const STEPS_PER_DOUBLING: usize = 8;
const STEP_BITS: u32 = STEPS_PER_DOUBLING.trailing_zeros();
/// Enough for every u64 of microseconds.
const BUCKETS: usize = (64 - STEP_BITS as usize + 1) * STEPS_PER_DOUBLING;

/// A histogram of durations that never grows and takes no lock: 496 counters on a logarithmic scale.
#[derive(Debug)]
pub(crate) struct Quantiles {
    buckets: [AtomicU64; BUCKETS],
    max_us: AtomicU64,
}

impl Default for Quantiles {
    fn default() -> Self {
        Self { buckets: [const { AtomicU64::new(0) }; BUCKETS], max_us: AtomicU64::new(0) }
    }
}

impl Quantiles {
    /// Counts one duration.
    pub(crate) fn record(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket_of(us)].fetch_add(1, Ordering::Relaxed);
        self.max_us.fetch_max(us, Ordering::Relaxed);
    }

    /// The duration in milliseconds that the given part (0..=1) of all durations does not exceed; 0 when nothing was recorded.
    pub(crate) fn quantile_ms(&self, part: f64) -> f64 {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let wanted = (counts.iter().sum::<u64>() as f64 * part).ceil() as u64;
        let mut seen = 0;
        for (index, count) in counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return (upper_bound_us(index) as f64 / 1000.0).min(self.max_ms());
            }
        }
        0.0
    }

    /// The longest duration, in milliseconds.
    pub(crate) fn max_ms(&self) -> f64 {
        self.max_us.load(Ordering::Relaxed) as f64 / 1000.0
    }
}

/// Values below the number of steps have a bucket each; above, the leading bits choose it.
fn bucket_of(us: u64) -> usize {
    let Some(shift) = us.checked_ilog2().and_then(|log| log.checked_sub(STEP_BITS)) else {
        return us as usize;
    };
    (shift as usize + 1) * STEPS_PER_DOUBLING + (us >> shift) as usize - STEPS_PER_DOUBLING
}

fn upper_bound_us(bucket: usize) -> u64 {
    let Some(shift) = (bucket / STEPS_PER_DOUBLING).checked_sub(1) else {
        return bucket as u64;
    };
    let leading = (bucket % STEPS_PER_DOUBLING + STEPS_PER_DOUBLING) as u64;
    (leading << shift) | ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_the_bucket_that_bounds_it() {
        for us in (0..2000).chain([65_535, 65_536, 1 << 40, u64::MAX]) {
            let bucket = bucket_of(us);
            assert!(us <= upper_bound_us(bucket), "{us}");
            assert!(bucket == 0 || us > upper_bound_us(bucket - 1), "{us}");
        }
    }

    #[test]
    fn quantiles_are_within_an_eighth() {
        let quantiles = Quantiles::default();
        assert_eq!(quantiles.quantile_ms(0.5), 0.0);
        (1..=1000).for_each(|ms| quantiles.record(Duration::from_millis(ms)));
        assert!((500.0..=563.0).contains(&quantiles.quantile_ms(0.5)));
        assert!((990.0..=1000.0).contains(&quantiles.quantile_ms(0.99)));
        assert_eq!(quantiles.max_ms(), 1000.0);
    }
}

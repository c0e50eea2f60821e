use crate::Timestamp;

/// A token bucket. Whatever is let through may take it below zero once, so that large chunks pass at all.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: u64,
    burst: u64,
    /// In millionths of a token, so that microseconds lose nothing.
    level_millionths: i128,
    at: Timestamp,
}

const MILLIONTHS: i128 = 1_000_000;

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(per_second: u64, burst: u64, now: Timestamp) -> Self {
        Self { per_second, burst, level_millionths: i128::from(burst) * MILLIONTHS, at: now }
    }

    /// Whether anything may pass now.
    pub(crate) fn is_open(&mut self, now: Timestamp) -> bool {
        self.tokens(now) > 0
    }

    /// What may pass now, a started token counted as one; the last to pass may be larger than what is left.
    pub(crate) fn tokens(&mut self, now: Timestamp) -> usize {
        self.refill(now);
        let tokens = self.level_millionths.max(0).div_ceil_positive(MILLIONTHS);
        usize::try_from(tokens).unwrap_or(usize::MAX)
    }

    /// Accounts for what passes.
    pub(crate) fn charge(&mut self, tokens: usize) {
        self.level_millionths -= tokens as i128 * MILLIONTHS;
    }

    /// When [`is_open`](Self::is_open) will be true.
    pub(crate) fn opens_at(&self) -> Timestamp {
        let missing = (1 - self.level_millionths).max(0);
        let us = missing.div_ceil_positive(i128::from(self.per_second.max(1)));
        self.at.plus_us(u64::try_from(us).unwrap_or(u64::MAX))
    }

    fn refill(&mut self, now: Timestamp) {
        let gained = i128::from(now.us_since(self.at)) * i128::from(self.per_second);
        self.level_millionths = (self.level_millionths + gained).min(i128::from(self.burst) * MILLIONTHS);
        self.at = self.at.max(now);
    }
}

trait DivCeil {
    fn div_ceil_positive(self, divisor: Self) -> Self;
}

impl DivCeil for i128 {
    fn div_ceil_positive(self, divisor: Self) -> Self {
        (self + divisor - 1) / divisor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_exactly_when_it_says() {
        let mut bucket = Bucket::new(3, 5, Timestamp(0));
        assert!(bucket.is_open(Timestamp(0)));
        bucket.charge(12);
        assert!(!bucket.is_open(Timestamp(0)));
        let opens = bucket.opens_at();
        assert!(!bucket.is_open(Timestamp(opens.0 - 1)));
        assert!(bucket.is_open(opens));
    }

    #[test]
    fn never_holds_more_than_the_burst() {
        let mut bucket = Bucket::new(1_000, 10, Timestamp(0));
        assert!(bucket.is_open(Timestamp(u64::MAX)));
        bucket.charge(10);
        assert!(!bucket.is_open(Timestamp(u64::MAX)));
    }
}

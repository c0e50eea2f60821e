use tokio::time::Instant;

/// How often a peer may do something: `per_second` on average, `burst` at once. What is above is the peer's fault.
#[derive(Debug)]
pub(crate) struct RateLimit {
    per_second: f64,
    burst: f64,
    tokens: f64,
    refilled_at: Instant,
}

impl RateLimit {
    /// A full bucket.
    pub(crate) fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let burst = f64::from(burst);
        Self { per_second: f64::from(per_second), burst, tokens: burst, refilled_at: now }
    }

    /// Takes one; `false` when the peer is above its rate.
    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.refilled_at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.burst);
        self.refilled_at = now;
        let allowed = self.tokens >= 1.0;
        if allowed {
            self.tokens -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let start = Instant::now();
        let mut limit = RateLimit::new(10, 3, start);
        assert_eq!([true, true, true, false], [(); 4].map(|()| limit.allows(start)));
        assert!(!limit.allows(start + Duration::from_millis(50)));
        assert!(limit.allows(start + Duration::from_millis(101)));
        assert!(!limit.allows(start + Duration::from_millis(101)));
    }

    #[test]
    fn a_pause_saves_up_no_more_than_a_burst() {
        let start = Instant::now();
        let mut limit = RateLimit::new(1000, 2, start);
        let later = start + Duration::from_secs(60);
        assert_eq!([true, true, false], [(); 3].map(|()| limit.allows(later)));
    }
}

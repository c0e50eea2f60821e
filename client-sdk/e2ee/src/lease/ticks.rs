use super::InputRefused;
use crate::MonotonicMs;
use std::collections::VecDeque;

/// How often the driven side sends a tick, in milliseconds.
pub const TICK_MS: u64 = 100;
/// What an event may be old on any path, in milliseconds.
pub const INPUT_AGE_MS_MIN: u64 = 500;
/// What an event may be old on the slowest path, in milliseconds: the longest that anybody can hold a click back.
pub const INPUT_AGE_MS_MAX: u64 = 2_000;
/// What an event may be older than two round trips, in milliseconds.
const SLACK_MS: u64 = 200;
/// Ticks remembered: [`INPUT_AGE_MS_MAX`] and some. An event that names an older one is too old.
const TICKS_KEPT: usize = 32;
/// Round trips that the median is made of; the oldest gives way.
const ROUND_TRIPS_KEPT: usize = 15;
/// Before there are so many, every path is taken for the slowest.
const ROUND_TRIPS_MIN: usize = 3;

/// When the ticks of one lease were sent, and so how old an event is at most that names one of them as the newest its
/// driver had seen.
///
/// An event is never younger than it claims: its driver signs the tick. How long the way usually takes is learned from
/// the first event that names each tick, refused ones included, so that a slow path is not locked out; whoever slows
/// down everything gains [`INPUT_AGE_MS_MAX`] and no more.
#[derive(Debug)]
pub(super) struct Ticks {
    /// When the newest ticks were sent, the newest last. The start of the lease counts as tick 0.
    sent: VecDeque<MonotonicMs>,
    newest: u64,
    /// The newest tick that an event named.
    named: u64,
    round_trips_ms: VecDeque<u64>,
}

impl Ticks {
    pub(super) fn start(now: MonotonicMs) -> Self {
        Self { sent: VecDeque::from([now]), newest: 0, named: 0, round_trips_ms: VecDeque::new() }
    }

    /// When the next tick is due.
    pub(super) fn next_deadline(&self) -> Option<MonotonicMs> {
        self.sent.back().map(|last| MonotonicMs(last.0.saturating_add(TICK_MS)))
    }

    /// The number of the tick to send now, if one is due.
    pub(super) fn poll(&mut self, now: MonotonicMs) -> Option<u64> {
        self.next_deadline().filter(|due| now >= *due)?;
        if self.sent.len() >= TICKS_KEPT {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
        self.newest += 1;
        Some(self.newest)
    }

    /// Whether an event is new enough whose driver had seen this tick.
    pub(super) fn judge(&mut self, now: MonotonicMs, tick: u64) -> Result<(), InputRefused> {
        let behind = self.newest.checked_sub(tick).ok_or(InputRefused::UnknownTick)?;
        let sent = usize::try_from(behind).ok().and_then(|behind| self.sent.iter().rev().nth(behind));
        let age_ms = sent.map_or(u64::MAX, |sent| now.0.saturating_sub(sent.0));
        // Learned after it is judged: an event does not excuse itself.
        let is_late = age_ms > self.age_ms_max();
        if tick > self.named {
            self.named = tick;
            self.learn(age_ms.min(INPUT_AGE_MS_MAX));
        }
        if is_late { Err(InputRefused::HeldBack) } else { Ok(()) }
    }

    /// What an event may be old now.
    pub(super) fn age_ms_max(&self) -> u64 {
        if self.round_trips_ms.len() < ROUND_TRIPS_MIN {
            return INPUT_AGE_MS_MAX;
        }
        let mut sorted: Vec<u64> = self.round_trips_ms.iter().copied().collect();
        sorted.sort_unstable();
        let median_ms = sorted.get(sorted.len() / 2).copied().unwrap_or(INPUT_AGE_MS_MAX);
        (2 * median_ms + SLACK_MS).clamp(INPUT_AGE_MS_MIN, INPUT_AGE_MS_MAX)
    }

    fn learn(&mut self, round_trip_ms: u64) {
        if self.round_trips_ms.len() >= ROUND_TRIPS_KEPT {
            self.round_trips_ms.pop_front();
        }
        self.round_trips_ms.push_back(round_trip_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> MonotonicMs {
        MonotonicMs(ms)
    }

    /// Ticks that were sent until then.
    fn until(ms: u64) -> Ticks {
        let mut ticks = Ticks::start(at(0));
        for now in (0..=ms).step_by(10) {
            let _ = ticks.poll(at(now));
        }
        ticks
    }

    /// An event for each of the ticks from the second on, so much later.
    fn used_to(round_trip_ms: u64, count: u64) -> Ticks {
        let mut ticks = until(count * TICK_MS);
        for tick in 1..=count {
            let _ = ticks.judge(at(tick * TICK_MS + round_trip_ms), tick);
        }
        ticks
    }

    #[test]
    fn a_tick_is_due_every_100_ms_and_a_late_one_is_not_made_up_for() {
        let mut ticks = Ticks::start(at(7));
        assert_eq!((ticks.poll(at(106)), ticks.poll(at(107)), ticks.poll(at(108))), (None, Some(1), None));
        assert_eq!(
            (ticks.poll(at(999)), ticks.poll(at(1_098)), ticks.poll(at(1_099))),
            (Some(2), None, Some(3))
        );
    }

    #[test]
    fn on_a_fast_path_half_a_second_is_too_old_and_on_a_slow_one_twice_its_round_trip() {
        for (round_trip_ms, age_ms_max) in [(20, 500), (150, 500), (400, 1_000), (900, 2_000), (5_000, 2_000)]
        {
            let mut ticks = used_to(round_trip_ms, 9);
            assert_eq!(ticks.age_ms_max(), age_ms_max);
            assert_eq!(ticks.judge(at(900 + age_ms_max), 9), Ok(()));
            assert_eq!(ticks.judge(at(900 + age_ms_max + 1), 9), Err(InputRefused::HeldBack));
        }
    }

    #[test]
    fn one_click_held_back_among_many_that_were_not_is_refused() {
        let mut ticks = used_to(30, 20);
        assert_eq!(ticks.judge(at(2_000 + 501), 20), Err(InputRefused::HeldBack));
    }

    #[test]
    fn a_slow_path_is_learned_even_from_what_was_refused() {
        let mut ticks = used_to(20, 9);
        let mut refused = 0;
        for tick in 10..40 {
            let _ = ticks.poll(at(tick * TICK_MS));
            refused += u64::from(ticks.judge(at(tick * TICK_MS + 800), tick).is_err());
        }
        assert_eq!(refused, 8, "half of the round trips kept");
    }

    #[test]
    fn nobody_gets_more_than_two_seconds_by_slowing_down_everything() {
        let mut ticks = used_to(60_000, 30);
        assert_eq!(ticks.judge(at(3_000 + 2_001), 30), Err(InputRefused::HeldBack));
        // A tick that is forgotten is older than that.
        let mut ticks = until(60_000);
        assert_eq!(ticks.judge(at(60_000), 1), Err(InputRefused::HeldBack));
    }

    #[test]
    fn a_tick_that_was_never_sent_is_no_excuse() {
        let mut ticks = until(1_000);
        assert_eq!(ticks.judge(at(1_000), 11), Err(InputRefused::UnknownTick));
        assert_eq!(ticks.judge(at(1_000), u64::MAX), Err(InputRefused::UnknownTick));
        assert_eq!(ticks.judge(at(1_000), 10), Ok(()));
    }
}

//! One direction of a link at work: what becomes of the next packet. No I/O, no clock.

use crate::link::Link;
use crate::packet::{Fate, LinkStats};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::time::Duration;

/// A [`Link`] with what it remembers.
#[derive(Debug)]
pub(crate) struct Queue {
    link: Link,
    chance: ChaCha8Rng,
    /// When the bottleneck will have passed all it was given.
    busy_until: Duration,
    /// Nothing may arrive earlier, unless the link reorders.
    last_arrival: Duration,
    pub(crate) stats: LinkStats,
}

/// What chance has in store for one packet. Drawn for each, whatever becomes of it, so that the n-th packet's luck does not
/// depend on what happened to those before.
struct Luck {
    lost: f64,
    duplicated: f64,
    late: f64,
    copy_late: f64,
}

impl Queue {
    pub(crate) fn new(link: Link, seed: u64) -> Self {
        Self {
            link,
            chance: ChaCha8Rng::seed_from_u64(seed),
            busy_until: Duration::ZERO,
            last_arrival: Duration::ZERO,
            stats: LinkStats::default(),
        }
    }

    pub(crate) fn link(&self) -> Link {
        self.link
    }

    /// What waits keeps its place and goes on at the new rate; what has left arrives as it would have.
    pub(crate) fn set_link(&mut self, now: Duration, link: Link) {
        let waiting_bytes = self.waiting_bytes(now);
        self.link = link;
        self.busy_until = now + link.transmission(waiting_bytes);
    }

    /// Takes a packet of so many bytes.
    pub(crate) fn carry(&mut self, now: Duration, bytes: usize) -> Fate {
        let luck = self.draw();
        if !self.link.is_up {
            return Fate::Down;
        }
        if bytes > self.link.mtu_bytes {
            return Fate::TooLarge;
        }
        let waiting_bytes = self.waiting_bytes(now) + bytes;
        if self.link.bits_per_second.is_some() && waiting_bytes > self.link.queue_bytes {
            return Fate::QueueFull;
        }
        self.stats.queued_bytes_max = self.stats.queued_bytes_max.max(waiting_bytes);
        self.busy_until = self.busy_until.max(now) + self.link.transmission(bytes);
        if luck.lost < self.link.loss {
            return Fate::Lost;
        }
        let at = self.arrival(luck.late);
        let again_at = (luck.duplicated < self.link.duplication).then(|| self.arrival(luck.copy_late));
        Fate::Arrives { at, again_at }
    }

    fn arrival(&mut self, late: f64) -> Duration {
        let mut at = self.busy_until + self.link.delay + self.link.jitter.mul_f64(late);
        if !self.link.reorders {
            at = at.max(self.last_arrival);
        }
        self.last_arrival = at.max(self.last_arrival);
        at
    }

    fn waiting_bytes(&self, now: Duration) -> usize {
        let Some(bits_per_second) = self.link.bits_per_second else { return 0 };
        let waiting = self.busy_until.saturating_sub(now);
        let bytes = waiting.as_nanos() * u128::from(bits_per_second) / 8 / 1_000_000_000;
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    fn draw(&mut self) -> Luck {
        let mut next = || self.chance.next_u64() as f64 / (u64::MAX as f64 + 1.0);
        Luck { lost: next(), duplicated: next(), late: next(), copy_late: next() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;
    /// One byte takes a microsecond.
    const MBIT_8: Link = Link { bits_per_second: Some(8_000_000), ..BARE };
    const BARE: Link = Link {
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        reorders: false,
        loss: 0.0,
        duplication: 0.0,
        bits_per_second: None,
        queue_bytes: 3000,
        mtu_bytes: 1500,
        is_up: true,
    };

    fn at(fate: Fate) -> Duration {
        match fate {
            Fate::Arrives { at, .. } => at,
            other => panic!("does not arrive: {other:?}"),
        }
    }

    #[test]
    fn the_default_is_a_bare_link() {
        assert_eq!(Link { queue_bytes: 3000, ..Link::default() }, BARE);
    }

    #[test]
    fn packets_pass_the_bottleneck_one_after_the_other() {
        let mut queue = Queue::new(Link { delay: MS(10), ..MBIT_8 }, 0);
        assert_eq!(at(queue.carry(MS(0), 1000)), MS(11));
        assert_eq!(at(queue.carry(MS(0), 1000)), MS(12));
        // After the queue has run empty a packet does not wait.
        assert_eq!(at(queue.carry(MS(5), 1000)), MS(16));
    }

    #[test]
    fn a_full_queue_drops_what_comes_and_takes_more_when_it_has_room() {
        let mut queue = Queue::new(MBIT_8, 0);
        for _ in 0..3 {
            at(queue.carry(MS(0), 1000));
        }
        assert_eq!(queue.carry(MS(0), 1), Fate::QueueFull);
        assert_eq!(at(queue.carry(MS(1), 1000)), MS(4));
        assert_eq!(queue.stats.queued_bytes_max, 3000);
    }

    #[test]
    fn a_new_rate_counts_for_what_already_waits() {
        let mut queue = Queue::new(MBIT_8, 0);
        at(queue.carry(MS(0), 1000));
        queue.set_link(MS(0), Link { bits_per_second: Some(800_000), ..MBIT_8 });
        assert_eq!(at(queue.carry(MS(0), 1000)), MS(20));
    }

    #[test]
    fn larger_than_the_mtu_or_unplugged_nothing_passes() {
        let mut queue = Queue::new(BARE, 0);
        assert_eq!(queue.carry(MS(0), 1501), Fate::TooLarge);
        queue.set_link(MS(0), Link { is_up: false, ..BARE });
        assert_eq!(queue.carry(MS(0), 100), Fate::Down);
    }

    #[test]
    fn jitter_overtakes_only_where_it_may() {
        let arrivals = |reorders| {
            let mut queue = Queue::new(Link { jitter: MS(50), reorders, ..BARE }, 1);
            (0..100).map(|sent| at(queue.carry(MS(sent), 100))).collect::<Vec<_>>()
        };
        assert!(arrivals(false).is_sorted());
        assert!(!arrivals(true).is_sorted());
        for (sent, arrival) in (0..).zip(arrivals(true)) {
            assert!((MS(sent)..=MS(sent + 50)).contains(&arrival));
        }
    }

    #[test]
    fn chance_is_what_the_link_says_and_each_packets_own() {
        let fates = |loss| {
            let mut queue = Queue::new(Link { loss, duplication: 0.1, ..BARE }, 2);
            (0..10_000).map(|_| queue.carry(MS(0), 100)).collect::<Vec<_>>()
        };
        let lost = |fates: &[Fate]| fates.iter().filter(|fate| **fate == Fate::Lost).count();
        let (few, many) = (fates(0.02), fates(0.04));
        assert!((150..250).contains(&lost(&few)), "{}", lost(&few));
        assert!((340..460).contains(&lost(&many)), "{}", lost(&many));
        // More loss takes some more; it does not deal the cards anew.
        for (few, many) in few.iter().zip(&many) {
            assert!(few == many || *many == Fate::Lost);
        }
        let copies = few.iter().filter(|fate| matches!(fate, Fate::Arrives { again_at: Some(_), .. }));
        assert!((850..1150).contains(&copies.count()));
    }
}

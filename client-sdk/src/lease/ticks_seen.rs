use crate::MemberId;
use crate::payload::Tick;
use crate::track::Screens;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Ticks whose frames were not seen yet. Beyond it the oldest goes: events that named it would be too old anyway.
const TICKS_WAITING_MAX: usize = 32;

/// The driver's view of the ticks of a lease: which is the newest that it has seen, with all that was on the screen then.
#[derive(Debug)]
pub(crate) struct TicksSeen {
    driven: MemberId,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    newest: u64,
    waiting: VecDeque<Tick>,
}

impl TicksSeen {
    pub(crate) fn new(driven: MemberId) -> Self {
        Self { driven, inner: Mutex::default() }
    }

    pub(crate) fn hear(&self, tick: Tick) {
        let mut inner = self.lock();
        if inner.waiting.len() >= TICKS_WAITING_MAX {
            inner.waiting.pop_front();
        }
        inner.waiting.push_back(tick);
    }

    /// The newest tick whose frames were handed out here, as far as those screens are watched here.
    pub(crate) fn newest(&self, screens: &Screens) -> u64 {
        let mut inner = self.lock();
        let Inner { newest, waiting } = &mut *inner;
        waiting.retain(|tick| {
            let is_seen = tick.frames.iter().all(|frame| screens.has_seen(self.driven, frame));
            if is_seen {
                *newest = tick.number.max(*newest);
            }
            !is_seen
        });
        *newest
    }

    // A poisoned lock means a panic between two whole updates elsewhere; the state is as valid as before.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::FramePlace;
    use isi_e2ee::LeafIndex;
    use isi_wire::TrackId;

    const DRIVEN: MemberId = MemberId { leaf: LeafIndex(1), since_epoch: 0 };

    fn tick(number: u64, index: u64) -> Tick {
        let frame = FramePlace { track: TrackId(3), group: 1, index };
        Tick { lease: [0; 16], number, held_back: 0, frames: vec![frame] }
    }

    #[test]
    fn a_tick_is_seen_once_the_screen_is_seen_that_it_was_sent_with() {
        let (ticks, screens) = (TicksSeen::new(DRIVEN), Screens::default());
        screens.watch(DRIVEN, TrackId(3));
        for (number, index) in [(1, 4), (2, 5), (3, 6)] {
            ticks.hear(tick(number, index));
        }
        assert_eq!(ticks.newest(&screens), 0);
        screens.saw(DRIVEN, TrackId(3), 1, 5);
        assert_eq!(ticks.newest(&screens), 2);
        // A still screen is seen at once; one that came out of order is no step back.
        ticks.hear(tick(4, 5));
        ticks.hear(tick(1, 4));
        assert_eq!(ticks.newest(&screens), 4);
    }

    #[test]
    fn who_watches_no_screen_sees_ticks_at_once() {
        let (ticks, screens) = (TicksSeen::new(DRIVEN), Screens::default());
        ticks.hear(tick(9, 4));
        assert_eq!(ticks.newest(&screens), 9);
    }
}

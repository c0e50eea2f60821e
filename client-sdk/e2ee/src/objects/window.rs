/// Media groups behind the newest one that still open: the newest and the seven before it.
pub const GROUP_WINDOW: u64 = 8;
/// Datagrams behind the newest one that still open, counted by their counters.
pub const DATAGRAM_WINDOW: u64 = 1_024;

const GROUP_SLOTS: usize = GROUP_WINDOW as usize;
const WORDS: usize = (DATAGRAM_WINDOW / 64) as usize;

/// What was seen of the newest [`GROUP_WINDOW`] media groups of a track.
#[derive(Default)]
pub(crate) struct GroupWindow<S> {
    newest: Option<u64>,
    slots: [S; GROUP_SLOTS],
}

impl<S: Default> GroupWindow<S> {
    /// The state of `group`, fresh if the group is new; `None` if it is behind the window.
    pub(crate) fn slot(&mut self, group: u64) -> Option<&mut S> {
        let newest = *self.newest.get_or_insert(group);
        if group > newest {
            for passed in (newest + 1..=group).rev().take(GROUP_SLOTS) {
                *self.at(passed) = S::default();
            }
            self.newest = Some(group);
        } else if newest - group >= GROUP_WINDOW {
            return None;
        }
        Some(self.at(group))
    }

    fn at(&mut self, group: u64) -> &mut S {
        &mut self.slots[(group % GROUP_WINDOW) as usize]
    }
}

/// Which of the newest [`DATAGRAM_WINDOW`] counters were seen (as RFC 4303 section 3.4.3).
#[derive(Default)]
pub(crate) struct CounterWindow {
    newest: Option<u64>,
    seen: [u64; WORDS],
}

/// Why a counter is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CounterRefused {
    Seen,
    Behind,
}

impl CounterWindow {
    pub(crate) fn accept(&mut self, counter: u64) -> Result<(), CounterRefused> {
        let newest = *self.newest.get_or_insert(counter);
        if counter > newest {
            for passed in (newest + 1..=counter).rev().take(DATAGRAM_WINDOW as usize) {
                let (word, bit) = place(passed);
                self.seen[word] &= !bit;
            }
            self.newest = Some(counter);
        } else if newest - counter >= DATAGRAM_WINDOW {
            return Err(CounterRefused::Behind);
        }
        let (word, bit) = place(counter);
        if self.seen[word] & bit != 0 {
            return Err(CounterRefused::Seen);
        }
        self.seen[word] |= bit;
        Ok(())
    }
}

/// Bits of a group's chunks, as long as the highest chunk seen needs.
#[derive(Default)]
pub(crate) struct ChunkBitmap {
    words: Vec<u64>,
}

impl ChunkBitmap {
    /// Marks a chunk; false if it was marked already. The caller bounds `index`.
    pub(crate) fn mark(&mut self, index: usize) -> bool {
        let (word, bit) = (index / 64, 1_u64 << (index % 64));
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let fresh = self.words[word] & bit == 0;
        self.words[word] |= bit;
        fresh
    }
}

const fn place(counter: u64) -> (usize, u64) {
    let position = counter % DATAGRAM_WINDOW;
    ((position / 64) as usize, 1 << (position % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn counters_open_once_in_any_order_within_the_window() {
        let mut window = CounterWindow::default();
        for counter in [5, 3, 4, 1_000, 6, 1_023, 0] {
            assert_eq!(window.accept(counter), Ok(()), "{counter}");
            assert_eq!(window.accept(counter), Err(CounterRefused::Seen), "{counter}");
        }
        assert_eq!(window.accept(1_030), Ok(()));
        assert_eq!(window.accept(6), Err(CounterRefused::Behind));
        assert_eq!(window.accept(7), Ok(()));
    }

    /// Every decision beside that of a set that forgets nothing.
    #[test]
    fn counters_agree_with_a_model() {
        let (mut window, mut seen, mut newest) = (CounterWindow::default(), HashSet::new(), 0_u64);
        let mut state = 7_u64;
        for step in 0..200_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let counter = (step / 4 + (state >> 33) % 1_500).saturating_sub(300);
            let expected = if seen.contains(&counter) && newest - counter < DATAGRAM_WINDOW {
                Err(CounterRefused::Seen)
            } else if newest >= DATAGRAM_WINDOW && counter <= newest - DATAGRAM_WINDOW {
                Err(CounterRefused::Behind)
            } else {
                Ok(())
            };
            assert_eq!(window.accept(counter), expected, "step {step}, counter {counter}, newest {newest}");
            seen.insert(counter);
            newest = newest.max(counter);
        }
    }

    #[test]
    fn a_jump_over_the_whole_window_forgets_it() {
        let mut window = CounterWindow::default();
        for counter in [0, 1, u64::MAX - 1, u64::MAX] {
            assert_eq!(window.accept(counter), Ok(()));
        }
        assert_eq!(window.accept(u64::MAX - DATAGRAM_WINDOW), Err(CounterRefused::Behind));
        assert_eq!(window.accept(u64::MAX - DATAGRAM_WINDOW + 1), Ok(()));
    }

    #[test]
    fn groups_keep_their_state_until_they_fall_behind() {
        let mut window = GroupWindow::<Option<u64>>::default();
        for group in 10..18 {
            *window.slot(group).unwrap() = Some(group);
        }
        assert_eq!(window.slot(10), Some(&mut Some(10)));
        assert_eq!(window.slot(18), Some(&mut None));
        assert_eq!(window.slot(10), None);
        assert_eq!(window.slot(11), Some(&mut Some(11)));
        assert_eq!(window.slot(u64::MAX), Some(&mut None));
        assert_eq!(window.slot(18), None);
    }
}

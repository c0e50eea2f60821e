/// Lets each source be served a bounded number of times before those below it have their turn.
///
/// The loop polls its sources in the order of their priority; without a budget a busy one would starve the rest.
#[derive(Debug)]
pub(super) struct Budget<const SOURCES: usize> {
    left: [u32; SOURCES],
}

/// Items of one source in one turn.
const ITEMS_PER_TURN: u32 = 32;

impl<const SOURCES: usize> Budget<SOURCES> {
    pub(super) const fn new() -> Self {
        Self { left: [ITEMS_PER_TURN; SOURCES] }
    }

    /// Whether the source may be polled in this turn.
    pub(super) fn allows(&self, source: usize) -> bool {
        self.left.get(source).is_some_and(|left| *left > 0)
    }

    /// Whether some source waits for a new turn.
    pub(super) fn is_spent(&self) -> bool {
        self.left.contains(&0)
    }

    /// The source was served; all above it may be served anew, since it had its chance.
    pub(super) fn served(&mut self, source: usize) {
        for (index, left) in self.left.iter_mut().enumerate() {
            if index == source {
                *left = left.saturating_sub(1);
            } else if index < source {
                *left = ITEMS_PER_TURN;
            }
        }
    }

    /// Nobody below had anything: a new turn.
    pub(super) fn renew(&mut self) {
        self.left = [ITEMS_PER_TURN; SOURCES];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_source_lets_others_have_their_turn() {
        let mut budget = Budget::<2>::new();
        for _ in 0..ITEMS_PER_TURN {
            assert!(budget.allows(0));
            budget.served(0);
        }
        assert!(!budget.allows(0) && budget.allows(1) && budget.is_spent());
        budget.served(1);
        assert!(budget.allows(0));
    }
}

use super::protocol::Counts;

/// Sums over all participants.
#[derive(Default)]
pub(super) struct Totals {
    /// Messages of both kinds.
    pub(super) sent: u64,
    /// Messages, once for each recipient.
    pub(super) expected: u64,
    /// Those that arrived.
    pub(super) received: u64,
    /// Private ones that reached somebody else.
    pub(super) leaked: u64,
    /// Input events.
    pub(super) input_sent: u64,
    /// Those applied.
    pub(super) input_applied: u64,
    /// Those the screen refused.
    pub(super) input_refused: u64,
    frames_expected: u64,
    frames_received: u64,
}

impl Totals {
    /// Whether everything that was sent is where it belongs.
    pub(super) const fn all_arrived(&self) -> bool {
        self.received >= self.expected
            && self.input_applied + self.input_refused >= self.input_sent
            && self.frames_received >= self.frames_expected
    }

    /// Of the organizer's counts and those of each viewer.
    pub(super) fn of(counts: &[Counts]) -> Self {
        let others = counts.len().saturating_sub(1) as u64;
        counts.iter().fold(Self::default(), |sum, each| Self {
            sent: sum.sent + each.messages_sent + each.private_sent,
            expected: sum.expected + each.messages_sent * others + each.private_sent,
            received: sum.received + each.messages_received,
            leaked: sum.leaked + each.private_leaked,
            input_sent: sum.input_sent + each.input_sent,
            input_applied: sum.input_applied + each.input_applied,
            input_refused: sum.input_refused + each.input_refused,
            frames_expected: sum.frames_expected + each.frames_sent * others,
            frames_received: sum.frames_received + each.frames_received,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_message_is_expected_by_all_others_and_a_private_one_by_one() {
        let writer = Counts { messages_sent: 3, private_sent: 2, ..Counts::default() };
        let reader = Counts { messages_received: 4, private_leaked: 1, ..Counts::default() };
        let totals = Totals::of(&[writer, reader.clone(), reader]);
        assert_eq!((totals.sent, totals.expected, totals.received, totals.leaked), (5, 8, 8, 2));
    }
}

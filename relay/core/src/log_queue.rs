use bytes::Bytes;
use std::collections::VecDeque;

/// Log entries on their way to one receiver: numbers only, the entries are held once by the log.
#[derive(Debug, Default)]
pub(crate) struct LogQueue {
    /// Sequence number and bytes, rising.
    pending: VecDeque<(u64, usize)>,
    bytes: usize,
    lost: Option<(u64, u64)>,
    /// Of the entry whose frame's head was given out last: shared with other receivers.
    payload: Option<Bytes>,
}

impl LogQueue {
    /// Adds an entry. What is over `bytes_max` then is lost, oldest first; returns how many.
    pub(crate) fn push(&mut self, sequence: u64, bytes: usize, bytes_max: usize) -> u64 {
        self.pending.push_back((sequence, bytes));
        self.bytes += bytes;
        let mut lost = 0;
        while self.bytes > bytes_max {
            self.lose_front();
            lost += 1;
        }
        lost
    }

    /// Counts entries at the front as lost that the log does not hold any more; returns how many.
    pub(crate) fn skip_missing(&mut self, is_held: impl Fn(u64) -> bool) -> u64 {
        let mut lost = 0;
        while self.pending.front().is_some_and(|(sequence, _)| !is_held(*sequence)) {
            self.lose_front();
            lost += 1;
        }
        lost
    }

    pub(crate) fn pop(&mut self) -> Option<u64> {
        let (sequence, bytes) = self.pending.pop_front()?;
        self.bytes -= bytes;
        Some(sequence)
    }

    /// What has to follow the head that is given out.
    pub(crate) fn set_payload(&mut self, payload: Option<Bytes>) {
        self.payload = payload;
    }

    pub(crate) const fn take_payload(&mut self) -> Option<Bytes> {
        self.payload.take()
    }

    /// Entries from `first` to `last` will not come.
    pub(crate) fn lose(&mut self, first: u64, last: u64) {
        let (lost_first, lost_last) = self.lost.unwrap_or((first, last));
        self.lost = Some((lost_first.min(first), lost_last.max(last)));
    }

    /// The gap that was not told yet.
    pub(crate) const fn take_lost(&mut self) -> Option<(u64, u64)> {
        self.lost.take()
    }

    fn lose_front(&mut self) {
        if let Some(sequence) = self.pop() {
            self.lose(sequence, sequence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_budget_the_oldest_are_lost_and_the_gap_is_one() {
        let mut queue = LogQueue::default();
        assert_eq!([1, 4, 5].map(|sequence| queue.push(sequence, 10, 20)), [0, 0, 1]);
        assert_eq!(queue.push(9, 20, 20), 2);
        assert_eq!(queue.take_lost(), Some((1, 5)));
        assert_eq!(queue.take_lost(), None);
        assert_eq!(queue.pop(), Some(9));
        assert_eq!((queue.pop(), queue.bytes), (None, 0));
    }
}

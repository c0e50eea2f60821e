//! What a participant's tasks count together.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{
    demo::protocol::Counts,
    live::{Applied, View},
    screen::Framebuffer,
};

/// Troubles that are told; further ones are only more of the same.
const TROUBLES_MAX: usize = 8;
/// Longest wait for a picture to write.
const PICTURE_TIMEOUT: Duration = Duration::from_secs(5);

/// Counts, behind one lock that is held for a few instructions at a time.
#[derive(Default)]
pub(super) struct Board(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    counts: Counts,
    begin_us: u64,
    end_us: u64,
    /// The lease is taken back on purpose.
    ends_lease: bool,
    screen: Option<(u16, u16)>,
    picture_for: Option<oneshot::Sender<Framebuffer>>,
}

impl Inner {
    const fn in_window(&self, at_us: u64) -> bool {
        self.begin_us <= at_us && at_us < self.end_us
    }
}

impl Board {
    // A poisoned lock means a panic between two whole updates; the counts are as good as before.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.lock().counts);
    }

    pub(super) fn set_window(&self, begin_us: u64, end_us: u64) {
        let mut inner = self.lock();
        (inner.begin_us, inner.end_us) = (begin_us, end_us);
    }

    pub(super) fn expect_lease_end(&self, ends_lease: bool) {
        self.lock().ends_lease = ends_lease;
    }

    /// The lease is over, which is trouble unless it was to be.
    pub(super) fn lease_ended(&self, what: &str) {
        let mut inner = self.lock();
        inner.counts.has_lease = false;
        if !inner.ends_lease {
            drop(inner);
            self.trouble(what);
        }
    }

    pub(super) fn set_lease(&self, has_lease: bool) {
        self.lock().counts.has_lease = has_lease;
    }

    pub(super) fn trouble(&self, what: &str) {
        let troubles = &mut self.lock().counts.troubles;
        if troubles.len() < TROUBLES_MAX {
            troubles.push(what.to_owned());
        }
    }

    pub(super) fn frame_sent(&self, captured_at_us: u64, bytes: usize) {
        let mut inner = self.lock();
        if inner.in_window(captured_at_us) {
            inner.counts.frames_sent += 1;
            inner.counts.frame_bytes += bytes as u64;
        }
    }

    pub(super) fn frame_decoded(&self, view: &View<'_>) {
        let mut inner = self.lock();
        let frame = &view.received.frame;
        inner.screen = Some(view.picture.size());
        inner.counts.keyframes_decoded += u64::from(frame.keyframe);
        if inner.in_window(frame.captured_at_us) {
            inner.counts.frames_received += 1;
            inner.counts.frame_bytes += frame.data.len() as u64;
            inner.counts.frame_latency.record(view.decoded_at_us.saturating_sub(frame.captured_at_us));
        }
        if let Some(wanted) = inner.picture_for.take() {
            drop(wanted.send(view.picture.clone())); // nobody waits any more: as good
        }
    }

    pub(super) fn input_applied(&self, applied: Applied) {
        let mut inner = self.lock();
        if applied.done {
            inner.counts.input_applied += 1;
            inner.counts.input_latency.record(applied.applied_at_us.saturating_sub(applied.at_us));
        } else {
            inner.counts.input_refused += 1;
        }
    }

    /// Size of the screen that is viewed, once it is known.
    pub(super) fn screen(&self) -> Option<(u16, u16)> {
        self.lock().screen
    }

    /// The next picture decoded.
    pub(super) async fn next_picture(&self) -> Option<Framebuffer> {
        let (sender, picture) = oneshot::channel();
        self.lock().picture_for = Some(sender);
        tokio::time::timeout(PICTURE_TIMEOUT, picture).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_frames_of_the_window_count() {
        let board = Board::default();
        board.set_window(100, 200);
        for captured_at_us in [99, 100, 199, 200] {
            board.frame_sent(captured_at_us, 10);
        }
        assert_eq!((board.counts().frames_sent, board.counts().frame_bytes), (2, 20));
    }

    #[test]
    fn refused_events_are_not_applied_ones() {
        let board = Board::default();
        board.input_applied(Applied { at_us: 1000, applied_at_us: 3000, done: true });
        board.input_applied(Applied { at_us: 1000, applied_at_us: 9000, done: false });
        let counts = board.counts();
        assert_eq!((counts.input_applied, counts.input_refused), (1, 1));
        assert_eq!(counts.input_latency.percentiles().max, Some(2.0));
    }

    #[test]
    fn the_end_of_a_lease_is_trouble_unless_it_was_to_be() {
        let board = Board::default();
        board.set_lease(true);
        board.expect_lease_end(true);
        board.lease_ended("taken back");
        assert_eq!((board.counts().has_lease, board.counts().troubles.len()), (false, 0));
        board.expect_lease_end(false);
        board.lease_ended("taken back");
        assert_eq!(board.counts().troubles, ["taken back"]);
    }

    #[test]
    fn troubles_are_bounded() {
        let board = Board::default();
        (0..100).for_each(|_| board.trouble("again"));
        assert_eq!(board.counts().troubles.len(), TROUBLES_MAX);
    }
}

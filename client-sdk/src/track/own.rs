use super::Delivery;
use crate::transport::SendWindow;
use isi_e2ee::Sealer;
use isi_wire::{TrackAlias, TrackId};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

/// What the driver tells the publisher of a track.
#[derive(Debug)]
pub(crate) struct TrackState {
    keyframe_wanted: AtomicBool,
    ended: AtomicBool,
    changed: Notify,
    /// `None` while the connection is lost.
    path: Mutex<Option<OwnPath>>,
    delivery: watch::Sender<Option<Arc<Delivery>>>,
    /// Knows which report was the last that somebody has heard.
    heard: Mutex<watch::Receiver<Option<Arc<Delivery>>>>,
}

impl Default for TrackState {
    fn default() -> Self {
        let (delivery, heard) = watch::channel(None);
        Self {
            keyframe_wanted: AtomicBool::default(),
            ended: AtomicBool::default(),
            changed: Notify::default(),
            path: Mutex::default(),
            delivery,
            heard: Mutex::new(heard),
        }
    }
}

/// The connection that a track is published on, and what the relay calls it there.
#[derive(Clone, Debug)]
pub(crate) struct OwnPath {
    pub(crate) window: SendWindow,
    pub(crate) alias: TrackAlias,
}

/// A track that the relay has accepted. Its sealer goes on when the connection is another.
#[derive(Debug)]
pub(crate) struct OwnTrack {
    pub(crate) track: TrackId,
    pub(crate) sealer: Sealer,
    pub(crate) state: Arc<TrackState>,
}

impl TrackState {
    /// Whether it was not wanted before.
    pub(crate) fn want_keyframe(&self) -> bool {
        let is_new = !self.keyframe_wanted.swap(true, Ordering::Relaxed);
        self.changed.notify_one();
        is_new
    }

    pub(crate) fn keyframe_comes(&self) {
        self.keyframe_wanted.store(false, Ordering::Relaxed);
    }

    pub(crate) fn is_keyframe_wanted(&self) -> bool {
        self.keyframe_wanted.load(Ordering::Relaxed)
    }

    pub(crate) async fn keyframe_request(&self) {
        while !self.is_keyframe_wanted() && !self.is_ended() {
            self.changed.notified().await;
        }
    }

    /// The track is published, by this connection from now on.
    pub(crate) fn connect(&self, path: OwnPath) {
        *self.lock_path() = Some(path);
    }

    pub(crate) fn disconnect(&self) {
        *self.lock_path() = None;
    }

    /// Where objects go now; nowhere while the connection is lost.
    pub(crate) fn path(&self) -> Option<OwnPath> {
        self.lock_path().clone()
    }

    pub(crate) fn set_delivery(&self, delivery: Delivery) {
        self.delivery.send_replace(Some(Arc::new(delivery)));
    }

    pub(crate) fn delivery(&self) -> Option<Arc<Delivery>> {
        self.delivery.borrow().clone()
    }

    /// The newest report, unless it was heard already; then the next. `None` when the track has ended.
    pub(crate) async fn next_delivery(&self) -> Option<Arc<Delivery>> {
        if self.is_ended() {
            return None;
        }
        let mut changes = self.heard().clone();
        // Fails only when the sender is gone, which is this.
        let _ = changes.changed().await;
        self.heard().borrow_and_update().clone()
    }

    // A poisoned lock means a panic elsewhere; the path is as valid as before.
    fn lock_path(&self) -> MutexGuard<'_, Option<OwnPath>> {
        self.path.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // A poisoned lock means a panic elsewhere; which report was heard is as valid as before.
    fn heard(&self) -> MutexGuard<'_, watch::Receiver<Option<Arc<Delivery>>>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        self.changed.notify_one();
        self.delivery.send_replace(None);
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isi_testkit::within;
    use std::pin::pin;
    use std::task::{Context, Waker};

    fn delivery(receivers: u32) -> Delivery {
        Delivery { receivers, slowest: Vec::new() }
    }

    #[tokio::test]
    async fn whoever_waits_hears_the_next_report_and_of_the_end() {
        let state = Arc::new(TrackState::default());
        assert_eq!(state.delivery(), None);
        let waiting = tokio::spawn({
            let state = Arc::clone(&state);
            async move { (state.next_delivery().await, state.next_delivery().await, state.next_delivery().await) }
        });
        tokio::task::yield_now().await;
        state.set_delivery(delivery(2));
        assert_eq!(state.delivery().as_deref(), Some(&delivery(2)));
        tokio::task::yield_now().await;
        state.end();
        assert_eq!(waiting.await.unwrap(), (Some(Arc::new(delivery(2))), None, None));
    }

    #[tokio::test]
    async fn whoever_was_busy_hears_the_newest_report_once() {
        let state = TrackState::default();
        state.set_delivery(delivery(1));
        state.set_delivery(delivery(2));
        assert_eq!(within(state.next_delivery()).await.as_deref(), Some(&delivery(2)));
        let mut next = pin!(state.next_delivery());
        let heard = next.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(heard.is_pending(), "a report was heard twice");
        state.set_delivery(delivery(3));
        assert_eq!(within(next).await.as_deref(), Some(&delivery(3)));
    }
}

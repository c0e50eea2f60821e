use isi_e2ee::Sealer;
use isi_wire::TrackAlias;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// What the driver tells the publisher of a track.
#[derive(Debug, Default)]
pub(crate) struct TrackState {
    keyframe_wanted: AtomicBool,
    ended: AtomicBool,
    changed: Notify,
}

/// A track that the relay has accepted.
#[derive(Debug)]
pub(crate) struct OwnTrack {
    pub(crate) alias: TrackAlias,
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

    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

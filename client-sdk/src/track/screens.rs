use crate::MemberId;
use crate::payload::FramePlace;
use isi_wire::TrackId;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Screens of one's own that are remembered, and of others. Beyond it the first ones are forgotten: ticks then bind
/// input to the newer ones.
const SCREENS_MAX: usize = 64;

/// How far this member's screens are sent, and how far it has seen those of others: what ticks of leases go by.
#[derive(Debug, Default)]
pub(crate) struct Screens(Mutex<Progress>);

#[derive(Debug, Default)]
struct Progress {
    sent: VecDeque<FramePlace>,
    seen: VecDeque<Seen>,
}

#[derive(Debug)]
struct Seen {
    member: MemberId,
    track: TrackId,
    /// Group and index; `None` before the first frame.
    newest: Option<(u64, u64)>,
}

impl Screens {
    /// A frame of one's own is on its way.
    pub(crate) fn sent(&self, frame: FramePlace) {
        let mut progress = self.lock();
        progress.sent.retain(|other| other.track != frame.track);
        if progress.sent.len() >= SCREENS_MAX {
            progress.sent.pop_front();
        }
        progress.sent.push_back(frame);
    }

    pub(crate) fn stop_sending(&self, track: TrackId) {
        self.lock().sent.retain(|frame| frame.track != track);
    }

    /// The newest frames of the screens that were sent last.
    pub(crate) fn newest_sent(&self, screens_max: usize) -> Vec<FramePlace> {
        self.lock().sent.iter().rev().take(screens_max).copied().collect()
    }

    pub(crate) fn watch(&self, member: MemberId, track: TrackId) {
        let mut progress = self.lock();
        if progress.seen.len() >= SCREENS_MAX {
            progress.seen.pop_front();
        }
        progress.seen.push_back(Seen { member, track, newest: None });
    }

    /// A frame was handed out.
    pub(crate) fn saw(&self, member: MemberId, track: TrackId, group: u64, index: u64) {
        let mut progress = self.lock();
        let mut seen = progress.seen.iter_mut();
        if let Some(seen) = seen.find(|seen| (seen.member, seen.track) == (member, track)) {
            seen.newest = Some((group, index));
        }
    }

    pub(crate) fn stop_watching(&self, member: MemberId, track: TrackId) {
        self.lock().seen.retain(|seen| (seen.member, seen.track) != (member, track));
    }

    /// Whether this frame or a newer one was handed out here; nobody waits for screens that nobody watches.
    pub(crate) fn has_seen(&self, member: MemberId, frame: &FramePlace) -> bool {
        let progress = self.lock();
        let mut seen = progress.seen.iter();
        let watched = seen.find(|seen| (seen.member, seen.track) == (member, frame.track));
        watched.is_none_or(|seen| seen.newest >= Some((frame.group, frame.index)))
    }

    // A poisoned lock means a panic between two whole updates elsewhere; the state is as valid as before.
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isi_e2ee::LeafIndex;

    const SHARER: MemberId = MemberId { leaf: LeafIndex(1), since_epoch: 0 };

    const fn frame(track: u32, group: u64, index: u64) -> FramePlace {
        FramePlace { track: TrackId(track), group, index }
    }

    #[test]
    fn only_a_screen_that_is_watched_has_to_be_seen_so_far() {
        let screens = Screens::default();
        assert!(screens.has_seen(SHARER, &frame(7, 2, 3)));
        screens.watch(SHARER, TrackId(7));
        assert!(!screens.has_seen(SHARER, &frame(7, 2, 3)));
        for (group, index, expected) in [(2, 2, false), (2, 3, true), (3, 0, true)] {
            screens.saw(SHARER, TrackId(7), group, index);
            assert_eq!(screens.has_seen(SHARER, &frame(7, 2, 3)), expected);
        }
        assert!(screens.has_seen(SHARER, &frame(8, 9, 9)), "another screen");
        screens.saw(SHARER, TrackId(7), 2, 0);
        screens.stop_watching(SHARER, TrackId(7));
        assert!(screens.has_seen(SHARER, &frame(7, 2, 3)));
    }

    #[test]
    fn the_screens_sent_last_are_named() {
        let screens = Screens::default();
        for sent in [frame(1, 1, 0), frame(2, 1, 0), frame(1, 1, 1), frame(3, 4, 0)] {
            screens.sent(sent);
        }
        assert_eq!(screens.newest_sent(2), [frame(3, 4, 0), frame(1, 1, 1)]);
        screens.stop_sending(TrackId(3));
        assert_eq!(screens.newest_sent(9), [frame(1, 1, 1), frame(2, 1, 0)]);
    }
}

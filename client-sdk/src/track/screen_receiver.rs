use super::{ObjectOpener, RemoteTrack};
use crate::event::Refused;
use crate::handle::Shared;
use crate::inbox::Inbox;
use crate::payload::ScreenFrame;
use crate::transport::{IncomingGroup, NextObject};
use bytes::Bytes;
use isi_e2ee::{Expected, OpenError, Opened, Opener, SWITCH_DELAY_MS, Transport};
use isi_wire::ResetCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Receives the frames of one member's screen. Dropping it ends the subscription.
///
/// Frames come in order within a group, groups rise; when a newer group is there and the older one stalls, or when two
/// newer ones are there, the older one is given up.
#[derive(Debug)]
pub struct ScreenReceiver {
    shared: Arc<Shared>,
    track: RemoteTrack,
    opener: ObjectOpener,
    groups: Inbox<IncomingGroup>,
    current: Option<Reading>,
    newer: Option<Reading>,
    unopened: Option<(Bytes, u64)>,
    /// When to ask for a keyframe because the sender has sealed for those who were there before this member.
    ask_at: Option<Instant>,
    has_opened: bool,
    /// No group comes any more; what is there is still read to its end.
    closed: bool,
}

/// A frame that its sender has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedFrame {
    /// The frame. When it is no keyframe it builds on the frame before it in its group.
    pub frame: ScreenFrame,
    /// Its group; a new group begins with a keyframe.
    pub group: u64,
    /// Its place in the group, from 0. A gap means that a frame is lost: wait for the next keyframe.
    pub index: u64,
    /// Length of the sealed object in bytes.
    pub sealed_bytes: usize,
}

#[derive(Debug)]
struct Reading {
    group: IncomingGroup,
    /// An object that was read while the older group still had the turn.
    ready: Option<NextObject>,
}

impl ScreenReceiver {
    pub(crate) fn new(shared: Arc<Shared>, track: RemoteTrack, groups: Inbox<IncomingGroup>) -> Self {
        shared.screens.watch(track.member, track.track);
        let opener = Opener::new(&shared.keyring(), track.member.leaf, track.track, track.kind);
        let opener = ObjectOpener::new(Arc::clone(&shared), opener);
        Self {
            shared,
            track,
            opener,
            groups,
            current: None,
            newer: None,
            unopened: None,
            closed: false,
            ask_at: None,
            has_opened: false,
        }
    }

    /// The track.
    #[must_use]
    pub const fn track(&self) -> RemoteTrack {
        self.track
    }

    /// Asks the sender for a keyframe; the relay asks once for all who ask at the same time.
    pub fn request_keyframe(&self) {
        self.shared.request_keyframe(self.track);
    }

    /// The next frame; `None` when the track or the session has ended. Objects that do not open are reported as
    /// [`Event::Refused`](crate::Event::Refused) and skipped. Cancel safe.
    pub async fn next(&mut self) -> Option<ReceivedFrame> {
        loop {
            // Kept until it is opened, so that a dropped call loses nothing.
            if self.unopened.is_none() {
                self.unopened = Some(self.next_object().await?);
            }
            let (object, group) = self.unopened.clone()?;
            let sealed_bytes = object.len();
            let expected = Expected { group: Some(group), transport: Transport::Stream };
            let opened = self.opener.open(expected, object).await;
            self.unopened = None;
            match opened.map_err(Refused::Object).and_then(decode) {
                Ok((frame, index)) => {
                    self.has_opened = true;
                    self.shared.screens.saw(self.track.member, self.track.track, group, index);
                    return Some(ReceivedFrame { frame, group, index, sealed_bytes });
                }
                // Nobody's fault: senders go on with the epoch before for a moment after somebody came. What they send
                // then is not for the newcomer, who needs a keyframe of its own epoch.
                Err(Refused::Object(OpenError::OldEpoch)) if !self.has_opened => {
                    let switched = Instant::now() + Duration::from_millis(SWITCH_DELAY_MS);
                    self.ask_at.get_or_insert(switched);
                }
                Err(why) => self.shared.refused(self.track.member, why),
            }
        }
    }

    /// The next sealed object and its group. Cancel safe.
    async fn next_object(&mut self) -> Option<(Bytes, u64)> {
        loop {
            self.skip_to_newest();
            let Some(current) = &mut self.current else {
                tokio::select! {
                    biased;
                    () = due(self.ask_at) => self.ask(),
                    group = self.groups.next() => self.current = Some(Reading { group: group?, ready: None }),
                }
                continue;
            };
            let group = current.group.header.group;
            let turn = tokio::select! {
                biased;
                () = due(self.ask_at) => Turn::Ask,
                turn = read(current, self.newer.as_mut(), &self.groups, self.closed) => turn,
            };
            match turn {
                Turn::Older(NextObject::Object(object)) => return Some((object, group)),
                Turn::Older(NextObject::Finished | NextObject::Cut) => self.current = self.newer.take(),
                Turn::Newer => self.give_up_older(),
                Turn::Arrived(arrived) => self.take_in(arrived),
                Turn::Closed => self.closed = true,
                Turn::Ask => self.ask(),
            }
        }
    }

    fn ask(&mut self) {
        self.ask_at = None;
        self.request_keyframe();
    }

    fn give_up_older(&mut self) {
        if let Some(older) = std::mem::replace(&mut self.current, self.newer.take()) {
            older.group.stop(ResetCode::Stale);
        }
    }

    fn take_in(&mut self, arrived: IncomingGroup) {
        let newest = self.current.as_ref().map_or(0, |current| current.group.header.group);
        if arrived.header.group <= newest {
            arrived.stop(ResetCode::Stale);
            return;
        }
        self.newer = Some(Reading { group: arrived, ready: None });
    }

    /// With a newer group at hand and more in the queue, everything older than the newest is given up.
    fn skip_to_newest(&mut self) {
        while self.newer.is_some() && self.groups.len() > 0 {
            self.give_up_older();
            if let Some(arrived) = self.groups.try_next() {
                self.take_in(arrived);
            }
        }
    }
}

impl Drop for ScreenReceiver {
    fn drop(&mut self) {
        self.groups.close();
        self.shared.screens.stop_watching(self.track.member, self.track.track);
        self.shared.unsubscribe(self.track);
    }
}

enum Turn {
    Older(NextObject),
    Newer,
    Arrived(IncomingGroup),
    Closed,
    Ask,
}

/// What happens first: the older group goes on, else the newer one has its keyframe, else another group arrives.
async fn read(
    current: &mut Reading,
    newer: Option<&mut Reading>,
    groups: &Inbox<IncomingGroup>,
    closed: bool,
) -> Turn {
    if let Some(ready) = current.ready.take() {
        return Turn::Older(ready);
    }
    let has_newer = newer.is_some();
    let newer = newer.filter(|newer| newer.ready.is_none());
    tokio::select! {
        biased;
        next = current.group.next() => Turn::Older(next),
        () = prefetch(newer) => Turn::Newer,
        arrived = groups.next(), if !has_newer && !closed => arrived.map_or(Turn::Closed, Turn::Arrived),
    }
}

/// Reads the newer group's first object ahead.
async fn prefetch(newer: Option<&mut Reading>) {
    match newer {
        Some(reading) => reading.ready = Some(reading.group.next().await),
        None => std::future::pending().await,
    }
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn decode(opened: Opened) -> Result<(ScreenFrame, u64), Refused> {
    let frame = ScreenFrame::decode(opened.plaintext.into(), opened.keyframe)?;
    Ok((frame, opened.index))
}

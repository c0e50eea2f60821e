use super::{Delivery, OwnPath, OwnTrack, TrackState};
use crate::error::{Disconnected, TrackSendError};
use crate::handle::Shared;
use crate::limits::FRAME_WRITE_TIMEOUT;
use crate::payload::{FramePlace, ScreenFrame};
use crate::transport::{GroupWriter, Priority};
use isi_e2ee::{SealError, SealMeta, Sealer};
use isi_wire::{DeliveryClass, GroupHeader, TrackId};
use std::sync::Arc;
use tokio::time::timeout;

/// Sends the frames of a screen. Dropping it ends the track.
///
/// A frame that is a keyframe begins a new group; the relay gives newcomers the newest group and throws older ones away.
/// While the connection is lost frames are dropped; when it is back the track goes on with the next keyframe.
#[derive(Debug)]
pub struct ScreenPublisher {
    shared: Arc<Shared>,
    track: TrackId,
    sealer: Sealer,
    state: Arc<TrackState>,
    /// Number of the newest group; the first is 1.
    group: u64,
    /// Of the next frame in it.
    index: u64,
    writer: Option<GroupWriter>,
}

/// What became of a frame.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way.
    Sent,
    /// It was dropped, and so would all be that build on it: the connection does not keep up or is lost, or no keyframe
    /// came before it. Send a keyframe next.
    Dropped,
}

impl ScreenPublisher {
    pub(crate) fn new(shared: Arc<Shared>, own: OwnTrack) -> Self {
        let OwnTrack { track, sealer, state } = own;
        // Nothing can be shown before a keyframe.
        let _ = state.want_keyframe();
        Self { shared, track, sealer, state, group: 0, index: 0, writer: None }
    }

    /// Whether the next frame should be a keyframe: a viewer came or lost its place, or a frame was dropped.
    #[must_use]
    pub fn keyframe_wanted(&self) -> bool {
        self.state.is_keyframe_wanted()
    }

    /// Waits until a keyframe is wanted, or the track has ended. Cancel safe.
    pub async fn keyframe_request(&self) {
        self.state.keyframe_request().await;
    }

    /// How the frames reach the viewers; `None` until the relay has said something. Cheap enough for every frame.
    #[must_use]
    pub fn delivery(&self) -> Option<Arc<Delivery>> {
        self.state.delivery()
    }

    /// The newest such report, unless a call gave it already; then waits for the next. `None` when the track has ended.
    /// Cancel safe.
    pub async fn next_delivery(&self) -> Option<Arc<Delivery>> {
        self.state.next_delivery().await
    }

    /// Seals a frame and hands it to QUIC, at most 400 ms long. Not cancel safe: a dropped call gives the group up.
    ///
    /// # Errors
    /// Any [`TrackSendError`]; after [`TrackSendError::TooLarge`] the track goes on, after [`TrackSendError::OutOfTouch`] it
    /// does when the alarm is over.
    pub async fn send(&mut self, frame: &ScreenFrame) -> Result<Sent, TrackSendError> {
        if self.state.is_ended() {
            return Err(TrackSendError::Ended);
        }
        if !self.shared.standing.borrow().media {
            let _ = self.state.want_keyframe();
            return Err(TrackSendError::OutOfTouch);
        }
        let Some(path) = self.state.path() else {
            self.writer = None;
            let _ = self.state.want_keyframe();
            return Ok(Sent::Dropped);
        };
        if frame.keyframe {
            self.state.keyframe_comes();
            self.group += 1;
            self.index = 0;
            if let Some(writer) = self.writer.take() {
                writer.finish();
            }
        } else if self.writer.is_none() {
            let _ = self.state.want_keyframe();
            return Ok(Sent::Dropped);
        }
        let meta = SealMeta { group: self.group, keyframe: frame.keyframe };
        let object = self
            .sealer
            .seal(self.shared.clock.now(), meta, &frame.encode())
            .map_err(|error| seal_failed(&error))?;
        let frame = FramePlace { track: self.track, group: self.group, index: self.index };
        self.index += 1;
        // Taken out while it is written: if this call is dropped, so is the writer, and its stream is reset.
        let writer = self.writer.take();
        match timeout(FRAME_WRITE_TIMEOUT, self.write(path, writer, &object)).await {
            Ok(Ok(writer)) => {
                self.writer = Some(writer);
                self.shared.screens.sent(frame);
                Ok(Sent::Sent)
            }
            Ok(Err(_)) | Err(_) if self.state.is_ended() => Err(TrackSendError::Ended),
            // The relay or the time stopped this group, or the connection is lost; the next keyframe begins another.
            Ok(Err(_)) | Err(_) => {
                let _ = self.state.want_keyframe();
                Ok(Sent::Dropped)
            }
        }
    }

    async fn write(
        &self,
        path: OwnPath,
        writer: Option<GroupWriter>,
        object: &[u8],
    ) -> Result<GroupWriter, Disconnected> {
        let mut writer = match writer {
            Some(writer) => writer,
            None => self.open_group(path).await?,
        };
        writer.object(object).await?;
        Ok(writer)
    }

    async fn open_group(&self, OwnPath { window, alias }: OwnPath) -> Result<GroupWriter, Disconnected> {
        let header = GroupHeader { alias, group: self.group, class: DeliveryClass::Media, offset: 0 };
        GroupWriter::open(&window, header, Priority::Media).await
    }
}

impl Drop for ScreenPublisher {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.finish();
        }
        self.shared.screens.stop_sending(self.track);
        self.shared.unpublish(self.track);
    }
}

pub(super) const fn seal_failed(error: &SealError) -> TrackSendError {
    match error {
        SealError::TooLarge { .. } => TrackSendError::TooLarge,
        SealError::Closed => TrackSendError::NotAMember,
        _ => TrackSendError::Ended,
    }
}

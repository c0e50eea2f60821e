//! Sending a screen, and applying what its driver does.

use std::sync::mpsc as blocking;

use isi_client::{
    InputReceiver, InputToApply, ScreenPublisher, Sent, TrackSendError,
    payload::{InputEvent, ScreenFrame},
};
use tokio::sync::mpsc;

use super::{CodedFrame, ScreenOrder};
use crate::{clock::monotonic_us, screen::SourceError};

/// Why sharing ended.
#[derive(Debug, thiserror::Error)]
pub enum SharingError {
    /// The screen.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The track or the session.
    #[error(transparent)]
    Track(#[from] TrackSendError),
}

/// Sends frames until the screen or the track ends. `on_sent` sees each that is on its way.
///
/// # Errors
/// See [`SharingError`]; that the screen's thread was told to end is none.
pub async fn share_frames(
    mut publisher: ScreenPublisher,
    mut frames: mpsc::Receiver<Result<CodedFrame, SourceError>>,
    orders: blocking::Sender<ScreenOrder>,
    mut on_sent: impl FnMut(&CodedFrame, usize),
) -> Result<(), SharingError> {
    let mut asked = false;
    while let Some(frame) = frames.recv().await {
        let mut frame = frame?;
        asked &= !frame.keyframe;
        let data = std::mem::take(&mut frame.data);
        let bytes = data.len();
        let coded =
            ScreenFrame { captured_at_us: frame.captured_at_us, keyframe: frame.keyframe, data: data.into() };
        match publisher.send(&coded).await {
            Ok(Sent::Sent) => on_sent(&frame, bytes),
            Ok(Sent::Dropped) | Err(TrackSendError::TooLarge) => {}
            Err(error) => return Err(error.into()),
        }
        if publisher.keyframe_wanted() && !asked {
            asked = orders.send(ScreenOrder::Keyframe).is_ok(); // else the thread is gone, and so are its frames soon
        }
    }
    Ok(())
}

/// Applies what the driver does until the lease ends, releases included. With `spare_typing` typed text is only noted.
pub async fn apply_input(
    mut input: InputReceiver,
    orders: blocking::Sender<ScreenOrder>,
    spare_typing: bool,
) {
    while let Some(next) = input.next().await {
        let order = match next {
            InputToApply::Event { event: InputEvent::Text(_), at_us } if spare_typing => {
                ScreenOrder::Spare { at_us }
            }
            InputToApply::Event { event, at_us } => ScreenOrder::Inject { event, at_us },
            InputToApply::Release(event) => ScreenOrder::Inject { event, at_us: monotonic_us() },
        };
        if orders.send(order).is_err() {
            return;
        }
    }
}

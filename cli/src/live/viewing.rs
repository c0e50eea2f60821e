//! Receiving a screen and decoding it.

use std::time::{Duration, Instant};

use isi_client::{ReceivedFrame, ScreenReceiver};

use crate::{
    clock::monotonic_us,
    screen::{FrameDecoder, Framebuffer},
};

/// A viewer that lost its place asks again after this, should no keyframe come.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(700);

/// A frame that was decoded.
pub struct View<'a> {
    /// As it was received.
    pub received: &'a ReceivedFrame,
    /// The picture it makes.
    pub picture: &'a Framebuffer,
    /// When it was decoded, in microseconds of the monotonic clock.
    pub decoded_at_us: u64,
}

/// Receives and decodes frames until the track ends or `stop` is ready. `on_frame` sees each picture; the decoder that is
/// handed back has the last one.
pub async fn view_frames(
    mut receiver: ScreenReceiver,
    stop: impl Future<Output = ()>,
    mut on_frame: impl FnMut(&View<'_>),
) -> FrameDecoder {
    let mut decoder = FrameDecoder::new();
    let mut asked_at: Option<Instant> = None;
    let mut stop = std::pin::pin!(stop);
    loop {
        let received = tokio::select! {
            biased;
            () = &mut stop => return decoder,
            received = receiver.next() => received,
        };
        let Some(received) = received else { return decoder };
        match decoder.decode(received.frame.keyframe, &received.frame.data) {
            Ok(picture) => {
                asked_at = asked_at.filter(|_| !received.frame.keyframe);
                on_frame(&View { received: &received, picture, decoded_at_us: monotonic_us() });
            }
            Err(_) if asked_at.is_none_or(|at| at.elapsed() > ASK_AGAIN_AFTER) => {
                asked_at = Some(Instant::now());
                receiver.request_keyframe();
            }
            Err(_) => {}
        }
    }
}

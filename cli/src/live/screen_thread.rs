//! The shared screen on a thread of its own: capturing and coding take milliseconds in which no packet should wait.

use std::{
    sync::mpsc as blocking,
    thread,
    time::{Duration, Instant},
};

use isi_client::payload::InputEvent;
use tokio::sync::{mpsc, oneshot};

use crate::{
    clock::monotonic_us,
    demo::protocol::SourceChoice,
    screen::{DesktopSource, FrameEncoder, ScreenSource, SourceError, Trailer, X11Source},
};

/// Frames that wait for the network. With so many waiting no picture is taken: the next one is then newer.
const FRAMES_QUEUED_MAX: usize = 2;

/// How a screen is shared.
#[derive(Clone, Debug)]
pub struct ScreenSettings {
    /// Which screen.
    pub source: SourceChoice,
    /// Frames per second.
    pub fps: u32,
    /// Stands in every frame as it is, at most 64 bytes.
    pub trailer: Vec<u8>,
    /// Whether frames without a change are sent as well.
    pub send_still: bool,
}

/// A picture as bytes.
#[derive(Debug)]
pub struct CodedFrame {
    /// When it was taken, in microseconds of the monotonic clock.
    pub captured_at_us: u64,
    /// Whether a viewer can begin here.
    pub keyframe: bool,
    /// The coder's bytes.
    pub data: Vec<u8>,
}

/// What the screen is asked to do.
#[derive(Debug)]
pub enum ScreenOrder {
    /// Make the next frame a keyframe.
    Keyframe,
    /// Apply an event.
    Inject {
        /// What.
        event: InputEvent,
        /// The driver's monotonic clock when it was sent; handed back in [`Applied`].
        at_us: u64,
    },
    /// Note an event as applied without doing it: typing on a person's own screen was not asked for.
    Spare {
        /// As above.
        at_us: u64,
    },
}

/// An event that was dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// As in the order.
    pub at_us: u64,
    /// When it was done, on the monotonic clock.
    pub applied_at_us: u64,
    /// Whether the screen took it.
    pub done: bool,
}

/// A running screen. It ends when the order sender and all its clones are dropped, or when nobody takes frames.
pub struct ScreenThread {
    /// `desktop` or `x11`.
    pub name: &'static str,
    /// Width and height in pixels.
    pub size: (u16, u16),
    /// The frames; an error is the last item.
    pub frames: mpsc::Receiver<Result<CodedFrame, SourceError>>,
    /// What is to be done.
    pub orders: blocking::Sender<ScreenOrder>,
}

impl ScreenThread {
    /// Opens the source and starts the thread. `on_applied` is called on it for every event.
    ///
    /// # Errors
    /// When the source cannot be opened.
    pub async fn start(
        settings: ScreenSettings,
        on_applied: impl FnMut(Applied) + Send + 'static,
    ) -> Result<Self, SourceError> {
        let (opened, is_open) = oneshot::channel();
        let (frame_sender, frames) = mpsc::channel(FRAMES_QUEUED_MAX);
        let (orders, order_receiver) = blocking::channel();
        let body = move || match open(settings.source) {
            Err(error) => drop(opened.send(Err(error))), // nobody waits any more: nothing to do
            Ok(source) => {
                if opened.send(Ok((source.name(), source.size()))).is_ok() {
                    let on_applied = Box::new(on_applied);
                    Worker { source, settings, frames: frame_sender, orders: order_receiver, on_applied }
                        .run();
                }
            }
        };
        thread::Builder::new().name("screen".to_owned()).spawn(body).map_err(SourceError::SharedMemory)?;
        let (name, size) =
            is_open.await.map_err(|_| SourceError::NoDisplay { reason: "its thread ended".into() })??;
        Ok(Self { name, size, frames, orders })
    }
}

fn open(choice: SourceChoice) -> Result<Box<dyn ScreenSource>, SourceError> {
    match choice {
        SourceChoice::Desktop => Ok(Box::new(DesktopSource::new())),
        SourceChoice::X11 => Ok(Box::new(X11Source::connect(None)?)),
        SourceChoice::Auto => match X11Source::connect(None) {
            Ok(source) => Ok(Box::new(source)),
            Err(_) => Ok(Box::new(DesktopSource::new())),
        },
    }
}

struct Worker {
    source: Box<dyn ScreenSource>,
    settings: ScreenSettings,
    frames: mpsc::Sender<Result<CodedFrame, SourceError>>,
    orders: blocking::Receiver<ScreenOrder>,
    on_applied: Box<dyn FnMut(Applied) + Send>,
}

impl Worker {
    fn run(mut self) {
        let mut encoder = FrameEncoder::new(self.source.size());
        let period = Duration::from_secs(1) / self.settings.fps.max(1);
        let (mut next, mut keyframe) = (Instant::now(), true);
        loop {
            match self.orders.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(ScreenOrder::Keyframe) => keyframe = true,
                Ok(ScreenOrder::Inject { event, at_us }) => self.inject(&event, at_us),
                Ok(ScreenOrder::Spare { at_us }) => self.applied(at_us, true),
                Err(blocking::RecvTimeoutError::Timeout) => {
                    // After a late frame the next one keeps its distance instead of catching up.
                    next = (next + period).max(Instant::now());
                    match self.frame(&mut encoder, keyframe) {
                        Some(sent) => keyframe &= !sent,
                        None => return,
                    }
                }
                Err(blocking::RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Takes and sends a picture; whether one was sent, `None` when it is over.
    fn frame(&mut self, encoder: &mut FrameEncoder, keyframe: bool) -> Option<bool> {
        let place = match self.frames.try_reserve() {
            Ok(place) => place,
            Err(mpsc::error::TrySendError::Full(())) => return Some(false),
            Err(mpsc::error::TrySendError::Closed(())) => return None,
        };
        let captured_at_us = monotonic_us();
        let picture = match self.source.capture() {
            Ok(picture) => picture,
            Err(error) => {
                place.send(Err(error));
                return None;
            }
        };
        let still = picture.damage().is_some_and(<[_]>::is_empty);
        if still && !keyframe && !self.settings.send_still {
            return Some(false);
        }
        let trailer = Trailer::new(&self.settings.trailer).unwrap_or_default();
        let frame = encoder.encode_with(picture, keyframe, trailer);
        place.send(Ok(CodedFrame { captured_at_us, keyframe: frame.keyframe, data: frame.data }));
        Some(true)
    }

    fn inject(&mut self, event: &InputEvent, at_us: u64) {
        let done = self.source.inject(event).is_ok();
        self.applied(at_us, done);
    }

    fn applied(&mut self, at_us: u64, done: bool) {
        (self.on_applied)(Applied { at_us, applied_at_us: monotonic_us(), done });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::FrameDecoder;

    fn settings() -> ScreenSettings {
        ScreenSettings {
            source: SourceChoice::Desktop,
            fps: 120,
            trailer: b"trailer bytes".to_vec(),
            send_still: true,
        }
    }

    #[tokio::test]
    async fn frames_decode_and_carry_the_trailer() {
        let mut screen = ScreenThread::start(settings(), |_| ()).await.unwrap();
        let mut decoder = FrameDecoder::new();
        for number in 0..3 {
            let frame = screen.frames.recv().await.unwrap().unwrap();
            assert_eq!(frame.keyframe, number == 0);
            assert_eq!(decoder.decode(frame.keyframe, &frame.data).unwrap().size(), screen.size);
            assert_eq!(decoder.trailer(), b"trailer bytes");
            assert!(frame.data.windows(13).any(|window| window == b"trailer bytes"));
        }
    }

    #[tokio::test]
    async fn keyframes_come_when_asked_for_and_events_are_applied_in_order() {
        let (sender, mut applied) = mpsc::channel(8);
        let on_applied = move |done| {
            let _ = sender.try_send(done);
        };
        let mut screen = ScreenThread::start(settings(), on_applied).await.unwrap();
        screen.frames.recv().await.unwrap().unwrap();
        for at_us in [7, 8] {
            let event = InputEvent::PointerMove { x: 5, y: 5 };
            screen.orders.send(ScreenOrder::Inject { event, at_us }).unwrap();
        }
        screen.orders.send(ScreenOrder::Keyframe).unwrap();
        assert_eq!(applied.recv().await.map(|done| (done.at_us, done.done)), Some((7, true)));
        assert_eq!(applied.recv().await.map(|done| done.at_us), Some(8));
        while !screen.frames.recv().await.unwrap().unwrap().keyframe {}
    }

    #[tokio::test]
    async fn the_thread_ends_with_its_orders() {
        let mut screen = ScreenThread::start(settings(), |_| ()).await.unwrap();
        drop(screen.orders);
        while screen.frames.recv().await.is_some() {}
    }
}

use crate::transport::{SEND_RESERVE_BYTES, priority};
use bytes::Bytes;
use isi_wire::{DeliveryClass, ResetCode};
use quinn::{Connection, SendStream, VarInt, WriteError};
use std::collections::VecDeque;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// How long a media stream takes nothing until other groups go before it. A round trip is shorter.
pub(super) const STUCK_AFTER: Duration = Duration::from_secs(1);

/// One stream to the receiver, and the bytes it has not taken yet. While there are any, the stream's flow control or the
/// connection's window is exhausted, or the stream waits to be opened.
pub(super) struct Outgoing {
    /// `None` until the receiver allows one more stream.
    stream: Option<SendStream>,
    /// `None` for the control stream.
    class: Option<DeliveryClass>,
    priority: i32,
    staged: VecDeque<Bytes>,
    staged_bytes: usize,
    finish_wanted: bool,
    /// Whether the core was told that the stream takes nothing now.
    pub(super) held: bool,
    /// Whether it is known among those that go stale.
    pub(super) watched: bool,
    /// Since when it takes nothing.
    stuck_since: Option<Instant>,
}

/// What became of a flush.
pub(super) enum Flushed {
    /// All bytes are with quinn.
    All,
    /// The stream takes no more now; the task is woken when it does.
    Blocked,
    /// All bytes are with quinn and the stream was finished. The handle may still reset it.
    Finished(SendStream),
    /// The receiver stopped the stream.
    Stopped,
}

impl Outgoing {
    /// A stream that is yet to be opened. The control stream has no class. `opened`: how many were before it.
    pub(super) fn new(class: Option<DeliveryClass>, opened: u32) -> Self {
        Self {
            stream: None,
            class,
            priority: priority(class, opened),
            staged: VecDeque::new(),
            staged_bytes: 0,
            finish_wanted: false,
            held: false,
            watched: false,
            stuck_since: None,
        }
    }

    /// Gives the entry its stream.
    pub(super) fn attach(&mut self, stream: SendStream) {
        // Fails only on a closed stream: then the next write says so.
        let _ = stream.set_priority(self.priority);
        self.stream = Some(stream);
    }

    pub(super) fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    pub(super) fn priority(&self) -> i32 {
        self.priority
    }

    /// Whether the stream goes before media: it may use the reserve.
    pub(super) fn is_urgent(&self) -> bool {
        !matches!(self.class, Some(DeliveryClass::Media | DeliveryClass::Bulk))
    }

    pub(super) fn class(&self) -> Option<DeliveryClass> {
        self.class
    }

    /// Whether the receiver holds the stream back. When the path is what holds it, all streams wait: then the group in transfer
    /// is to be finished, and none begun beside it. quinn does not tell one from the other; media that has taken nothing for a
    /// second is stuck. Documents may overtake each other, so they are not looked at so closely.
    pub(super) fn is_stuck(&self) -> bool {
        match self.class {
            Some(DeliveryClass::Media) if self.is_open() => {
                self.stuck_since.is_some_and(|since| since.elapsed() >= STUCK_AFTER)
            }
            _ => self.stuck_since.is_some(),
        }
    }

    /// Whether nothing more will come.
    pub(super) fn is_finishing(&self) -> bool {
        self.finish_wanted
    }

    pub(super) fn staged_bytes(&self) -> usize {
        self.staged_bytes
    }

    pub(super) fn stage(&mut self, bytes: Bytes) {
        self.staged_bytes += bytes.len();
        self.staged.push_back(bytes);
    }

    /// Finish once all staged bytes are written.
    pub(super) fn finish(&mut self) {
        self.finish_wanted = true;
    }

    /// Gives up what is staged, and what quinn still holds of the stream.
    pub(super) fn reset(mut self, code: ResetCode) {
        if let Some(mut stream) = self.stream.take() {
            // Already closed: nothing is left to reset.
            let _ = stream.reset(VarInt::from_u32(code as u32));
        }
    }

    /// Whether the receiver is better off without the rest once newer groups are there.
    pub(super) fn may_go_stale(&self) -> bool {
        self.class == Some(DeliveryClass::Media)
    }

    /// Writes what the stream takes now. What is urgent may use the reserve: when media fills the window, quinn would make
    /// input wait for acknowledgements. The window is raised for this write only, so that media cannot take what is kept for
    /// others.
    pub(super) fn flush(
        &mut self,
        connection: &Connection,
        send_window: u64,
        cx: &mut Context<'_>,
    ) -> Result<Flushed, WriteError> {
        match self.write_staged(cx)? {
            Flushed::Blocked if self.is_urgent() && self.is_open() => {
                connection.set_send_window(send_window + SEND_RESERVE_BYTES);
                let flushed = self.write_staged(cx);
                connection.set_send_window(send_window);
                flushed
            }
            flushed => Ok(flushed),
        }
    }

    fn write_staged(&mut self, cx: &mut Context<'_>) -> Result<Flushed, WriteError> {
        let Some(stream) = &mut self.stream else {
            self.stuck_since.get_or_insert_with(Instant::now);
            return Ok(Flushed::Blocked);
        };
        while !self.staged.is_empty() {
            let polled = pin!(stream.write_chunks(self.staged.make_contiguous())).poll(cx);
            let written = match polled {
                Poll::Ready(Ok(written)) => written,
                Poll::Ready(Err(WriteError::Stopped(code))) => {
                    // RFC 9000 section 3.5: a stopped stream is answered with a reset.
                    let _ = stream.reset(code);
                    return Ok(Flushed::Stopped);
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.stuck_since.get_or_insert_with(Instant::now);
                    return Ok(Flushed::Blocked);
                }
            };
            self.stuck_since = None;
            self.staged.drain(..written.chunks);
            self.staged_bytes -= written.bytes;
        }
        match self.stream.take_if(|_| self.finish_wanted) {
            Some(mut stream) => {
                // Fails only on a stream that was reset: we keep no handle to those.
                let _ = stream.finish();
                Ok(Flushed::Finished(stream))
            }
            None => Ok(Flushed::All),
        }
    }
}

impl Drop for Outgoing {
    /// quinn would finish the stream, and a cut group would look whole.
    fn drop(&mut self) {
        if let Some(stream) = &mut self.stream {
            let _ = stream.reset(VarInt::from_u32(ResetCode::Cancelled as u32));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::testing::connected;
    use crate::transport::SEND_WINDOW_BYTES_MIN;
    use std::task::Waker;

    async fn stream_of(connection: &Connection, class: DeliveryClass, bytes: usize) -> Outgoing {
        let mut outgoing = Outgoing::new(Some(class), 0);
        outgoing.attach(connection.open_uni().await.unwrap());
        outgoing.stage(vec![0; bytes].into());
        outgoing
    }

    #[tokio::test]
    async fn a_window_full_of_media_does_not_hold_input_back() {
        let (relay, _receiver) = connected().await;
        let cx = &mut Context::from_waker(Waker::noop());
        let window = usize::try_from(SEND_WINDOW_BYTES_MIN).unwrap();
        let mut media = stream_of(&relay, DeliveryClass::Media, window + 1000).await;
        let mut input = stream_of(&relay, DeliveryClass::Input, 100).await;
        // From here on nothing waits, so nothing is acknowledged.
        assert!(matches!(media.flush(&relay, SEND_WINDOW_BYTES_MIN, cx), Ok(Flushed::Blocked)));
        assert_eq!(media.staged_bytes(), 1000);
        assert!(matches!(input.flush(&relay, SEND_WINDOW_BYTES_MIN, cx), Ok(Flushed::All)));
        assert!(matches!(media.flush(&relay, SEND_WINDOW_BYTES_MIN, cx), Ok(Flushed::Blocked)));
        assert_eq!(media.staged_bytes(), 1000, "media got what is kept for input");
    }
}

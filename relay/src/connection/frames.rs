use super::end::End;
use crate::rate::RateLimit;
use isi_wire::{CloseCode, Frame, FrameBuffer};
use quinn::{ReadError, RecvStream};
use tokio::time::Instant;

/// Bytes taken from a stream at once. With the longest frame it bounds what a stream of frames holds.
const READ_BYTES_MAX: usize = 16 * 1024;

/// The frames of a control or log stream, with the rate at which they may come.
pub(super) struct FrameReader {
    stream: RecvStream,
    buffer: FrameBuffer,
    rate: RateLimit,
}

impl FrameReader {
    /// `body_bytes_max`: longest frame the stream may carry.
    pub(super) fn new(stream: RecvStream, body_bytes_max: usize, rate: RateLimit) -> Self {
        Self { stream, buffer: FrameBuffer::new(body_bytes_max), rate }
    }

    /// Adds what was read from the stream before it was known to carry frames.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.push(bytes);
    }

    /// The next frame; `None` when the stream was finished after a whole one. May be dropped and called again.
    ///
    /// # Errors
    /// `Malformed` for bytes that are no frame or half of one, `Flood` above the rate, `ProtocolViolation` for a reset.
    pub(super) async fn next(&mut self) -> Result<Option<Frame>, End> {
        loop {
            if let Some(frame) = self.buffer.next_frame()? {
                let allowed = self.rate.allows(Instant::now());
                return if allowed { Ok(Some(frame)) } else { Err(End::violation(CloseCode::Flood)) };
            }
            match self.stream.read_chunk(READ_BYTES_MAX, true).await {
                Ok(Some(chunk)) => self.push(&chunk.bytes),
                Ok(None) if self.buffer.is_empty() => return Ok(None),
                Ok(None) => return Err(End::violation(CloseCode::Malformed)),
                Err(error) => return Err(read_failed(&error)),
            }
        }
    }
}

/// What a failed read of a stream says about its sender.
pub(super) fn read_failed(error: &ReadError) -> End {
    match error {
        ReadError::ConnectionLost(_) => End::lost(),
        ReadError::Reset(_)
        | ReadError::ClosedStream
        | ReadError::IllegalOrderedRead
        | ReadError::ZeroRttRejected => End::violation(CloseCode::ProtocolViolation),
    }
}

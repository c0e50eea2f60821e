use crate::error::Disconnected;
use isi_wire::{Frame, FrameBuffer};
use quinn::{ReadError, RecvStream};

const READ_BYTES_MAX: usize = 64 * 1024;

/// Cuts frames out of a stream.
#[derive(Debug)]
pub(crate) struct FrameReader {
    stream: RecvStream,
    buffer: FrameBuffer,
}

impl FrameReader {
    pub(crate) fn new(stream: RecvStream, body_bytes_max: usize) -> Self {
        Self { stream, buffer: FrameBuffer::new(body_bytes_max) }
    }

    /// Bytes that were read together with the stream's type.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.push(bytes);
    }

    /// The next frame. Cancel safe: what was read stays in the buffer.
    pub(crate) async fn next(&mut self) -> Result<Frame, Disconnected> {
        loop {
            if let Some(frame) = self.buffer.next_frame().map_err(|_| Disconnected::RelayBrokeProtocol)? {
                return Ok(frame);
            }
            match self.stream.read_chunk(READ_BYTES_MAX, true).await {
                Ok(Some(chunk)) => self.buffer.push(&chunk.bytes),
                // Control and log streams end with the connection only.
                Ok(None) | Err(ReadError::Reset(_)) => return Err(Disconnected::RelayBrokeProtocol),
                Err(ReadError::ConnectionLost(error)) => return Err(Disconnected::from_connection(&error)),
                Err(ReadError::ClosedStream | ReadError::IllegalOrderedRead | ReadError::ZeroRttRejected) => {
                    return Err(Disconnected::Lost);
                }
            }
        }
    }
}

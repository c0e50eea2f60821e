use crate::{DecodeError, get_varint, put_varint};
use bytes::{Buf, Bytes, BytesMut};

/// One message of a byte stream: `type varint, length varint, body`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The message's type; its registry depends on the stream.
    pub frame_type: u64,
    /// The message without its frame header.
    pub body: Bytes,
}

impl Frame {
    /// Appends the frame that holds `body`.
    pub fn encode(frame_type: u64, body: &[u8], out: &mut Vec<u8>) {
        put_varint(out, frame_type);
        put_varint(out, body.len() as u64);
        out.extend_from_slice(body);
    }
}

/// Cuts frames out of a stream that arrives in pieces. Holds at most one incomplete frame, so at most
/// `body_bytes_max + 16` bytes beyond what the caller has pushed at once.
#[derive(Debug)]
pub struct FrameBuffer {
    buffered: BytesMut,
    body_bytes_max: usize,
}

impl FrameBuffer {
    /// A buffer for frames whose bodies have at most `body_bytes_max` bytes.
    #[must_use]
    pub fn new(body_bytes_max: usize) -> Self {
        Self { buffered: BytesMut::new(), body_bytes_max }
    }

    /// Adds what the stream delivered. Call [`next_frame`](Self::next_frame) until it is empty before the
    /// next push: that is what bounds the memory.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffered.extend_from_slice(bytes);
    }

    /// The next whole frame, `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`DecodeError::TooLarge`] or [`DecodeError::NonMinimalVarint`]: close the peer, the stream cannot be
    /// read further.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, DecodeError> {
        let mut header = &self.buffered[..];
        let (frame_type, len) = match (get_or_wait(&mut header)?, get_or_wait(&mut header)?) {
            (Some(frame_type), Some(len)) => (frame_type, len),
            (Some(_) | None, None) | (None, Some(_)) => return Ok(None),
        };
        let max = self.body_bytes_max;
        let len = usize::try_from(len).ok().filter(|len| *len <= max).ok_or(DecodeError::TooLarge {
            field: "frame length",
            value: len,
            max: max as u64,
        })?;
        if header.len() < len {
            return Ok(None);
        }
        let header_len = self.buffered.len() - header.len();
        self.buffered.advance(header_len);
        Ok(Some(Frame { frame_type, body: self.buffered.split_to(len).freeze() }))
    }

    /// Whether the stream may end here: no frame has begun.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffered.is_empty()
    }
}

fn get_or_wait(input: &mut &[u8]) -> Result<Option<u64>, DecodeError> {
    match get_varint(input) {
        Ok(value) => Ok(Some(value)),
        Err(DecodeError::Truncated) => Ok(None),
        Err(error) => Err(error),
    }
}

use super::{PayloadError, Reader};
use bytes::Bytes;

/// One frame of a shared screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenFrame {
    /// Microseconds on the sender's monotonic clock when the picture was taken.
    pub captured_at_us: u64,
    /// Whether a viewer may begin here. Travels in the object's authenticated header, not in the plaintext.
    pub keyframe: bool,
    /// The coder's bytes; the SDK does not look at them.
    pub data: Bytes,
}

impl ScreenFrame {
    /// The plaintext: time u64, then the coder's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(8 + self.data.len());
        out.extend_from_slice(&self.captured_at_us.to_be_bytes());
        out.extend_from_slice(&self.data);
        out
    }

    /// Reads a plaintext; `keyframe` is the flag of the object's authenticated header. Copies nothing.
    ///
    /// # Errors
    /// [`PayloadError::Truncated`]: the sender is at fault, drop the frame.
    pub fn decode(plaintext: Bytes, keyframe: bool) -> Result<Self, PayloadError> {
        let captured_at_us = Reader::new(&plaintext).u64()?;
        Ok(Self { captured_at_us, keyframe, data: plaintext.slice(8..) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_and_a_cut_one_does_not() {
        let frame = ScreenFrame { captured_at_us: 5, keyframe: true, data: Bytes::from_static(b"tiles") };
        assert_eq!(ScreenFrame::decode(frame.encode().into(), true), Ok(frame));
        assert_eq!(ScreenFrame::decode(Bytes::from_static(&[0; 7]), false), Err(PayloadError::Truncated));
    }
}

use super::{PayloadError, Reader};
use std::fmt;

/// Longest text of a message, in bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;

/// A text that one member writes, to all or to one.
#[derive(Clone, PartialEq, Eq)]
pub struct TextMessage {
    /// At most [`TEXT_BYTES_MAX`] bytes.
    pub text: String,
    /// Microseconds on the sender's clock.
    pub at_us: u64,
}

/// The text is longer than [`TEXT_BYTES_MAX`]: send it in parts, or as a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text has {bytes} bytes, more than {TEXT_BYTES_MAX}; send it in parts")]
pub struct TextTooLong {
    /// Its length.
    pub bytes: usize,
}

impl TextMessage {
    /// The plaintext: time u64, then the text.
    ///
    /// # Errors
    /// [`TextTooLong`].
    pub fn encode(&self) -> Result<Vec<u8>, TextTooLong> {
        if self.text.len() > TEXT_BYTES_MAX {
            return Err(TextTooLong { bytes: self.text.len() });
        }
        let mut out = self.at_us.to_be_bytes().to_vec();
        out.extend_from_slice(self.text.as_bytes());
        Ok(out)
    }

    /// Reads a plaintext.
    ///
    /// # Errors
    /// Any [`PayloadError`]: the sender is at fault, drop the message.
    pub fn decode(plaintext: &[u8]) -> Result<Self, PayloadError> {
        Reader::whole(plaintext, |reader| {
            let at_us = reader.u64()?;
            let text = std::str::from_utf8(reader.rest("text", TEXT_BYTES_MAX)?);
            Ok(Self { text: text.map_err(|_| PayloadError::NotUtf8)?.to_owned(), at_us })
        })
    }
}

// What people write belongs in no log.
impl fmt::Debug for TextMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextMessage").field("bytes", &self.text.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back() {
        let message = TextMessage { text: "grüß dich".to_owned(), at_us: 12 };
        let bytes = message.encode().unwrap();
        assert_eq!(TextMessage::decode(&bytes), Ok(message));
    }

    #[test]
    fn too_long_and_not_utf8_are_refused() {
        let long = TextMessage { text: "x".repeat(TEXT_BYTES_MAX + 1), at_us: 0 };
        assert_eq!(long.encode(), Err(TextTooLong { bytes: TEXT_BYTES_MAX + 1 }));
        let received = vec![b'x'; 8 + TEXT_BYTES_MAX + 1];
        let refused =
            PayloadError::TooLong { field: "text", bytes: TEXT_BYTES_MAX + 1, bytes_max: TEXT_BYTES_MAX };
        assert_eq!(TextMessage::decode(&received), Err(refused));
        assert_eq!(TextMessage::decode(&[0, 0, 0, 0, 0, 0, 0, 0, 0xff]), Err(PayloadError::NotUtf8));
        assert_eq!(TextMessage::decode(&[0; 7]), Err(PayloadError::Truncated));
    }

    #[test]
    fn debug_output_does_not_show_the_text() {
        let shown = format!("{:?}", TextMessage { text: "hunter2".to_owned(), at_us: 0 });
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

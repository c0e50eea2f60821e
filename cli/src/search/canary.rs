use serde::{Deserialize, Serialize};

use crate::random::{self, NoRandomness};

/// Length of a canary.
pub const CANARY_BYTES: usize = 16;

/// Into which kind of object a canary is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CanaryKind {
    /// A screen frame, in the coder's trailer.
    Frame,
    /// A typed key sequence.
    TypedKeys,
    /// A message to everyone.
    Message,
    /// A message to one participant.
    PrivateMessage,
}

impl CanaryKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Frame, Self::TypedKeys, Self::Message, Self::PrivateMessage];
}

/// Sixteen random bytes that exist nowhere but where they were drawn and where they were sent, sealed.
///
/// What travels as text (messages, typed keys) gets random printable characters: 16 bytes of ASCII, the same bytes in UTF-8.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "CanaryText", into = "CanaryText")]
pub struct Canary {
    kind: CanaryKind,
    bytes: [u8; CANARY_BYTES],
}

/// What was said not to be a canary.
#[derive(Debug, thiserror::Error)]
#[error("a canary is {CANARY_BYTES} bytes as {} hex digits; this is a bug of the sending participant", 2 * CANARY_BYTES)]
pub struct CanaryParseError;

impl Canary {
    /// Draws one from the system's randomness.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn draw(kind: CanaryKind) -> Result<Self, NoRandomness> {
        let bytes = match kind {
            CanaryKind::Frame => random::bytes()?,
            CanaryKind::TypedKeys | CanaryKind::Message | CanaryKind::PrivateMessage => letters()?,
        };
        Ok(Self { kind, bytes })
    }

    /// Into what it is put.
    #[must_use]
    pub const fn kind(&self) -> CanaryKind {
        self.kind
    }

    /// The bytes to search for.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; CANARY_BYTES] {
        &self.bytes
    }

    /// As text, for the kinds that travel as text; empty for a frame's.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }
}

/// Random lower-case letters and digits, 32 of them, so that each byte of randomness gives one without bias and every
/// keyboard can type them: 80 bits in all.
fn letters() -> Result<[u8; CANARY_BYTES], NoRandomness> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    Ok(random::bytes::<CANARY_BYTES>()?.map(|byte| ALPHABET[usize::from(byte % 32)]))
}

/// A canary on the pipe between a participant and its parent: in hex, so that the text on the pipe holds no copy to find.
#[derive(Clone, Serialize, Deserialize)]
struct CanaryText {
    kind: CanaryKind,
    hex: String,
}

impl From<Canary> for CanaryText {
    fn from(canary: Canary) -> Self {
        Self { kind: canary.kind, hex: crate::hex::encode(&canary.bytes) }
    }
}

impl TryFrom<CanaryText> for Canary {
    type Error = CanaryParseError;

    fn try_from(text: CanaryText) -> Result<Self, CanaryParseError> {
        let bytes = crate::hex::decode(&text.hex).ok_or(CanaryParseError)?;
        Ok(Self { kind: text.kind, bytes: bytes.try_into().map_err(|_| CanaryParseError)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_canary_is_new_and_text_kinds_are_typeable() {
        for kind in CanaryKind::ALL {
            let (one, other) = (Canary::draw(kind).unwrap(), Canary::draw(kind).unwrap());
            assert_ne!(one.bytes(), other.bytes());
            if kind != CanaryKind::Frame {
                assert_eq!(one.text().len(), CANARY_BYTES);
                assert!(one.text().chars().all(|letter| letter.is_ascii_alphanumeric()));
            }
        }
    }

    #[test]
    fn survives_the_pipe_without_standing_on_it() {
        let canary = Canary::draw(CanaryKind::Message).unwrap();
        let line = serde_json::to_string(&canary).unwrap();
        assert!(!line.contains(canary.text()));
        assert!(serde_json::from_str::<Canary>(&line).unwrap() == canary);
        assert!(serde_json::from_str::<Canary>(r#"{"kind":"frame","hex":"0011"}"#).is_err());
        assert!(serde_json::from_str::<Canary>(r#"{"kind":"frame","hex":"zz"}"#).is_err());
    }
}

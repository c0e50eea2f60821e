use super::{PayloadError, Reader};
use std::fmt;

/// Longest text of one [`InputEvent::Text`], in bytes of UTF-8.
pub const TYPED_TEXT_BYTES_MAX: usize = 64;

/// One thing that hands do to the shared screen. Coordinates are pixels of that screen, from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InputEvent {
    /// The pointer is now here.
    PointerMove {
        /// Pixels from the left.
        x: u16,
        /// Pixels from the top.
        y: u16,
    },
    /// A mouse button.
    Button {
        /// 1 left, 2 middle, 3 right, higher ones as X11 numbers them; never 0.
        button: u8,
        /// Down or up.
        pressed: bool,
    },
    /// A key.
    Key {
        /// X11 keysym.
        keysym: u32,
        /// Down or up.
        pressed: bool,
    },
    /// The wheel.
    Scroll {
        /// Notches to the right.
        dx: i16,
        /// Notches downwards.
        dy: i16,
    },
    /// A short text typed at once, as input methods commit it: the driven side presses and releases a key for each
    /// character, in order.
    Text(TypedText),
}

/// At most [`TYPED_TEXT_BYTES_MAX`] bytes of text that are typed in one event.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TypedText {
    length: u8,
    bytes: [u8; TYPED_TEXT_BYTES_MAX],
}

/// The text is longer than [`TYPED_TEXT_BYTES_MAX`]: type it in several events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the typed text has {bytes} bytes, more than {TYPED_TEXT_BYTES_MAX}; type it in several events")]
pub struct TypedTextTooLong {
    /// Its length.
    pub bytes: usize,
}

/// One event of an input track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputMessage {
    /// Counts the lease's events from 0, without gaps.
    pub sequence: u64,
    /// Microseconds on the driver's clock when the event was handed to the SDK.
    pub at_us: u64,
    /// The newest tick of the driven side that the driver had seen; 0 before the first.
    pub tick: u64,
    /// What happened.
    pub event: InputEvent,
}

impl InputMessage {
    /// The plaintext: sequence u64, time u64, tick u64, event.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.at_us.to_be_bytes());
        out.extend_from_slice(&self.tick.to_be_bytes());
        self.event.put(&mut out);
        out
    }

    /// Reads a plaintext.
    ///
    /// # Errors
    /// Any [`PayloadError`]: the driver is at fault, drop the event.
    pub fn decode(plaintext: &[u8]) -> Result<Self, PayloadError> {
        Reader::whole(plaintext, |reader| {
            Ok(Self {
                sequence: reader.u64()?,
                at_us: reader.u64()?,
                tick: reader.u64()?,
                event: InputEvent::get(reader)?,
            })
        })
    }
}

impl TypedText {
    /// Takes a text.
    ///
    /// # Errors
    /// [`TypedTextTooLong`].
    pub fn new(text: &str) -> Result<Self, TypedTextTooLong> {
        let mut bytes = [0; TYPED_TEXT_BYTES_MAX];
        let place = bytes.get_mut(..text.len()).ok_or(TypedTextTooLong { bytes: text.len() })?;
        place.copy_from_slice(text.as_bytes());
        Ok(Self { length: text.len() as u8, bytes })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, PayloadError> {
        let text = reader.rest("typed text", TYPED_TEXT_BYTES_MAX)?;
        let text = std::str::from_utf8(text).map_err(|_| PayloadError::NotUtf8)?;
        Self::new(text).map_err(|error| PayloadError::TooLong {
            field: "typed text",
            bytes: error.bytes,
            bytes_max: TYPED_TEXT_BYTES_MAX,
        })
    }
}

// What people type belongs in no log.
impl fmt::Debug for TypedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedText").field("bytes", &self.length).finish_non_exhaustive()
    }
}

impl InputEvent {
    const POINTER_MOVE: u8 = 1;
    const BUTTON: u8 = 2;
    const KEY: u8 = 3;
    const SCROLL: u8 = 4;
    const TEXT: u8 = 5;

    fn put(&self, out: &mut Vec<u8>) {
        match *self {
            Self::PointerMove { x, y } => {
                out.push(Self::POINTER_MOVE);
                out.extend_from_slice(&x.to_be_bytes());
                out.extend_from_slice(&y.to_be_bytes());
            }
            Self::Button { button, pressed } => {
                out.extend_from_slice(&[Self::BUTTON, button, u8::from(pressed)])
            }
            Self::Key { keysym, pressed } => {
                out.push(Self::KEY);
                out.extend_from_slice(&keysym.to_be_bytes());
                out.push(u8::from(pressed));
            }
            Self::Scroll { dx, dy } => {
                out.push(Self::SCROLL);
                out.extend_from_slice(&dx.to_be_bytes());
                out.extend_from_slice(&dy.to_be_bytes());
            }
            Self::Text(text) => {
                out.push(Self::TEXT);
                out.extend_from_slice(text.as_str().as_bytes());
            }
        }
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, PayloadError> {
        match reader.u8()? {
            Self::POINTER_MOVE => Ok(Self::PointerMove { x: reader.u16()?, y: reader.u16()? }),
            Self::BUTTON => {
                Ok(Self::Button { button: get_button(reader)?, pressed: reader.bool("pressed")? })
            }
            Self::KEY => Ok(Self::Key { keysym: reader.u32()?, pressed: reader.bool("pressed")? }),
            Self::SCROLL => Ok(Self::Scroll { dx: reader.i16()?, dy: reader.i16()? }),
            Self::TEXT => TypedText::get(reader).map(Self::Text),
            value => Err(PayloadError::InvalidValue { field: "input event", value: u64::from(value) }),
        }
    }
}

fn get_button(reader: &mut Reader<'_>) -> Result<u8, PayloadError> {
    match reader.u8()? {
        0 => Err(PayloadError::InvalidValue { field: "button", value: 0 }),
        button => Ok(button),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [InputEvent; 4] = [
        InputEvent::PointerMove { x: 640, y: 2 },
        InputEvent::Button { button: 3, pressed: true },
        InputEvent::Key { keysym: 0xff0d, pressed: false },
        InputEvent::Scroll { dx: -1, dy: 3 },
    ];

    #[test]
    fn every_event_comes_back() {
        for event in EVENTS {
            let message = InputMessage { sequence: 7, at_us: u64::MAX, tick: 3, event };
            assert_eq!(InputMessage::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn cut_longer_and_unknown_bytes_are_refused() {
        for event in EVENTS {
            let bytes = InputMessage { sequence: 7, at_us: 9, tick: 3, event }.encode();
            for cut in 0..bytes.len() {
                assert_eq!(InputMessage::decode(&bytes[..cut]), Err(PayloadError::Truncated));
            }
            let longer = [&bytes[..], &[0]].concat();
            assert_eq!(InputMessage::decode(&longer), Err(PayloadError::TrailingBytes(1)));
        }
        let mut unknown = InputMessage { sequence: 0, at_us: 0, tick: 0, event: EVENTS[1] }.encode();
        unknown[25] = 0;
        assert_eq!(
            InputMessage::decode(&unknown),
            Err(PayloadError::InvalidValue { field: "button", value: 0 })
        );
        unknown[24] = 9;
        assert_eq!(
            InputMessage::decode(&unknown),
            Err(PayloadError::InvalidValue { field: "input event", value: 9 })
        );
    }

    #[test]
    fn typed_text_stands_in_one_piece_at_the_end_and_is_bounded() {
        let text = TypedText::new("ls -l grün").unwrap();
        let message = InputMessage { sequence: 1, at_us: 2, tick: 0, event: InputEvent::Text(text) };
        let bytes = message.encode();
        assert!(bytes.ends_with("ls -l grün".as_bytes()));
        assert_eq!(InputMessage::decode(&bytes), Ok(message));
        assert_eq!(format!("{text:?}"), "TypedText { bytes: 11, .. }");
        assert_eq!(TypedText::new(&"x".repeat(65)), Err(TypedTextTooLong { bytes: 65 }));
        let long = [&bytes[..], &[b'x'; 64]].concat();
        assert_eq!(
            InputMessage::decode(&long),
            Err(PayloadError::TooLong { field: "typed text", bytes: 75, bytes_max: 64 })
        );
        let broken = [&bytes[..], &[0xff]].concat();
        assert_eq!(InputMessage::decode(&broken), Err(PayloadError::NotUtf8));
    }
}

//! Plaintexts inside sealed objects: what one member says to another. The relay never sees any of it.
//!
//! Fixed-width fields are big-endian. Every decoder is total: bytes come from another member, who may be hostile, so
//! unknown tags, values out of range and trailing bytes are refused, and nothing is allocated by a claimed length.
//!
//! - [`ScreenFrame`] is one object of a screen track, [`InputMessage`] one event of an input track, whose objects are
//!   [`input_batch`]es.
//! - [`TextMessage`] is one kind of what a message track carries; the others are the crate's own signalling.

mod batch;
mod input;
mod reader;
mod screen;
mod text;
mod tick;

pub use batch::{INPUT_BATCH_EVENTS_MAX, input_batch, put_input};
pub use input::{InputEvent, InputMessage, TYPED_TEXT_BYTES_MAX, TypedText, TypedTextTooLong};
pub use screen::ScreenFrame;
pub use text::{TEXT_BYTES_MAX, TextMessage, TextTooLong};

pub(crate) use reader::Reader;
pub(crate) use tick::{FramePlace, TICK_SCREENS_MAX, Tick};

/// Why a plaintext was refused. Its sender is at fault: the object was sealed and signed by that member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The bytes end before the value does.
    #[error("payload ends too early")]
    Truncated,
    /// Bytes are left after the last field.
    #[error("{0} bytes are left after the payload's last field")]
    TrailingBytes(usize),
    /// A field holds a value its type does not have.
    #[error("{field} holds the unknown value {value:#x}")]
    InvalidValue {
        /// The field's name.
        field: &'static str,
        /// The refused value.
        value: u64,
    },
    /// A text is not UTF-8.
    #[error("text is not UTF-8")]
    NotUtf8,
    /// A field is longer than its bound.
    #[error("{field} has {bytes} bytes, more than {bytes_max}")]
    TooLong {
        /// The field's name.
        field: &'static str,
        /// Its length.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
}

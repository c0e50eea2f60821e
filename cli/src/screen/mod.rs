//! What a person sees and touches: sources of screen frames, the lossless frame coder, and PNG files.
//!
//! The order of calls at the sharing side: make a [`ScreenSource`] ([`DesktopSource`] or [`X11Source`]), then for each frame
//! [`ScreenSource::capture`] and [`FrameEncoder::encode`]; events from the one who holds the lease go to
//! [`ScreenSource::inject`]. At the viewing side: [`FrameDecoder::decode`], and [`write_png`] for a picture of the last frame.
//!
//! Nothing here knows a network, a clock or a random source.

mod codec;
mod desktop;
mod framebuffer;
mod keysym;
mod png_file;
mod source;
mod x11;

pub use codec::{
    DecodeError, EncodedFrame, FrameDecoder, FrameEncoder, MAX_FRAME_PIXELS, MAX_SIDE_PIXELS,
    MAX_TRAILER_BYTES, Trailer, TrailerTooLong,
};
pub use desktop::{DesktopSource, MAX_TYPED_BYTES};
pub use framebuffer::{Framebuffer, Rect};
pub use keysym::{char_of_keysym, keysym_of_char};
pub use png_file::{PngError, write_png};
pub use source::{ScreenSource, SourceError};
pub use x11::{X11Source, watch_key};

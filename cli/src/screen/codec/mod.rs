//! A lossless coder for screens: only tiles that changed are sent, few-coloured tiles as palettes, scrolled ones as copies.
//!
//! # Format, byte by byte (version 1; all integers big-endian)
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 1 | flags: bit 0 keyframe, the others zero |
//! | 4 | sequence: a keyframe's is free, a delta's is that of the frame before it plus one, modulo 2^32 |
//! | 2 + 2 | width, height: 1 to 8192 each, at most 16,777,216 pixels together; a delta's are those of the frame before it |
//! | 1 | length `t` of the trailer, 0 to 64 |
//! | t | trailer: the application's own bytes, as they are |
//! | 4 | length `r` of the tile section before compression |
//! | 4 | length `c` of the tile section as it stands here |
//! | c | tile section: one LZ4 block (no frame, no size), exactly `r` bytes when decompressed |
//! | rest | colour section: empty when no tile is in true colours, else one zlib stream (RFC 1950) to the end |
//!
//! The picture is cut into tiles of 32x32 pixels, row by row from the top left; those at the right and lower edge are smaller.
//! The tile section is a list of operations that together cover each tile exactly once, in order:
//!
//! | first byte | then | what |
//! |---|---|---|
//! | 0 | 2: count - 1 | skip: that many tiles are as before. Only in a delta |
//! | 1 | 3: red, green, blue | solid: the tile has one colour |
//! | 2 | 1: n - 1, 3n: colours, then indices | palette of n = 2 to 256 colours; per pixel an index of 1 (n = 2), 2 (n <= 4), 4 (n <= 16) or 8 bits, first pixel in the highest bits, each row padded to a whole byte with bits that nobody reads |
//! | 3 | nothing | true colour: the next `3 * width * height` bytes of the colour section |
//! | 4 | 2 + 2: x, y | copy: the area at x, y of the frame *before*, wholly inside it. Only in a delta |
//!
//! A true colour tile is a row of residuals (green, red - green, blue - green; modulo 256) per pixel: each of the three planes
//! is predicted by the median of left, upper and left + upper - upper left (as in JPEG-LS, ITU-T T.87 A.4.1); outside the tile
//! left counts as upper, upper as left, and both as 0 at the first pixel.
//!
//! # Bounds
//!
//! The decoder never allocates by a length that it was told: `r` may not exceed `255 * c` (what LZ4 can yield) nor what the
//! tiles of this size can need; the picture's size is bounded as above, 64 MiB. A frame that is refused leaves the picture as it was.

mod decode;
mod encode;
mod error;
mod lz4;
mod palette;
mod scroll;
mod tiles;
mod true_colour;

pub use decode::FrameDecoder;
pub use encode::{EncodedFrame, FrameEncoder};
pub use error::DecodeError;

/// Longest side of a picture in pixels.
pub const MAX_SIDE_PIXELS: u16 = 8192;
/// Most pixels of a picture: 64 MiB in memory.
pub const MAX_FRAME_PIXELS: usize = 16 * 1024 * 1024;
/// Longest trailer in bytes.
pub const MAX_TRAILER_BYTES: usize = 64;

const VERSION: u8 = 1;
const FLAG_KEYFRAME: u8 = 1;
const HEADER_BYTES: usize = 11;

/// Operations of the tile section.
mod op {
    pub(super) const SKIP: u8 = 0;
    pub(super) const SOLID: u8 = 1;
    pub(super) const PALETTE: u8 = 2;
    pub(super) const TRUE_COLOUR: u8 = 3;
    pub(super) const COPY: u8 = 4;
}

/// Whether the format carries a picture of this size.
pub(crate) fn size_is_allowed((width, height): (u16, u16)) -> bool {
    let pixels = usize::from(width) * usize::from(height);
    pixels > 0 && width <= MAX_SIDE_PIXELS && height <= MAX_SIDE_PIXELS && pixels <= MAX_FRAME_PIXELS
}

/// The application's own bytes at the end of a frame's header: at most [`MAX_TRAILER_BYTES`], stored as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trailer<'a>(&'a [u8]);

/// A trailer of more than [`MAX_TRAILER_BYTES`].
#[derive(Debug, thiserror::Error)]
#[error("a frame's trailer has {0} bytes, at most {MAX_TRAILER_BYTES} are carried; shorten it")]
pub struct TrailerTooLong(pub usize);

impl<'a> Trailer<'a> {
    /// No trailer.
    pub const EMPTY: Self = Self(&[]);

    /// Takes the bytes.
    ///
    /// # Errors
    /// [`TrailerTooLong`] above [`MAX_TRAILER_BYTES`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, TrailerTooLong> {
        if bytes.len() > MAX_TRAILER_BYTES { Err(TrailerTooLong(bytes.len())) } else { Ok(Self(bytes)) }
    }
}

#[cfg(test)]
mod tests;

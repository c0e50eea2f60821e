//! What a source of screen frames is.

use isi_client::payload::InputEvent;

use super::Framebuffer;

/// A screen that can be shared and driven.
pub trait ScreenSource {
    /// Width and height in pixels, as of the last capture.
    fn size(&self) -> (u16, u16);

    /// Takes the next picture. Its damage says what changed since the previous call; its size may differ from that of the
    /// previous one.
    ///
    /// # Errors
    /// See [`SourceError`]; after an error the source is of no more use, except after [`SourceError::TooLarge`].
    fn capture(&mut self) -> Result<&Framebuffer, SourceError>;

    /// Applies one event of the one who drives. Events outside the picture are moved to its edge.
    ///
    /// # Errors
    /// See [`SourceError`]; [`SourceError::NoKeycode`] concerns this one key only.
    fn inject(&mut self, event: &InputEvent) -> Result<(), SourceError>;

    /// A short name for reports: `x11` or `desktop`.
    fn name(&self) -> &'static str;
}

/// Why a screen cannot be captured or driven.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// No X server answers at the display asked for.
    #[error("no X display: {reason}; set DISPLAY to a running X server, or use --source desktop")]
    NoDisplay {
        /// What was tried, and what came of it.
        reason: String,
    },
    /// The X server draws in a format this program does not read.
    #[error(
        "the X screen has depth {depth} at {bits_per_pixel} bits per pixel; only depth 24 or 32 at 32 bits, 8 per colour, little \
         endian, is read: start the X server with depth 24, or use --source desktop"
    )]
    UnsupportedDepth {
        /// Bits that carry colour.
        depth: u8,
        /// Bits a pixel occupies.
        bits_per_pixel: u8,
    },
    /// The screen is larger than the frame format carries.
    #[error("the screen of {width}x{height} pixels is too large to share; choose a smaller resolution")]
    TooLarge {
        /// Width in pixels.
        width: u16,
        /// Height in pixels.
        height: u16,
    },
    /// The X server lacks an extension without which input cannot be injected.
    #[error(
        "the X server has no extension {name}: it can be viewed, not driven; enable the extension or share view-only"
    )]
    MissingExtension {
        /// Its name.
        name: &'static str,
    },
    /// The keyboard has no such key, and no key to lend for it is free.
    #[error(
        "the keyboard of the X server has no key for keysym {keysym:#x} and none to spare; the event is dropped"
    )]
    NoKeycode {
        /// The X11 keysym.
        keysym: u32,
    },
    /// The connection to the X server broke.
    #[error("the X server went away: {0}; start sharing again")]
    Connection(#[from] x11rb::errors::ConnectionError),
    /// The X server refused a request.
    #[error("the X server refused a request: {0:?}; try --source desktop and report this")]
    Refused(x11rb::x11_utils::X11Error),
    /// Memory shared with the X server could not be read.
    #[error("reading the memory shared with the X server failed: {0}; start sharing again")]
    SharedMemory(#[from] std::io::Error),
}

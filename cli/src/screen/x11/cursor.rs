//! The pointer's picture, which is no part of the root window's pixels.

use x11rb::protocol::xfixes::{self, ConnectionExt as _};

use super::display::Display;
use crate::screen::{Framebuffer, Rect, SourceError};

/// Longest side of a pointer that is drawn, in pixels; servers draw no larger ones either.
const MAX_CURSOR_PIXELS: u16 = 512;

/// Draws the pointer over captured pictures.
pub(super) struct CursorLayer {
    drawn: Option<(u32, Rect)>,
}

impl CursorLayer {
    /// Ready to draw; `None` when the server does not tell what its pointer looks like.
    pub(super) fn start(display: &Display) -> Result<Option<Self>, SourceError> {
        if !display.has(xfixes::X11_EXTENSION_NAME)? {
            return Ok(None);
        }
        display.connection.xfixes_query_version(5, 0)?.reply()?;
        Ok(Some(Self { drawn: None }))
    }

    /// Takes the pointer away where it was and draws it where it is; `clean` is the screen without it.
    pub(super) fn draw(
        &mut self,
        display: &Display,
        clean: &Framebuffer,
        picture: &mut Framebuffer,
    ) -> Result<(), SourceError> {
        let cursor = display.connection.xfixes_get_cursor_image()?.reply()?;
        if cursor.width > MAX_CURSOR_PIXELS || cursor.height > MAX_CURSOR_PIXELS {
            return Ok(());
        }
        let left = i32::from(cursor.x) - i32::from(cursor.xhot);
        let top = i32::from(cursor.y) - i32::from(cursor.yhot);
        let place = visible((left, top), (cursor.width, cursor.height));
        let now = (cursor.cursor_serial, place);
        let before = self.drawn.replace(now);
        if let Some((_, old)) = before {
            picture.copy_rect(clean, old);
        }
        if before != Some(now) {
            before.into_iter().chain([now]).for_each(|(_, place)| picture.add_damage(place));
        }
        blend_over(&cursor.cursor_image, cursor.width, (left, top), place, picture);
        Ok(())
    }

    /// The picture was replaced by another one.
    pub(super) const fn forget(&mut self) {
        self.drawn = None;
    }
}

fn visible((left, top): (i32, i32), (width, height): (u16, u16)) -> Rect {
    let bound = |at: i32| at.clamp(0, i32::from(u16::MAX)) as u16; // clamped
    let (x, y) = (bound(left), bound(top));
    Rect::new(x, y, bound(left + i32::from(width)) - x, bound(top + i32::from(height)) - y)
}

/// The image's pixels are `0xAARRGGBB`, premultiplied.
fn blend_over(image: &[u32], width: u16, (left, top): (i32, i32), place: Rect, picture: &mut Framebuffer) {
    let Some(place) = place.clipped(picture.width(), picture.height()) else { return };
    for y in place.y..place.bottom() {
        let line = (i32::from(y) - top) * i32::from(width) - left;
        for (x, target) in (i32::from(place.x)..).zip(picture.row_mut(place.x, y, place.width)) {
            let source = usize::try_from(line + x).ok().and_then(|at| image.get(at)).copied().unwrap_or(0);
            *target = over(source, *target);
        }
    }
}

fn over(source: u32, under: u32) -> u32 {
    let [alpha, ..] = source.to_be_bytes();
    let kept = 255 - u32::from(alpha);
    let (source, under) = (source.to_be_bytes(), under.to_be_bytes());
    let channel = |at: usize| (u32::from(source[at]) + u32::from(under[at]) * kept / 255).min(255) as u8; // clamped
    u32::from_be_bytes([0, channel(1), channel(2), channel(3)])
}

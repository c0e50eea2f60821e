//! Drawing with smooth edges: every shape is a signed distance, its coverage the part of a pixel inside.

use embedded_graphics::{
    Drawable as _, Pixel,
    draw_target::DrawTarget,
    geometry::{Dimensions, OriginDimensions, Point, Size},
    mono_font::{MonoFont, MonoTextStyle},
    pixelcolor::{Rgb888, RgbColor as _},
    text::{Alignment, Baseline, Text, TextStyleBuilder},
};

use crate::screen::{Framebuffer, Rect};

/// A point in pixels.
pub(super) type Spot = (f32, f32);

/// Draws on a picture.
pub(super) struct Canvas<'a>(pub(super) &'a mut Framebuffer);

impl Canvas<'_> {
    /// Fills a rectangle with rounded corners; `alpha` from 0 to 1.
    pub(super) fn rounded(&mut self, rect: Rect, radius: f32, colour: u32, alpha: f32) {
        self.shade(grown(rect, 1), |x, y| (colour, alpha * coverage(rounded_distance(rect, radius, x, y))));
    }

    /// Draws the border of a rounded rectangle, `width` pixels inwards from its edge.
    pub(super) fn outline(&mut self, rect: Rect, radius: f32, width: f32, colour: u32, alpha: f32) {
        self.shade(grown(rect, 1), |x, y| {
            let distance = rounded_distance(rect, radius, x, y);
            (colour, alpha * coverage(distance) * (1.0 - coverage(distance + width)))
        });
    }

    /// Darkens around a rounded rectangle, `reach` pixels far.
    pub(super) fn shadow(&mut self, rect: Rect, radius: f32, reach: u16, strength: f32) {
        let lowered = Rect { y: rect.y + reach / 4, ..rect };
        self.shade(grown(lowered, reach), |x, y| {
            let nearness = 1.0 - rounded_distance(lowered, radius, x, y).max(0.0) / f32::from(reach);
            (0, strength * nearness.max(0.0).powi(2))
        });
    }

    /// Fills a disc.
    pub(super) fn disc(&mut self, centre: Spot, radius: f32, colour: u32, alpha: f32) {
        let area = around(centre, centre, radius + 1.0);
        self.shade(area, |x, y| (colour, alpha * coverage((x - centre.0).hypot(y - centre.1) - radius)));
    }

    /// Light that fades from the centre outwards.
    pub(super) fn glow(&mut self, centre: Spot, radius: f32, colour: u32, strength: f32) {
        self.shade(around(centre, centre, radius), |x, y| {
            let nearness = 1.0 - (x - centre.0).hypot(y - centre.1) / radius;
            (colour, strength * nearness.max(0.0).powi(2))
        });
    }

    /// Draws a line with round ends.
    pub(super) fn line(&mut self, from: Spot, to: Spot, width: f32, colour: u32) {
        let area = around(from, to, width / 2.0 + 1.0);
        self.shade(area, |x, y| (colour, coverage(segment_distance(from, to, (x, y)) - width / 2.0)));
    }

    /// Writes one line of text, its upper edge at `y`; characters outside Latin-1 become question marks.
    pub(super) fn text(
        &mut self,
        text: &str,
        x: i32,
        y: i32,
        font: &MonoFont<'_>,
        colour: u32,
        alignment: Alignment,
    ) {
        let [_, red, green, blue] = colour.to_be_bytes();
        let character = MonoTextStyle::new(font, Rgb888::new(red, green, blue));
        let style = TextStyleBuilder::new().baseline(Baseline::Top).alignment(alignment).build();
        let Ok(_) = Text::with_text_style(text, Point::new(x, y), character, style).draw(self);
    }

    /// Blends what `paint` gives (colour, alpha) over each pixel of an area; it gets the middle of the pixel.
    pub(super) fn shade(&mut self, area: Rect, paint: impl Fn(f32, f32) -> (u32, f32)) {
        let Some(area) = area.clipped(self.0.width(), self.0.height()) else { return };
        for y in area.y..area.bottom() {
            let row = self.0.row_mut(area.x, y, area.width);
            for (x, pixel) in (area.x..).zip(row) {
                let (colour, alpha) = paint(f32::from(x) + 0.5, f32::from(y) + 0.5);
                *pixel = blend(*pixel, colour, alpha);
            }
        }
    }
}

impl OriginDimensions for Canvas<'_> {
    fn size(&self) -> Size {
        Size::new(self.0.width().into(), self.0.height().into())
    }
}

impl DrawTarget for Canvas<'_> {
    type Color = Rgb888;
    type Error = std::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Self::Error> {
        let (bounds, width) = (self.bounding_box(), i32::from(self.0.width()));
        for Pixel(point, colour) in pixels {
            if bounds.contains(point)
                && let Ok(offset) = usize::try_from(point.y * width + point.x)
            {
                self.0.pixels_mut()[offset] = u32::from_be_bytes([0, colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}

/// A colour between two: `share` 0 is the first, 1 the second.
pub(super) fn blend(under: u32, over: u32, share: f32) -> u32 {
    let share = (share.clamp(0.0, 1.0) * 256.0) as u32;
    match share {
        0 => under,
        256 => over,
        _ => {
            let (under, over) = (under.to_be_bytes(), over.to_be_bytes());
            u32::from_be_bytes(std::array::from_fn(|at| {
                ((u32::from(under[at]) * (256 - share) + u32::from(over[at]) * share) >> 8) as u8 // an average of bytes
            }))
        }
    }
}

fn coverage(distance: f32) -> f32 {
    (0.5 - distance).clamp(0.0, 1.0)
}

fn rounded_distance(rect: Rect, radius: f32, x: f32, y: f32) -> f32 {
    let (half_width, half_height) = (f32::from(rect.width) / 2.0, f32::from(rect.height) / 2.0);
    let right = (x - f32::from(rect.x) - half_width).abs() - half_width + radius;
    let down = (y - f32::from(rect.y) - half_height).abs() - half_height + radius;
    right.max(0.0).hypot(down.max(0.0)) + right.max(down).min(0.0) - radius
}

pub(super) fn segment_distance(from: Spot, to: Spot, at: Spot) -> f32 {
    let (along, offset) = ((to.0 - from.0, to.1 - from.1), (at.0 - from.0, at.1 - from.1));
    let length = (along.0 * along.0 + along.1 * along.1).max(f32::EPSILON);
    let share = ((offset.0 * along.0 + offset.1 * along.1) / length).clamp(0.0, 1.0);
    (offset.0 - share * along.0).hypot(offset.1 - share * along.1)
}

fn grown(rect: Rect, by: u16) -> Rect {
    let (x, y) = (rect.x.saturating_sub(by), rect.y.saturating_sub(by));
    Rect::new(x, y, rect.right() + by - x, rect.bottom() + by - y)
}

/// The rectangle around two points with a margin, cut off at the upper left edges of the picture.
pub(super) fn around(first: Spot, second: Spot, margin: f32) -> Rect {
    let low = |a: f32, b: f32| (a.min(b) - margin).floor().max(0.0) as u16; // saturates
    let high = |a: f32, b: f32| (a.max(b) + margin).ceil().max(0.0) as u16; // saturates
    let (x, y) = (low(first.0, second.0), low(first.1, second.1));
    let (right, bottom) = (high(first.0, second.0), high(first.1, second.1));
    Rect::new(x, y, right.saturating_sub(x), bottom.saturating_sub(y))
}

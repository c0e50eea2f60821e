//! The pointer of the built-in desktop.

use super::paint::Canvas;
use crate::screen::Rect;

/// The arrow's corners, from its tip.
const ARROW: [(f32, f32); 7] =
    [(0.0, 0.0), (0.0, 19.0), (4.5, 15.2), (7.6, 22.2), (10.9, 20.8), (7.9, 13.9), (13.8, 13.4)];
/// Room that the arrow and its border take.
const SIZE: (u16, u16) = (18, 26);

/// The pixels that a pointer here covers.
pub(super) fn place((x, y): (u16, u16)) -> Rect {
    let (left, up) = (x.saturating_sub(2), y.saturating_sub(2));
    Rect::new(left, up, SIZE.0, SIZE.1)
}

/// Draws the pointer with its tip here, darker while a button is held.
pub(super) fn draw(at: (u16, u16), held: bool, canvas: &mut Canvas<'_>) {
    let (tip_x, tip_y) = (f32::from(at.0), f32::from(at.1));
    let fill = if held { 0x00ff_d166 } else { 0x00ff_ffff };
    canvas.shade(place(at), |x, y| {
        let distance = distance((x - tip_x, y - tip_y));
        let border = (1.9 - distance).clamp(0.0, 1.0);
        (super::paint::blend(0x0010_1420, fill, 0.5 - distance), border)
    });
}

/// Distance to the arrow's edge, negative inside.
fn distance(at: (f32, f32)) -> f32 {
    let (mut nearest, mut inside) = (f32::MAX, false);
    for (index, from) in ARROW.into_iter().enumerate() {
        let to = ARROW[(index + 1) % ARROW.len()];
        nearest = nearest.min(super::paint::segment_distance(from, to, at));
        let crosses = (from.1 > at.1) != (to.1 > at.1);
        if crosses && at.0 < (to.0 - from.0) * (at.1 - from.1) / (to.1 - from.1) + from.0 {
            inside = !inside;
        }
    }
    if inside { -nearest } else { nearest }
}

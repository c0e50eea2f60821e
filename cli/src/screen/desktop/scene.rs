//! What never moves: wallpaper, bars, windows, dock. Drawn once.

use embedded_graphics::{
    mono_font::iso_8859_1::{FONT_9X15_BOLD, FONT_9X18_BOLD, FONT_10X20},
    text::Alignment,
};

use super::{
    layout::{
        CHAT_WINDOW, CONTROL_WINDOW, DIM, DOCK, EDGE, INK, LIVE_WINDOW, PANEL, PAPER, RAISED, SIZE,
        TITLE_BAR_HEIGHT, TOP_BAR, WINDOW_RADIUS,
    },
    paint::{Canvas, Spot, blend},
};
use crate::screen::{Framebuffer, Rect};

/// The colours of the sky from top to horizon.
const SKY_COLOURS: [u32; 5] = [0x0010_1436, 0x0026_2b63, 0x005a_3f86, 0x00b8_5f8a, 0x00f6_a07c];
/// Ridges from far to near: height above the lower edge, roughness, colour.
const RIDGES: [(f32, f32, u32); 3] =
    [(236.0, 46.0, 0x0060_3d73), (168.0, 38.0, 0x003a_2a5a), (96.0, 30.0, 0x001c_1a3b)];
/// Dock icons: colour and letter.
const ICONS: [(u32, &str); 6] = [
    (0x00ff_7a6b, "S"),
    (0x00ff_b454, "F"),
    (0x004f_d6a6, "C"),
    (0x0062_a8ff, "W"),
    (0x00b0_8cff, "M"),
    (0x00f5_6fa8, "P"),
];

/// The middle of the clock.
pub(super) const CLOCK_CENTRE: Spot = (890.0, 206.0);
/// The colour of its face.
const FACE: u32 = 0x00f4_f1ea;

/// The point at this part of a turn and this far from the clock's middle.
pub(super) fn on_clock(turn: f32, radius: f32) -> Spot {
    let angle = turn * std::f32::consts::TAU;
    (CLOCK_CENTRE.0 + radius * angle.sin(), CLOCK_CENTRE.1 - radius * angle.cos())
}

/// Draws the background of everything.
pub(super) fn background() -> Framebuffer {
    let mut picture = Framebuffer::new(SIZE.0, SIZE.1);
    let mut canvas = Canvas(&mut picture);
    wallpaper(&mut canvas);
    top_bar(&mut canvas);
    window(&mut canvas, CHAT_WINDOW, "Conversation");
    window(&mut canvas, LIVE_WINDOW, "Live");
    window(&mut canvas, CONTROL_WINDOW, "Controls");
    clock_face(&mut canvas);
    dock(&mut canvas);
    picture
}

fn wallpaper(canvas: &mut Canvas<'_>) {
    let everything = Rect::new(0, 0, SIZE.0, SIZE.1);
    canvas.shade(everything, |_, y| (sky(y / f32::from(SIZE.1)), 1.0));
    for star in 0..90_u32 {
        let (x, y) = (star * 7919 % 1280, star * star * 131 % 380);
        let bright = 0.25 + 0.6 * (star % 7) as f32 / 7.0;
        canvas.disc((x as f32, y as f32), 0.6 + 0.5 * (star % 3) as f32, 0x00ff_ffff, bright);
    }
    canvas.glow((1010.0, 560.0), 240.0, 0x00ff_d9a0, 0.75);
    canvas.disc((1010.0, 560.0), 58.0, 0x00ff_e9c4, 1.0);
    for (height, roughness, colour) in RIDGES {
        let tops: Vec<f32> =
            (0..SIZE.0).map(|x| f32::from(SIZE.1) - ridge(x.into(), height, roughness)).collect();
        let highest = tops.iter().copied().fold(f32::MAX, f32::min).max(0.0) as u16; // within the picture
        let area = Rect::new(0, highest, SIZE.0, SIZE.1 - highest);
        canvas.shade(area, |x, y| (colour, y - tops[x as usize]));
    }
}

fn sky(share: f32) -> u32 {
    let place = (share * 1.35).min(0.999) * (SKY_COLOURS.len() - 1) as f32;
    let band = place as usize;
    blend(SKY_COLOURS[band], SKY_COLOURS[band + 1], place.fract())
}

fn ridge(x: f32, height: f32, roughness: f32) -> f32 {
    let waves = [(0.0052, 1.0), (0.0131, 0.45), (0.031, 0.18), (0.083, 0.05)];
    waves
        .iter()
        .fold(height, |sum, (frequency, share)| sum + roughness * share * (x * frequency + height).sin())
}

fn top_bar(canvas: &mut Canvas<'_>) {
    canvas.shade(TOP_BAR, |_, _| (0x000b_0e1c, 0.82));
    canvas.rounded(Rect::new(14, 9, 16, 16), 5.0, 0x0062_a8ff, 1.0);
    canvas.disc((22.0, 17.0), 3.5, 0x000b_0e1c, 1.0);
    canvas.text("Desktop", 40, 10, &FONT_9X15_BOLD, INK, Alignment::Left);
    for (x, title) in [(126, "File"), (184, "Edit"), (242, "View"), (300, "Session"), (385, "Help")] {
        canvas.text(title, x, 10, &embedded_graphics::mono_font::iso_8859_1::FONT_9X15, DIM, Alignment::Left);
    }
}

fn window(canvas: &mut Canvas<'_>, rect: Rect, title: &str) {
    canvas.shadow(rect, WINDOW_RADIUS, 28, 0.5);
    canvas.rounded(rect, WINDOW_RADIUS, PANEL, 1.0);
    let body = Rect { y: rect.y + TITLE_BAR_HEIGHT, height: rect.height - TITLE_BAR_HEIGHT, ..rect };
    canvas.rounded(body, WINDOW_RADIUS, PAPER, 1.0);
    canvas.shade(Rect { height: 16, ..body }, |_, _| (PAPER, 1.0));
    canvas.shade(Rect { height: 1, ..body }, |_, _| (EDGE, 0.6));
    canvas.outline(rect, WINDOW_RADIUS, 1.0, EDGE, 0.9);
    let middle = f32::from(rect.y) + 18.0;
    for (place, colour) in [0x00ff_5f57, 0x00fe_bc2e, 0x0028_c840].into_iter().enumerate() {
        canvas.disc((f32::from(rect.x) + 22.0 + 20.0 * place as f32, middle), 6.0, colour, 1.0);
    }
    let x = i32::from(rect.x) + i32::from(rect.width) / 2;
    canvas.text(title, x, i32::from(rect.y) + 10, &FONT_9X18_BOLD, INK, Alignment::Center);
}

fn clock_face(canvas: &mut Canvas<'_>) {
    canvas.disc(CLOCK_CENTRE, 88.0, RAISED, 1.0);
    canvas.disc(CLOCK_CENTRE, 83.0, FACE, 1.0);
    for mark in 0..12_u8 {
        let (long, turn) = (mark % 3 == 0, f32::from(mark) / 12.0);
        let from = on_clock(turn, if long { 66.0 } else { 71.0 });
        canvas.line(from, on_clock(turn, 77.0), if long { 4.0 } else { 2.0 }, 0x0039_4056);
    }
}

fn dock(canvas: &mut Canvas<'_>) {
    canvas.shadow(DOCK, 20.0, 20, 0.4);
    canvas.rounded(DOCK, 20.0, 0x00c9_cde4, 0.22);
    canvas.outline(DOCK, 20.0, 1.0, 0x00ff_ffff, 0.25);
    for (place, (colour, letter)) in (0_u16..).zip(ICONS) {
        let icon = Rect::new(DOCK.x + 22 + place * 66, DOCK.y + 10, 46, 46);
        canvas.rounded(icon, 12.0, colour, 1.0);
        canvas.shade(Rect::new(icon.x, icon.y + 24, 46, 12), |_, y| {
            (0, 0.16 * (y - f32::from(icon.y) - 24.0) / 22.0)
        });
        canvas.text(
            letter,
            i32::from(icon.x) + 23,
            i32::from(icon.y) + 13,
            &FONT_10X20,
            0x00ff_ffff,
            Alignment::Center,
        );
    }
}

//! What changes: each widget tells where it is, when it must be drawn again, and draws itself over the background.

use embedded_graphics::{
    mono_font::iso_8859_1::{FONT_9X15, FONT_9X15_BOLD, FONT_10X20},
    text::Alignment,
};

use super::{
    layout::{self, ACCENTS, DIM, EDGE, INK, RAISED},
    model::{Author, Model, SHOWN_LINES},
    paint::{Canvas, around},
    scene::{CLOCK_CENTRE, on_clock},
};
use crate::screen::{Rect, keysym::key_name};

/// One part of the picture that changes.
pub(super) struct Widget {
    /// Where it is now.
    pub(super) place: fn(&Model) -> Rect,
    /// Changes when the widget looks different.
    pub(super) stamp: fn(&Model) -> u64,
    /// Draws it; the background is there already.
    pub(super) draw: fn(&Model, &mut Canvas<'_>),
}

/// All widgets; they do not overlap.
pub(super) const WIDGETS: [Widget; 11] = [
    Widget { place: |_| layout::TIME, stamp: seconds, draw: time },
    Widget { place: |_| layout::HELD_KEYS, stamp: |model| model.keys_revision, draw: held_keys },
    Widget { place: |_| layout::CHAT_LINES, stamp: |model| model.text_revision, draw: chat_lines },
    Widget {
        place: |_| layout::CHAT_FIELD,
        stamp: |model| model.text_revision * 2 + u64::from(caret_shown(model)),
        draw: chat_field,
    },
    Widget { place: |_| layout::CLOCK, stamp: |model| model.tick, draw: clock },
    Widget { place: |_| layout::BARS, stamp: |model| model.tick, draw: bars },
    Widget { place: |_| layout::BARS_LABEL, stamp: |model| model.tick, draw: bars_label },
    Widget { place: |_| layout::BUTTON_ROW, stamp: buttons_stamp, draw: buttons },
    Widget { place: |_| layout::SLIDER, stamp: |model| slider_stamp(model), draw: slider },
    Widget { place: |_| layout::STATUS, stamp: |model| model.events, draw: status },
    Widget { place: balloon_place, stamp: |model| model.tick, draw: balloon },
];

/// Frames that make a second on this desktop.
pub(super) const TICKS_PER_SECOND: u64 = 30;
/// The clock's first time of day, in seconds: ten past ten, as clockmakers show it.
const FIRST_SECOND: u64 = (10 * 60 + 9) * 60 + 36;

fn accent(model: &Model) -> u32 {
    ACCENTS[model.accent].0
}

fn seconds(model: &Model) -> u64 {
    FIRST_SECOND + model.tick / TICKS_PER_SECOND
}

fn time(model: &Model, canvas: &mut Canvas<'_>) {
    let now = seconds(model);
    let text = format!("{:02}:{:02}:{:02}", now / 3600 % 24, now / 60 % 60, now % 60);
    canvas.text(&text, i32::from(layout::TIME.right()) - 4, 8, &FONT_10X20, INK, Alignment::Right);
}

fn held_keys(model: &Model, canvas: &mut Canvas<'_>) {
    let mut right = layout::HELD_KEYS.right();
    for keysym in &model.held_keys {
        let name = key_name(*keysym);
        let width = u16::try_from(name.chars().count() * 9 + 18).unwrap_or(u16::MAX);
        let Some(x) = right.checked_sub(width).filter(|x| *x >= layout::HELD_KEYS.x) else { return };
        let chip = Rect::new(x, layout::HELD_KEYS.y, width, layout::HELD_KEYS.height);
        canvas.rounded(chip, 7.0, accent(model), 1.0);
        canvas.text(
            &name,
            i32::from(x) + 9,
            i32::from(chip.y) + 6,
            &FONT_9X15_BOLD,
            0x000b_0e1c,
            Alignment::Left,
        );
        right = x.saturating_sub(6);
    }
}

fn chat_lines(model: &Model, canvas: &mut Canvas<'_>) {
    let end = model.lines.len() - model.scrolled_back.min(model.lines.len());
    let shown = model.lines.range(end.saturating_sub(SHOWN_LINES)..end);
    for (y, line) in (i32::from(layout::CHAT_LINES.y)..).step_by(24).zip(shown) {
        if let Some(author) = line.author {
            let (name, colour) = match author {
                Author::Anna => ("anna", 0x00b0_8cff),
                Author::Ben => ("ben", 0x00ff_b454),
                Author::You => ("you", accent(model)),
            };
            canvas.rounded(Rect::new(layout::CHAT_LINES.x, y as u16 + 1, 58, 20), 6.0, colour, 0.22); // inside the window
            canvas.text(
                name,
                i32::from(layout::CHAT_LINES.x) + 29,
                y + 4,
                &FONT_9X15_BOLD,
                colour,
                Alignment::Center,
            );
        }
        canvas.text(
            &line.text,
            i32::from(layout::CHAT_LINES.x) + 72,
            y + 1,
            &FONT_10X20,
            INK,
            Alignment::Left,
        );
    }
}

fn caret_shown(model: &Model) -> bool {
    model.tick % TICKS_PER_SECOND < TICKS_PER_SECOND / 2
}

fn chat_field(model: &Model, canvas: &mut Canvas<'_>) {
    /// Characters that fit.
    const SHOWN_CHARS: usize = 60;
    let field = layout::CHAT_FIELD;
    let (x, y) = (i32::from(field.x) + 18, i32::from(field.y) + 12);
    canvas.rounded(field, 10.0, RAISED, 1.0);
    canvas.outline(field, 10.0, 2.0, accent(model), 1.0);
    let hidden = model.field.chars().count().saturating_sub(SHOWN_CHARS);
    let shown: String = model.field.chars().skip(hidden).collect();
    if shown.is_empty() {
        canvas.text("Type a message, Enter sends it", x + 6, y, &FONT_10X20, DIM, Alignment::Left);
    }
    canvas.text(&shown, x, y, &FONT_10X20, INK, Alignment::Left);
    if caret_shown(model) {
        let end = field.x + 19 + 10 * u16::try_from(shown.chars().count()).unwrap_or(0);
        canvas.rounded(Rect::new(end, field.y + 11, 2, 22), 1.0, accent(model), 1.0);
    }
}

fn clock(model: &Model, canvas: &mut Canvas<'_>) {
    let ticks = FIRST_SECOND * TICKS_PER_SECOND + model.tick;
    let turn =
        |seconds: u64| (ticks % (seconds * TICKS_PER_SECOND)) as f32 / (seconds * TICKS_PER_SECOND) as f32;
    canvas.line(CLOCK_CENTRE, on_clock(turn(12 * 3600), 42.0), 6.0, 0x0020_2638);
    canvas.line(CLOCK_CENTRE, on_clock(turn(3600), 62.0), 4.0, 0x0020_2638);
    canvas.line(on_clock(turn(60) + 0.5, 16.0), on_clock(turn(60), 70.0), 2.0, accent(model));
    canvas.disc(CLOCK_CENTRE, 5.0, accent(model), 1.0);
}

fn bars(model: &Model, canvas: &mut Canvas<'_>) {
    let (full, gain) = (f32::from(layout::BARS.height), model.volume as f32 / 1000.0);
    for bar in 0..12_u16 {
        let phase = model.tick as f32 / TICKS_PER_SECOND as f32;
        let wave = (phase * (1.7 + f32::from(bar % 5) * 0.6) + f32::from(bar) * 1.3).sin() * 0.5 + 0.5;
        let height = (full * (0.08 + 0.92 * wave * gain)) as u16;
        let column = Rect::new(layout::BARS.x + bar * 17, layout::BARS.bottom() - height, 12, height);
        canvas.rounded(Rect { y: layout::BARS.y, height: layout::BARS.height, ..column }, 4.0, RAISED, 0.6);
        canvas.rounded(column, 4.0, accent(model), 1.0);
    }
}

fn bars_label(model: &Model, canvas: &mut Canvas<'_>) {
    let (x, y) = (i32::from(layout::BARS_LABEL.x), i32::from(layout::BARS_LABEL.y));
    canvas.text("frame", x, y, &FONT_9X15, DIM, Alignment::Left);
    canvas.text(&format!("{:06}", model.tick), x + 54, y, &FONT_9X15_BOLD, INK, Alignment::Left);
    canvas.text(&format!("{}%", model.volume / 10), x + 204, y, &FONT_9X15, DIM, Alignment::Right);
}

fn buttons_stamp(model: &Model) -> u64 {
    let pressed = model.pressed.map_or(0, |button| button as u64 + 1);
    (model.clicks * 8 + pressed) * 8 + hovered(model).map_or(0, |button| button as u64 + 1)
}

fn hovered(model: &Model) -> Option<usize> {
    layout::BUTTONS.iter().position(|rect| rect.contains(model.pointer.0, model.pointer.1))
}

fn buttons(model: &Model, canvas: &mut Canvas<'_>) {
    let colours = ACCENTS.into_iter().chain([(EDGE, "Clear")]);
    for (index, ((colour, title), rect)) in colours.zip(layout::BUTTONS).enumerate() {
        let pressed = model.pressed == Some(index);
        let strength = if pressed {
            0.55
        } else if hovered(model) == Some(index) {
            1.0
        } else {
            0.82
        };
        canvas.rounded(rect, 10.0, colour, strength);
        if model.accent == index {
            canvas.outline(rect, 10.0, 2.5, INK, 1.0);
        }
        let ink = if colour == EDGE { INK } else { 0x000b_0e1c };
        let (x, y) = (i32::from(rect.x) + 48, i32::from(rect.y) + 15 + i32::from(pressed));
        canvas.text(title, x, y, &FONT_9X15_BOLD, ink, Alignment::Center);
    }
}

fn slider_stamp(model: &Model) -> u64 {
    model.volume as u64 * 4 + model.accent as u64 // volume is never negative
}

fn slider(model: &Model, canvas: &mut Canvas<'_>) {
    let rect = layout::SLIDER;
    let groove = Rect::new(rect.x + 4, rect.y + 14, rect.width - 8, 8);
    let filled = (u32::from(groove.width) * model.volume as u32 / 1000) as u16; // at most the groove
    canvas.rounded(groove, 4.0, RAISED, 1.0);
    canvas.rounded(Rect { width: filled.max(8), ..groove }, 4.0, accent(model), 1.0);
    let knob =
        (f32::from(groove.x + filled).clamp(f32::from(rect.x) + 14.0, f32::from(rect.right()) - 14.0), 474.0);
    canvas.disc(knob, 13.0, INK, 1.0);
    canvas.disc(knob, 6.0, accent(model), 1.0);
}

fn status(model: &Model, canvas: &mut Canvas<'_>) {
    let rect = layout::STATUS;
    let (x, y) = (i32::from(rect.x), i32::from(rect.y) + 3);
    let events = format!("{} events applied", model.events);
    canvas.text(&events, x, y, &FONT_9X15, DIM, Alignment::Left);
    let clicks = format!("{} clicks", model.clicks);
    canvas.text(&clicks, i32::from(rect.right()), y, &FONT_9X15, DIM, Alignment::Right);
}

/// The balloon goes from left to right once in 16 seconds.
fn balloon_centre(model: &Model) -> (f32, f32) {
    let share = (model.tick % (16 * TICKS_PER_SECOND)) as f32 / (16 * TICKS_PER_SECOND) as f32;
    let phase = model.tick as f32 / TICKS_PER_SECOND as f32;
    (-30.0 + share * 1340.0, f32::from(layout::SKY.y) + 30.0 + 7.0 * (phase * 1.4).sin())
}

fn balloon_place(model: &Model) -> Rect {
    let centre = balloon_centre(model);
    around((centre.0, centre.1 + 8.0), (centre.0, centre.1 + 8.0), 28.0)
}

fn balloon(model: &Model, canvas: &mut Canvas<'_>) {
    let (x, y) = balloon_centre(model);
    for side in [-7.0, 7.0] {
        canvas.line((x + side, y + 12.0), (x + side * 0.5, y + 24.0), 1.2, 0x00f4_f1ea);
    }
    canvas.line((x - 4.0, y + 27.0), (x + 4.0, y + 27.0), 7.0, 0x008a_5a3c);
    canvas.disc((x, y), 18.0, accent(model), 1.0);
    canvas.disc((x - 5.0, y - 5.0), 8.0, 0x00ff_ffff, 0.28);
    canvas.line((x, y - 17.0), (x, y + 17.0), 2.0, 0x00f4_f1ea);
}

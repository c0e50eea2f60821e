//! Where things are on the built-in desktop, in pixels, and their colours.

use crate::screen::Rect;

/// Size of the desktop.
pub(super) const SIZE: (u16, u16) = (1280, 720);

pub(super) const TOP_BAR: Rect = Rect::new(0, 0, 1280, 34);
pub(super) const TIME: Rect = Rect::new(1168, 6, 104, 22);
pub(super) const HELD_KEYS: Rect = Rect::new(560, 4, 590, 26);

pub(super) const CHAT_WINDOW: Rect = Rect::new(48, 64, 700, 484);
pub(super) const CHAT_LINES: Rect = Rect::new(68, 112, 660, 364);
pub(super) const CHAT_FIELD: Rect = Rect::new(66, 488, 664, 44);

pub(super) const LIVE_WINDOW: Rect = Rect::new(780, 64, 452, 250);
pub(super) const CLOCK: Rect = Rect::new(800, 116, 180, 180);
pub(super) const BARS: Rect = Rect::new(1008, 128, 204, 132);
pub(super) const BARS_LABEL: Rect = Rect::new(1008, 270, 204, 20);

pub(super) const CONTROL_WINDOW: Rect = Rect::new(780, 338, 452, 210);
pub(super) const BUTTONS: [Rect; 4] = [
    Rect::new(800, 392, 96, 44),
    Rect::new(906, 392, 96, 44),
    Rect::new(1012, 392, 96, 44),
    Rect::new(1118, 392, 96, 44),
];
pub(super) const BUTTON_ROW: Rect = Rect::new(798, 390, 418, 48);
pub(super) const SLIDER: Rect = Rect::new(800, 456, 412, 36);
pub(super) const STATUS: Rect = Rect::new(800, 508, 412, 22);

/// The strip in which the balloon flies.
pub(super) const SKY: Rect = Rect::new(0, 556, 1280, 72);
pub(super) const DOCK: Rect = Rect::new(430, 642, 420, 66);

pub(super) const TITLE_BAR_HEIGHT: u16 = 36;
pub(super) const WINDOW_RADIUS: f32 = 12.0;

pub(super) const PAPER: u32 = 0x0014_1826;
pub(super) const PANEL: u32 = 0x001d_2233;
pub(super) const RAISED: u32 = 0x0028_2f45;
pub(super) const EDGE: u32 = 0x003a_4360;
pub(super) const INK: u32 = 0x00e8_ecf6;
pub(super) const DIM: u32 = 0x0093_9cb5;
/// The colours that the first three buttons choose, and their names.
pub(super) const ACCENTS: [(u32, &str); 3] =
    [(0x00ff_7a6b, "Coral"), (0x004f_d6a6, "Mint"), (0x0062_a8ff, "Sky")];

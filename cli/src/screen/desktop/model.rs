//! What the built-in desktop knows: it changes by events and by frames, never by a clock.

use std::collections::{BTreeSet, VecDeque};

use isi_client::payload::InputEvent;

use super::layout;
use crate::screen::{
    char_of_keysym,
    keysym::{BACKSPACE, KEYPAD_ENTER, RETURN, TAB, is_command_modifier},
    keysym_of_char,
};

/// Bytes of typed text that are kept; the oldest go first.
pub const MAX_TYPED_BYTES: usize = 64 * 1024;
/// Keys that can be held at once; of further ones the press counts and the holding is not shown.
const MAX_HELD_KEYS: usize = 32;
/// Lines of the conversation that are kept; the oldest go first.
const MAX_LINES: usize = 200;
/// Characters of one line, longer ones are broken.
pub(super) const LINE_CHARS: usize = 56;
/// Lines shown at once.
pub(super) const SHOWN_LINES: usize = 15;
const SLIDER_STEPS: i32 = 40;
const VOLUME_FULL: i32 = 1000;

/// One line of the conversation; a line that continues one has no author.
pub(super) struct Line {
    pub(super) author: Option<Author>,
    pub(super) text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    Anna,
    Ben,
    You,
}

/// The whole state. `*_revision` count changes, so that a widget knows when it must be drawn again.
pub(super) struct Model {
    pub(super) tick: u64,
    pub(super) pointer: (u16, u16),
    pub(super) held_buttons: BTreeSet<u8>,
    pub(super) held_keys: BTreeSet<u32>,
    pub(super) keys_revision: u64,
    pub(super) lines: VecDeque<Line>,
    pub(super) scrolled_back: usize,
    pub(super) field: String,
    pub(super) text_revision: u64,
    pub(super) typed: String,
    pub(super) accent: usize,
    pub(super) pressed: Option<usize>,
    pub(super) clicks: u64,
    pub(super) volume: i32,
    pub(super) events: u64,
}

impl Model {
    pub(super) fn new() -> Self {
        let mut model = Self {
            tick: 0,
            pointer: (layout::SIZE.0 / 2, layout::SIZE.1 / 2),
            held_buttons: BTreeSet::new(),
            held_keys: BTreeSet::new(),
            keys_revision: 0,
            lines: VecDeque::new(),
            scrolled_back: 0,
            field: String::new(),
            text_revision: 0,
            typed: String::new(),
            accent: 2,
            pressed: None,
            clicks: 0,
            volume: 600,
            events: 0,
        };
        model.say(Author::Anna, "Welcome. This desktop is drawn in memory, pixel by pixel.");
        model.say(Author::Ben, "Can I drive?");
        model.say(Author::Anna, "Yes: I grant you a lease. Type below, press Enter, try the buttons.");
        model
    }

    pub(super) fn apply(&mut self, event: &InputEvent) {
        self.events += 1;
        match *event {
            InputEvent::PointerMove { x, y } => {
                self.pointer = (x.min(layout::SIZE.0 - 1), y.min(layout::SIZE.1 - 1));
            }
            InputEvent::Button { button, pressed } => self.button(button, pressed),
            InputEvent::Key { keysym, pressed } => self.key(keysym, pressed),
            InputEvent::Scroll { dx, dy } => self.scroll(i32::from(dx), i32::from(dy)),
            InputEvent::Text(text) => {
                text.as_str().chars().for_each(|character| self.type_key(keysym_of_char(character)))
            }
        }
    }

    fn button(&mut self, button: u8, pressed: bool) {
        let under_pointer =
            layout::BUTTONS.iter().position(|rect| rect.contains(self.pointer.0, self.pointer.1));
        if pressed {
            self.held_buttons.insert(button);
        } else {
            self.held_buttons.remove(&button);
        }
        if button != 1 {
            return;
        }
        if pressed {
            self.pressed = under_pointer;
        } else if let Some(clicked) = self.pressed.take()
            && under_pointer == Some(clicked)
        {
            self.click(clicked);
        }
    }

    fn click(&mut self, button: usize) {
        self.clicks += 1;
        if button < layout::ACCENTS.len() {
            self.accent = button;
        } else {
            self.lines.clear();
            self.scrolled_back = 0;
        }
        self.text_revision += 1;
    }

    fn key(&mut self, keysym: u32, pressed: bool) {
        self.keys_revision += 1;
        if !pressed {
            self.held_keys.remove(&keysym);
            return;
        }
        if self.held_keys.len() < MAX_HELD_KEYS {
            self.held_keys.insert(keysym);
        }
        if !self.held_keys.iter().copied().any(is_command_modifier) {
            self.type_key(keysym);
        }
    }

    fn type_key(&mut self, keysym: u32) {
        self.text_revision += 1;
        match keysym {
            RETURN | KEYPAD_ENTER => {
                self.note_typed('\n');
                let text = std::mem::take(&mut self.field);
                self.say(Author::You, &text);
            }
            BACKSPACE => {
                if self.field.pop().is_some() {
                    self.typed.pop();
                }
            }
            TAB => self.insert(' '),
            _ => char_of_keysym(keysym).into_iter().for_each(|character| self.insert(character)),
        }
    }

    fn insert(&mut self, character: char) {
        self.field.push(character);
        self.note_typed(character);
        if self.field.len() > MAX_TYPED_BYTES / 2 {
            self.field.clear();
        }
    }

    fn note_typed(&mut self, character: char) {
        self.typed.push(character);
        if self.typed.len() > MAX_TYPED_BYTES {
            let middle = self.typed.ceil_char_boundary(MAX_TYPED_BYTES / 2);
            self.typed.drain(..middle);
        }
    }

    fn say(&mut self, author: Author, text: &str) {
        let mut author = Some(author);
        for part in wrapped(text).into_iter().take(SHOWN_LINES) {
            self.lines.push_back(Line { author: author.take(), text: part });
        }
        while self.lines.len() > MAX_LINES {
            self.lines.pop_front();
        }
        self.scrolled_back = 0;
    }

    fn scroll(&mut self, dx: i32, dy: i32) {
        let (x, y) = self.pointer;
        if layout::CHAT_WINDOW.contains(x, y) {
            let furthest = self.lines.len().saturating_sub(SHOWN_LINES);
            let back = i64::try_from(self.scrolled_back).unwrap_or(0) - i64::from(dy);
            self.scrolled_back = usize::try_from(back.max(0)).unwrap_or(0).min(furthest);
            self.text_revision += 1;
        } else {
            self.volume = (self.volume + (dx - dy) * VOLUME_FULL / SLIDER_STEPS).clamp(0, VOLUME_FULL);
        }
    }
}

/// The lines of a text, broken at spaces where there are some.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![];
    let mut rest: Vec<char> = text.chars().collect();
    while rest.len() > LINE_CHARS {
        let end = rest[..LINE_CHARS]
            .iter()
            .rposition(|character| *character == ' ')
            .map_or(LINE_CHARS, |space| space + 1);
        let tail = rest.split_off(end);
        lines.push(rest.iter().collect());
        rest = tail;
    }
    lines.push(rest.into_iter().collect());
    lines
}

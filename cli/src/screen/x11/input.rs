//! Injects events with the extension XTEST.

use std::collections::{BTreeSet, HashMap};

use isi_client::payload::InputEvent;
use x11rb::{
    connection::Connection as _,
    protocol::{
        xproto::{
            BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ConnectionExt as _, KEY_PRESS_EVENT, KEY_RELEASE_EVENT,
            MOTION_NOTIFY_EVENT,
        },
        xtest::{self, ConnectionExt as _},
    },
};

use super::{
    display::Display,
    keymap::{Key, Keymap},
};
use crate::screen::{SourceError, char_of_keysym, keysym_of_char};

/// Notches of one scroll event in each direction; the rest is dropped.
const MAX_SCROLL_NOTCHES: u16 = 32;
const SHIFT_KEYSYMS: [u32; 2] = [0xffe1, 0xffe2];
const SCROLL_UP: u8 = 4;
const SCROLL_DOWN: u8 = 5;
const SCROLL_LEFT: u8 = 6;
const SCROLL_RIGHT: u8 = 7;

/// Presses keys and buttons of the server, and lets go of them when dropped by its owner with [`Injector::let_go`].
pub(super) struct Injector {
    keymap: Option<Keymap>,
    /// Keycodes by the keysym that pressed them, so that a release finds the same key; at most the keyboard's keys.
    held: HashMap<u32, u8>,
    held_buttons: BTreeSet<u8>,
}

impl Injector {
    /// Ready to inject; `None` when the server lacks the extension.
    pub(super) fn start(display: &Display) -> Result<Option<Self>, SourceError> {
        if !display.has(xtest::X11_EXTENSION_NAME)? {
            return Ok(None);
        }
        Ok(Some(Self {
            keymap: Some(load(display, Vec::new())?),
            held: HashMap::new(),
            held_buttons: BTreeSet::new(),
        }))
    }

    /// Applies one event on a screen of this size.
    pub(super) fn inject(
        &mut self,
        display: &Display,
        (width, height): (u16, u16),
        event: &InputEvent,
    ) -> Result<(), SourceError> {
        match *event {
            InputEvent::PointerMove { x, y } => {
                let (x, y) = (x.min(width - 1) as i16, y.min(height - 1) as i16); // at most MAX_SIDE_PIXELS
                fake(display, MOTION_NOTIFY_EVENT, 0, (x, y))?;
            }
            InputEvent::Button { button, pressed } => self.button(display, button, pressed)?,
            InputEvent::Key { keysym, pressed } => self.key(display, keysym, pressed)?,
            InputEvent::Scroll { dx, dy } => {
                scroll(display, dx, SCROLL_LEFT, SCROLL_RIGHT)?;
                scroll(display, dy, SCROLL_UP, SCROLL_DOWN)?;
            }
            InputEvent::Text(text) => self.type_text(display, text.as_str())?,
        }
        display.connection.flush()?;
        Ok(())
    }

    /// The server's keyboard changed: its table is loaded anew when it is needed.
    pub(super) fn keyboard_changed(&mut self, display: &Display) -> Result<(), SourceError> {
        let lent = self.keymap.take().map_or_else(Vec::new, |keymap| keymap.lent().to_vec());
        self.keymap = Some(load(display, lent)?);
        Ok(())
    }

    /// Releases everything that is held and gives lent keys back.
    pub(super) fn let_go(&mut self, display: &Display) -> Result<(), SourceError> {
        for (_, keycode) in self.held.drain() {
            fake(display, KEY_RELEASE_EVENT, keycode, (0, 0))?;
        }
        for button in std::mem::take(&mut self.held_buttons) {
            fake(display, BUTTON_RELEASE_EVENT, button, (0, 0))?;
        }
        for keycode in self.keymap.take().iter().flat_map(Keymap::lent) {
            display.connection.change_keyboard_mapping(1, *keycode, 1, &[0])?;
        }
        display.sync()
    }

    fn button(&mut self, display: &Display, button: u8, pressed: bool) -> Result<(), SourceError> {
        if pressed {
            self.held_buttons.insert(button);
        } else {
            self.held_buttons.remove(&button);
        }
        fake(display, if pressed { BUTTON_PRESS_EVENT } else { BUTTON_RELEASE_EVENT }, button, (0, 0))
    }

    fn type_text(&mut self, display: &Display, text: &str) -> Result<(), SourceError> {
        for keysym in text.chars().map(keysym_of_char) {
            self.key(display, keysym, true)?;
            self.key(display, keysym, false)?;
        }
        Ok(())
    }

    fn key(&mut self, display: &Display, keysym: u32, pressed: bool) -> Result<(), SourceError> {
        if !pressed {
            return match self.held.remove(&keysym) {
                Some(keycode) => fake(display, KEY_RELEASE_EVENT, keycode, (0, 0)),
                None => Ok(()),
            };
        }
        let key = self.key_for(display, keysym)?;
        let undo = self.set_shift(display, keysym, key)?;
        fake(display, KEY_PRESS_EVENT, key.keycode, (0, 0))?;
        self.held.insert(keysym, key.keycode);
        for (kind, keycode) in undo {
            fake(display, kind, keycode, (0, 0))?;
        }
        Ok(())
    }

    fn key_for(&mut self, display: &Display, keysym: u32) -> Result<Key, SourceError> {
        let Some(keymap) = &mut self.keymap else { return Err(SourceError::NoKeycode { keysym }) };
        if let Some(key) = keymap.find(keysym) {
            return Ok(key);
        }
        let keycode = keymap.lend(keysym).filter(|_| keysym != 0).ok_or(SourceError::NoKeycode { keysym })?;
        self.held.retain(|_, held| *held != keycode);
        fake(display, KEY_RELEASE_EVENT, keycode, (0, 0))?;
        // The key stays lent until it is needed otherwise: programs look the mapping up some time after the key was pressed.
        display.connection.change_keyboard_mapping(1, keycode, 2, &[keysym, keysym])?.check()?;
        Ok(Key { keycode, shifted: false, either: true })
    }

    /// Makes Shift be as a printable keysym needs it, and tells what undoes that. Other keys take Shift as it is held.
    fn set_shift(&self, display: &Display, keysym: u32, key: Key) -> Result<Vec<(u8, u8)>, SourceError> {
        if key.either || char_of_keysym(keysym).is_none() {
            return Ok(Vec::new());
        }
        let held = SHIFT_KEYSYMS.iter().filter_map(|shift| self.held.get(shift)).copied();
        let held: Vec<u8> = held.collect();
        if key.shifted != held.is_empty() {
            return Ok(Vec::new());
        }
        let shift =
            self.keymap.as_ref().and_then(|keymap| keymap.find(SHIFT_KEYSYMS[0])).map(|key| key.keycode);
        let (now, undo, keycodes) = if key.shifted {
            (KEY_PRESS_EVENT, KEY_RELEASE_EVENT, shift.into_iter().collect())
        } else {
            (KEY_RELEASE_EVENT, KEY_PRESS_EVENT, held)
        };
        for keycode in &keycodes {
            fake(display, now, *keycode, (0, 0))?;
        }
        Ok(keycodes.into_iter().map(|keycode| (undo, keycode)).collect())
    }
}

fn scroll(display: &Display, notches: i16, back: u8, forth: u8) -> Result<(), SourceError> {
    let button = if notches < 0 { back } else { forth };
    for _ in 0..notches.unsigned_abs().min(MAX_SCROLL_NOTCHES) {
        fake(display, BUTTON_PRESS_EVENT, button, (0, 0))?;
        fake(display, BUTTON_RELEASE_EVENT, button, (0, 0))?;
    }
    Ok(())
}

/// Asks for one event. A server that refuses it (a button it has not) says so later, and that is ignored: it must not end
/// the sharing.
fn fake(display: &Display, kind: u8, detail: u8, (x, y): (i16, i16)) -> Result<(), SourceError> {
    display.connection.xtest_fake_input(kind, detail, x11rb::CURRENT_TIME, display.root, x, y, 0)?;
    Ok(())
}

fn load(display: &Display, lent: Vec<u8>) -> Result<Keymap, SourceError> {
    let setup = display.connection.setup();
    let (first, count) = (setup.min_keycode, setup.max_keycode - setup.min_keycode + 1);
    let table = display.connection.get_keyboard_mapping(first, count)?.reply()?;
    Ok(Keymap::new(first, table.keysyms_per_keycode, table.keysyms, lent))
}

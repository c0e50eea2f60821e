//! One key that is taken from every other program, for as long as this one runs.

use std::thread;

use x11rb::{
    connection::Connection as _,
    protocol::{
        Event,
        xproto::{ConnectionExt as _, GrabMode, ModMask},
    },
};

use super::display::Display;
use super::keymap::Keymap;
use crate::screen::SourceError;

/// With which locks the key works as well: Caps Lock and Num Lock must not stand in anybody's way.
const LOCKS: [ModMask; 2] = [ModMask::LOCK, ModMask::M2];

/// Grabs a key of the display that DISPLAY names and calls `pressed` for each press, on a thread of its own that lasts
/// until the program ends.
///
/// # Errors
/// [`SourceError`] when there is no such key, or another program has it.
pub fn watch_key(keysym: u32, pressed: impl Fn() + Send + 'static) -> Result<(), SourceError> {
    let display = Display::open(None)?;
    let keycode = find(&display, keysym)?;
    let [caps, num] = LOCKS;
    for modifiers in [ModMask::default(), caps, num, caps | num] {
        let (connection, root) = (&display.connection, display.root);
        let (pointer, keyboard) = (GrabMode::ASYNC, GrabMode::ASYNC);
        connection.grab_key(false, root, modifiers, keycode, pointer, keyboard)?.check()?;
    }
    let watch = move || {
        // An error is the display's end, and with it the screen's.
        while let Ok(event) = display.connection.wait_for_event() {
            if matches!(event, Event::KeyPress(press) if press.detail == keycode) {
                pressed();
            }
        }
    };
    thread::Builder::new().name("panic-key".to_owned()).spawn(watch).map_err(SourceError::SharedMemory)?;
    Ok(())
}

fn find(display: &Display, keysym: u32) -> Result<u8, SourceError> {
    let setup = display.connection.setup();
    let (first, last) = (setup.min_keycode, setup.max_keycode);
    let table = display.connection.get_keyboard_mapping(first, last - first + 1)?.reply()?;
    let keymap = Keymap::new(first, table.keysyms_per_keycode, table.keysyms, Vec::new());
    let key = keymap.find(keysym).map(|key| key.keycode);
    key.ok_or_else(|| SourceError::NoDisplay { reason: "the keyboard has no such key".to_owned() })
}

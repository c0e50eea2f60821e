//! Typing and pointing at somebody's screen.

use isi_client::payload::InputEvent;

use crate::screen::keysym_of_char;

/// Press and release for each character, in order; a line feed is Return.
pub fn key_strokes(text: &str) -> impl Iterator<Item = InputEvent> + '_ {
    text.chars()
        .map(keysym_of_char)
        .flat_map(|keysym| [true, false].map(|pressed| InputEvent::Key { keysym, pressed }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_press_has_its_release() {
        let events: Vec<_> = key_strokes("a\n").collect();
        let key = |keysym, pressed| InputEvent::Key { keysym, pressed };
        assert_eq!(events, [key(0x61, true), key(0x61, false), key(0xff0d, true), key(0xff0d, false)]);
    }
}

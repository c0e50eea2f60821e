//! X11 keysyms and characters (X Window System Protocol, appendix A: Latin-1 keysyms equal their code points, every other
//! character is `0x0100_0000` plus its code point).

/// Return / Enter.
pub(crate) const RETURN: u32 = 0xff0d;
/// Enter on the number pad.
pub(crate) const KEYPAD_ENTER: u32 = 0xff8d;
/// Deletes to the left.
pub(crate) const BACKSPACE: u32 = 0xff08;
/// Tabulator.
pub(crate) const TAB: u32 = 0xff09;
const UNICODE_BASE: u32 = 0x0100_0000;

/// The printable character that a key with this keysym types; `None` for keys that type none.
#[must_use]
pub fn char_of_keysym(keysym: u32) -> Option<char> {
    match keysym {
        0x20..=0x7e | 0xa0..=0xff => char::from_u32(keysym),
        0xffaa..=0xffb9 => char::from_u32(keysym - 0xff80), // number pad: * + , - . / and digits
        0x20ac => Some('€'), // the one legacy keysym that is on keyboards everywhere
        UNICODE_BASE.. => char::from_u32(keysym - UNICODE_BASE).filter(|c| !c.is_control()),
        _ => None,
    }
}

/// The keysym that types this character; line feed becomes Return.
#[must_use]
pub const fn keysym_of_char(character: char) -> u32 {
    match character {
        '\n' | '\r' => RETURN,
        '\t' => TAB,
        '\u{8}' => BACKSPACE,
        '\u{20}'..='\u{7e}' | '\u{a0}'..='\u{ff}' => character as u32,
        other => UNICODE_BASE + other as u32,
    }
}

/// A short name to show for a held key.
pub(crate) fn key_name(keysym: u32) -> String {
    let named = match keysym {
        0x20 => "Space",
        RETURN | KEYPAD_ENTER => "Enter",
        BACKSPACE => "Backspace",
        TAB => "Tab",
        0xff1b => "Esc",
        0xff51 => "Left",
        0xff52 => "Up",
        0xff53 => "Right",
        0xff54 => "Down",
        0xffe1 | 0xffe2 => "Shift",
        0xffe3 | 0xffe4 => "Ctrl",
        0xffe9 | 0xffea => "Alt",
        0xffeb | 0xffec => "Super",
        0xffff => "Del",
        _ => return char_of_keysym(keysym).map_or_else(|| format!("{keysym:#x}"), String::from),
    };
    named.to_owned()
}

/// Control, Alt, Super and their like: a key pressed with one of them is a command, not text.
pub(crate) const fn is_command_modifier(keysym: u32) -> bool {
    matches!(keysym, 0xffe3 | 0xffe4 | 0xffe7..=0xffec)
}

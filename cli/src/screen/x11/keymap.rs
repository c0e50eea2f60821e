//! Which key types which keysym, and which keys can be lent to keysyms that the keyboard has not.

/// Keys lent at once; the one lent first is lent anew when one more is needed.
const MAX_LENT_KEYS: usize = 8;

/// A key and whether Shift belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) keycode: u8,
    pub(super) shifted: bool,
    /// Shift makes no difference to this key.
    pub(super) either: bool,
}

/// The keyboard's table: some keysyms per keycode, of which the first two are without and with Shift.
pub(super) struct Keymap {
    first: u8,
    per_keycode: usize,
    keysyms: Vec<u32>,
    /// Lent keycodes, the oldest first.
    lent: Vec<u8>,
}

impl Keymap {
    /// Takes the table as the server tells it; `lent` are keys that this program changed before.
    pub(super) fn new(first: u8, per_keycode: u8, keysyms: Vec<u32>, lent: Vec<u8>) -> Self {
        Self { first, per_keycode: usize::from(per_keycode).max(1), keysyms, lent }
    }

    /// The key for a keysym, one without Shift first.
    pub(super) fn find(&self, keysym: u32) -> Option<Key> {
        [0, 1].into_iter().find_map(|level| {
            self.keys().find_map(|(keycode, keysyms)| {
                let shift_differs = keysyms.get(1).is_some_and(|other| *other != 0 && *other != keysyms[0]);
                let matches = keysyms.get(level) == Some(&keysym) && keysym != 0;
                matches.then_some(Key { keycode, shifted: level == 1, either: !shift_differs })
            })
        })
    }

    /// Chooses a key to lend to this keysym and notes it; the caller tells the server. `None`: no key is free.
    pub(super) fn lend(&mut self, keysym: u32) -> Option<u8> {
        let unused = self.keys().filter(|(_, keysyms)| keysyms.iter().all(|keysym| *keysym == 0)).last();
        let keycode = match unused {
            Some((keycode, _)) if self.lent.len() < MAX_LENT_KEYS => keycode,
            _ if self.lent.is_empty() => return None,
            _ => self.lent.remove(0),
        };
        self.lent.push(keycode);
        let start = usize::from(keycode - self.first) * self.per_keycode;
        self.keysyms[start..start + self.per_keycode].fill(0);
        self.keysyms[start] = keysym;
        Some(keycode)
    }

    /// Keycodes lent now.
    pub(super) fn lent(&self) -> &[u8] {
        &self.lent
    }

    fn keys(&self) -> impl Iterator<Item = (u8, &[u32])> {
        (self.first..=u8::MAX).zip(self.keysyms.chunks_exact(self.per_keycode))
    }
}

#[cfg(test)]
mod tests {
    //! A keyboard of four keys.

    use super::{Key, Keymap, MAX_LENT_KEYS};

    fn keymap() -> Keymap {
        let keysyms = vec![0x61, 0x41, 0xff0d, 0, 0, 0, 0x31, 0x21];
        Keymap::new(10, 2, keysyms, Vec::new())
    }

    #[test]
    fn finds_keys_and_their_shift() {
        assert_eq!(keymap().find(0x61), Some(Key { keycode: 10, shifted: false, either: false }));
        assert_eq!(keymap().find(0x21), Some(Key { keycode: 13, shifted: true, either: false }));
        assert_eq!(keymap().find(0xff0d), Some(Key { keycode: 11, shifted: false, either: true }));
        assert_eq!(keymap().find(0x62), None);
        assert_eq!(keymap().find(0), None);
    }

    #[test]
    fn lends_unused_keys_only_and_the_oldest_again() {
        let mut keymap = keymap();
        assert_eq!(keymap.lend(0x0100_65e5), Some(12));
        assert_eq!(keymap.find(0x0100_65e5).map(|key| key.keycode), Some(12));
        assert_eq!(keymap.lend(0x0100_672c), Some(12), "the only one lent is lent anew");
        assert_eq!(keymap.find(0x0100_65e5), None);
        assert_eq!(keymap.lent(), [12]);
    }

    #[test]
    fn lends_none_where_none_is_free() {
        assert_eq!(Keymap::new(10, 1, vec![0x61, 0x62], Vec::new()).lend(0x63), None);
    }

    #[test]
    fn lends_at_most_so_many() {
        let mut keymap = Keymap::new(100, 1, vec![0; 40], Vec::new());
        let codes: std::collections::BTreeSet<_> = (1..=100).map(|keysym| keymap.lend(keysym)).collect();
        assert_eq!(codes.len(), MAX_LENT_KEYS);
    }
}

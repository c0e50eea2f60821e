//! Looks through another process' memory, `/proc/PID/mem` (proc(5)), which the system allows with one's own children.

use std::collections::HashSet;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

/// A key has 32 random bytes, and of those nearly always more than this many different ones.
const DIFFERENT_BYTES_MIN: usize = 22;
const KEY_BYTES: usize = 32;
/// Keys stand at multiples of this: in allocations of their own, or beside pointers and numbers.
const ALIGNMENT: usize = 4;

/// Something to look for.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) name: &'static str,
    what: What,
}

#[derive(Clone)]
enum What {
    Bytes([u8; KEY_BYTES]),
    /// The secret of this public key, whatever it is.
    X25519([u8; KEY_BYTES]),
    Ed25519([u8; KEY_BYTES]),
}

/// How often something was found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    plain: usize,
    /// As the list of numbers that the store of private keys keeps.
    as_text: usize,
}

impl Found {
    pub(crate) const fn times(self) -> usize {
        self.plain + self.as_text
    }
}

impl Wanted {
    pub(crate) fn bytes(name: &'static str, bytes: &[u8]) -> Self {
        Self { name, what: What::Bytes(bytes.try_into().unwrap()) }
    }

    pub(crate) fn x25519(name: &'static str, public_key: &[u8]) -> Self {
        Self { name, what: What::X25519(public_key.try_into().unwrap()) }
    }

    pub(crate) fn ed25519(name: &'static str, public_key: &[u8]) -> Self {
        Self { name, what: What::Ed25519(public_key.try_into().unwrap()) }
    }

    fn is(&self, candidate: &[u8; KEY_BYTES]) -> bool {
        match &self.what {
            What::Bytes(bytes) => candidate == bytes,
            What::X25519(public) => {
                x25519_dalek::x25519(*candidate, x25519_dalek::X25519_BASEPOINT_BYTES) == *public
            }
            What::Ed25519(public) => {
                ed25519_dalek::SigningKey::from_bytes(candidate).verifying_key().as_bytes() == public
            }
        }
    }
}

/// What was in a process' writable memory when it was looked at.
pub(crate) struct Memory(Vec<Vec<u8>>);

impl Memory {
    pub(crate) fn of(process: u32) -> Self {
        let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
        let memory = File::open(format!("/proc/{process}/mem")).unwrap();
        let read = |range: Range<u64>| {
            let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap()];
            memory.read_exact_at(&mut bytes, range.start).ok().map(|()| bytes)
        };
        let pieces: Vec<_> = maps.lines().filter_map(writable_range).filter_map(read).collect();
        assert!(pieces.iter().map(Vec::len).sum::<usize>() > 100_000, "nothing could be read");
        Self(pieces)
    }

    pub(crate) fn search(&self, wanted: &[Wanted]) -> Vec<Found> {
        let mut found = vec![Found::default(); wanted.len()];
        let mut seen = HashSet::new();
        let by_bytes = |wanted: &Wanted| matches!(wanted.what, What::Bytes(_));
        for piece in &self.0 {
            for (at, window) in piece.windows(KEY_BYTES).enumerate().filter(|(_, window)| is_keylike(window))
            {
                count(window, wanted, &mut found, by_bytes);
                // Trying a private key takes its time: each once, and where keys stand.
                if at.is_multiple_of(ALIGNMENT)
                    && !wanted.iter().all(by_bytes)
                    && seen.insert(window.to_vec())
                {
                    count(window, wanted, &mut found, |wanted| !by_bytes(wanted));
                }
            }
            for list in lists(piece) {
                for (wanted, found) in wanted.iter().zip(&mut found) {
                    found.as_text += usize::from(wanted.is(&list));
                }
            }
        }
        found
    }
}

fn count(window: &[u8], wanted: &[Wanted], found: &mut [Found], which: impl Fn(&Wanted) -> bool) {
    let candidate = window.try_into().unwrap();
    for (wanted, found) in wanted.iter().zip(found).filter(|(wanted, _)| which(wanted)) {
        found.plain += usize::from(wanted.is(&candidate));
    }
}

/// Neither mostly zeros, pointers and counts, nor text.
fn is_keylike(window: &[u8]) -> bool {
    let mut seen = [false; 256];
    let mut different = 0;
    let mut printable = 0;
    for byte in window {
        different += usize::from(!std::mem::replace(&mut seen[usize::from(*byte)], true));
        printable += usize::from(byte.is_ascii_graphic());
    }
    different >= DIFFERENT_BYTES_MIN && printable < window.len()
}

/// Lists of 32 numbers below 256 in text.
fn lists(piece: &[u8]) -> Vec<[u8; KEY_BYTES]> {
    let starts = piece.iter().enumerate().filter(|(_, byte)| **byte == b'[').map(|(at, _)| at + 1);
    let list = |start: usize| {
        let text = piece.get(start..piece.len().min(start + 4 * KEY_BYTES))?;
        let end = text.iter().position(|byte| *byte == b']')?;
        let text = std::str::from_utf8(text.get(..end)?).ok()?;
        let numbers: Option<Vec<u8>> = text.split(',').map(|number| number.parse().ok()).collect();
        numbers?.try_into().ok()
    };
    starts.filter_map(list).collect()
}

fn writable_range(line: &str) -> Option<Range<u64>> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    fields.next()?.starts_with("rw").then_some(())?;
    Some(u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?)
}

//! Sealing and opening as ratios to the primitives they are made of, each measured right beside the other, so that neither a busy
//! machine nor a changing clock tells them apart.

use super::{NOW, keyring};
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Tag};
use ed25519_dalek::{Signature, Signer, SigningKey};
use isi_e2ee::{Expected, LeafIndex, Opener, SealMeta, Sealer, Transport};
use isi_wire::{TrackId, TrackKind};
use sha2::{Digest, Sha256};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// A signed frame, and an input event.
const CASES: [(&str, usize, TrackKind, usize); 2] =
    [("frame", 64 * 1024, TrackKind::Screen, 4_000), ("input", 64, TrackKind::Input, 10_000)];
const META: SealMeta = SealMeta { group: 1, keyframe: false };
/// Header and bound data of an object, about.
const HEADER_BYTES: usize = 13;
const BOUND_BYTES: usize = 110;
const LABEL_BYTES: usize = 14;

/// The least that an object of the format needs.
struct Primitives {
    aead: ChaCha20Poly1305,
    key: SigningKey,
    bound: [u8; BOUND_BYTES],
    message: Vec<u8>,
    /// Header, and plaintext or ciphertext: both ways in place, so nothing is copied.
    sealed: Vec<u8>,
    tag: Tag,
    signature: Signature,
}

impl Primitives {
    fn new(size: usize) -> Self {
        Self {
            aead: ChaCha20Poly1305::new(&[1; 32].into()),
            key: SigningKey::from_bytes(&[2; 32]),
            bound: [3; BOUND_BYTES],
            message: vec![4; LABEL_BYTES + BOUND_BYTES + 32],
            sealed: vec![5; HEADER_BYTES + size],
            tag: Tag::default(),
            signature: Signature::from_bytes(&[0; 64]),
        }
    }

    fn hash(&mut self) {
        let hash = Sha256::new().chain_update(&self.sealed).chain_update(self.tag).finalize();
        self.message[LABEL_BYTES + BOUND_BYTES..].copy_from_slice(&hash);
    }

    fn seal(&mut self) {
        let data = (&mut self.sealed[HEADER_BYTES..]).into();
        self.tag = self.aead.encrypt_inout_detached(&[0; 12].into(), &self.bound, data).expect("encrypted");
        self.hash();
        self.signature = self.key.sign(&self.message);
    }

    /// Of what was sealed last.
    fn open(&mut self) {
        self.hash();
        self.key.verifying_key().verify_strict(&self.message, &self.signature).expect("right");
        let data = (&mut self.sealed[HEADER_BYTES..]).into();
        self.aead.decrypt_inout_detached(&[0; 12].into(), &self.bound, data, &self.tag).expect("right");
    }
}

/// One row of the table.
struct Row {
    ours: Vec<Duration>,
    primitives: Vec<Duration>,
}

impl Row {
    const fn new() -> Self {
        Self { ours: Vec::new(), primitives: Vec::new() }
    }

    fn show(mut self, name: &str, size: usize) {
        self.ours.sort_unstable();
        self.primitives.sort_unstable();
        let us = |times: &[Duration], percent: usize| {
            let at = (times.len() - 1) * percent / 100;
            times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e6)
        };
        let (ours, primitives) = (us(&self.ours, 50), us(&self.primitives, 50));
        let (least, least_primitives) = (us(&self.ours, 1), us(&self.primitives, 1));
        println!(
            "{name:<12} {size:>6} B {ours:>9.2} us {primitives:>9.2} us {:>7.3} {:>7.3}",
            ours / primitives,
            least / least_primitives
        );
    }
}

fn timed(times: &mut Vec<Duration>, call: impl FnOnce()) {
    let start = Instant::now();
    call();
    times.push(start.elapsed());
}

/// Prints the table.
pub(crate) fn print() {
    println!("\n                           median  primitives   ratio  ratio of the fastest 1 %");
    for (name, size, kind, rounds) in CASES {
        let plaintext = vec![0x5a; size];
        let mut sealer = Sealer::new(&keyring(0), TrackId(1), kind).expect("the track is new");
        let mut opener = Opener::new(&keyring(1), LeafIndex(0), TrackId(1), kind);
        let expected = Expected { group: Some(META.group), transport: Transport::Stream };
        let mut primitives = Primitives::new(size);
        let (mut seal, mut open) = (Row::new(), Row::new());
        for _ in 0..rounds {
            let mut object = None;
            timed(&mut seal.ours, || object = Some(sealer.seal(NOW, META, &plaintext).expect("sealed")));
            timed(&mut seal.primitives, || primitives.seal());
            let object = object.expect("sealed");
            timed(&mut open.ours, || {
                black_box(opener.open(NOW, expected, object).expect("opened"));
            });
            timed(&mut open.primitives, || primitives.open());
        }
        seal.show(&format!("seal {name}"), size);
        open.show(&format!("open {name}"), size);
    }
}

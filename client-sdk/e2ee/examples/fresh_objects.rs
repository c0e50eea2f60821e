//! Writes objects sealed just now, with random keys that nothing else uses and everything that made them, as JSON for
//! `tests/verifier/verify_objects.py`. `ISI_SEED` repeats a run but for private objects, whose agreement draws its own randomness.

#![expect(clippy::unwrap_used, reason = "a test program that cannot go on has nothing to write")]

#[path = "../tests/objects/vector_file.rs"]
mod vector_file;

use isi_e2ee::{LeafIndex, PrivateContext, PrivateKeys};
use isi_wire::TrackKind;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use vector_file::{Case, hex, written};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

const GROUP_CASES: usize = 40;
const PRIVATE_CASES: usize = 20;

/// SHA-256 of seed and a counter.
struct Random(u64, u64);

impl Random {
    fn block(&mut self) -> [u8; 32] {
        self.1 += 1;
        Sha256::digest([self.0.to_be_bytes(), self.1.to_be_bytes()].concat()).into()
    }

    fn number(&mut self) -> u64 {
        self.block().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }

    fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// Small numbers and large ones alike.
    fn any_size(&mut self, bits: u64) -> u64 {
        let shift = 64 - bits + self.below(bits);
        self.number() >> shift
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            bytes.extend_from_slice(&self.block());
        }
        bytes.truncate(len);
        bytes
    }

    fn case(&mut self) -> Case {
        let mut group = self.any_size(61);
        let objects = (0..1 + self.below(12)).map(|_| {
            group += self.below(2) * self.any_size(40);
            let len = self.any_size(12) as usize;
            (group, self.below(2) == 0, self.bytes(len))
        });
        let objects = objects.collect();
        Case {
            group_id: self.bytes(32),
            base: self.block(),
            media_seed: self.block(),
            epoch: self.any_size(40),
            leaf: self.any_size(16) as u16,
            track: self.any_size(32) as u32,
            kind: TrackKind::ALL[self.below(TrackKind::ALL.len() as u64) as usize],
            padded: self.below(2) == 0,
            objects,
        }
    }

    fn private_case(&mut self) -> Value {
        let case = self.case();
        let context = PrivateContext {
            group_id: case.group_id.clone(),
            epoch: case.epoch,
            from: LeafIndex(case.leaf),
            to: LeafIndex(case.leaf.wrapping_add(1)),
            context_id: self.bytes(16).try_into().unwrap(),
        };
        let (psk, receiver) = (Zeroizing::new(self.block()), StaticSecret::from(self.block()));
        let public_key = PublicKey::from(&receiver).to_bytes();
        let (enc, keys) = PrivateKeys::agree(&psk, context.clone(), &public_key).unwrap();
        let mut value = written(&case, Some(keys));
        value["private"] = json!({
            "group_id": hex(&context.group_id),
            "epoch": context.epoch,
            "from": context.from.0,
            "to": context.to.0,
            "context_id": hex(&context.context_id),
            "psk": hex(&*psk),
            "receiver_secret_key": hex(receiver.as_bytes()),
            "enc": hex(&enc),
        });
        value
    }
}

fn main() {
    let seed = std::env::var("ISI_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| getrandom::u64().unwrap());
    eprintln!("ISI_SEED={seed}");
    let mut random = Random(seed, 0);
    let mut cases: Vec<_> = (0..GROUP_CASES).map(|_| written(&random.case(), None)).collect();
    cases.extend((0..PRIVATE_CASES).map(|_| random.private_case()));
    println!("{}", Value::from(cases));
}

//! Sealing (encrypt, hash, sign) and opening (verify, decrypt, replay check) of one object, beside the primitives it is made of;
//! at the end a table of the ratios between them. `cargo bench -p isi-benches --bench objects -- ratio` prints the table alone.

#![expect(clippy::expect_used, reason = "a bench that cannot go on has nothing to report")]

mod ratio;

use bytes::Bytes;
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group};
use ed25519_dalek::{Signer, SigningKey};
use isi_e2ee::{
    EpochInput, EpochSwitch, Expected, Keyring, LeafIndex, MonotonicMs, Opener, SealMeta, Sealer, Transport,
};
use isi_wire::{TrackId, TrackKind};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const SIZES_BYTES: [usize; 4] = [64, 1200, 64 * 1024, 1024 * 1024];
const NOW: MonotonicMs = MonotonicMs(0);
const TRACK: TrackId = TrackId(1);
const KIND: TrackKind = TrackKind::Screen;
/// Everything in one media group: its index rises for as long as the bench runs.
const META: SealMeta = SealMeta { group: 1, keyframe: false };

/// The keys of a member of a two-person group in its first epoch.
fn keyring(own_leaf: u16) -> Keyring {
    let media_key = |leaf: u16| SigningKey::from_bytes(&[leaf as u8 + 1; 32]);
    let keyring = Keyring::new();
    keyring.install(
        EpochInput {
            group_id: vec![7; 32],
            epoch: 1,
            base: Zeroizing::new([9; 32]),
            own_leaf: LeafIndex(own_leaf),
            own_media_key: media_key(own_leaf),
            media_keys: (0..2)
                .map(|leaf| (LeafIndex(leaf), media_key(leaf).verifying_key().to_bytes()))
                .collect(),
            change: EpochSwitch::First,
        },
        NOW,
    );
    keyring
}

fn seal(c: &mut Criterion) {
    let mut group = c.benchmark_group("object/seal");
    for size in SIZES_BYTES {
        let plaintext = vec![0x5a; size];
        let mut sealer = Sealer::new(&keyring(0), TRACK, KIND).expect("the track is new");
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter(|| sealer.seal(NOW, META, &plaintext).expect("sealed"));
        });
    }
    group.finish();
}

fn open(c: &mut Criterion) {
    let mut group = c.benchmark_group("object/open");
    for size in SIZES_BYTES {
        let plaintext = vec![0x5a; size];
        let mut sealer = Sealer::new(&keyring(0), TRACK, KIND).expect("the track is new");
        let mut opener = Opener::new(&keyring(1), LeafIndex(0), TRACK, KIND);
        let expected = Expected { group: Some(META.group), transport: Transport::Stream };
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            // Each object opens once only, so each needs a fresh one; making it is not measured.
            b.iter_batched(
                || sealer.seal(NOW, META, &plaintext).expect("sealed"),
                |object: Bytes| opener.open(NOW, expected, object).expect("opened"),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// What no implementation of the format can go below on this machine.
fn primitives(c: &mut Criterion) {
    let mut group = c.benchmark_group("object/primitives");
    let aead = ChaCha20Poly1305::new(&[1; 32].into());
    let key = SigningKey::from_bytes(&[2; 32]);
    for size in SIZES_BYTES {
        let mut data = vec![0x5a; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("aead+sha256+sign", size), |b| {
            b.iter(|| {
                let tag = aead
                    .encrypt_inout_detached(&[0; 12].into(), &[0; 100], data.as_mut_slice().into())
                    .expect("encrypted");
                let hash = Sha256::new().chain_update(&data).chain_update(tag).finalize();
                key.sign(&hash)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, seal, open, primitives);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    // `cargo test --benches` only sees whether it starts.
    if std::env::args().any(|argument| argument == "--bench") {
        ratio::print();
    }
}

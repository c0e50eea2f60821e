//! The object format byte by byte: `vectors/objects.json` is what every implementation must produce and open.
//!
//! `ISI_WRITE_VECTORS=1 cargo test -p isi-e2ee --test objects vectors` writes the file anew after the format
//! was changed on purpose.

use crate::world::at;
use ed25519_dalek::SigningKey;
use isi_e2ee::{EpochInput, EpochSwitch, Expected, Keyring, LeafIndex, Opener, SealMeta, Sealer, Transport};
use isi_wire::{TrackId, TrackKind};
use serde_json::{Value, json};
use zeroize::Zeroizing;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/objects.json");

/// One sealer's whole run: keys, then objects in order.
struct Case {
    epoch: u64,
    leaf: u16,
    track: u32,
    kind: TrackKind,
    objects: Vec<(u64, bool, Vec<u8>)>,
}

fn cases() -> Vec<Case> {
    let bytes = |len: usize| (0..len).map(|at| at as u8).collect::<Vec<_>>();
    vec![
        Case { epoch: 0, leaf: 0, track: 0, kind: TrackKind::Screen, objects: vec![(0, true, vec![])] },
        Case {
            epoch: 5,
            leaf: 1,
            track: 7,
            kind: TrackKind::Screen,
            objects: vec![
                (3, true, bytes(100)),
                (3, false, bytes(1)),
                (70_000, true, b"next group".to_vec()),
            ],
        },
        Case {
            epoch: 0x1_0005,
            leaf: 999,
            track: u32::MAX,
            kind: TrackKind::Input,
            // Ten of them, so that the counter leaves the config byte.
            objects: (0..10).map(|_| (1, false, b"key".to_vec())).collect(),
        },
        Case {
            epoch: 1,
            leaf: 2,
            track: 1,
            kind: TrackKind::Document,
            objects: vec![(1, false, bytes(1_000))],
        },
    ]
}

const GROUP_ID: [u8; 16] = *b"vector group id.";
const BASE: [u8; 32] = [0xb0; 32];
const MEDIA_SEED: [u8; 32] = [0x5e; 32];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn keyring(group_id: &[u8], base: [u8; 32], seed: [u8; 32], epoch: u64, leaf: LeafIndex) -> Keyring {
    let keyring = Keyring::new();
    let media_key = SigningKey::from_bytes(&seed);
    let input = EpochInput {
        group_id: group_id.to_vec(),
        epoch,
        base: Zeroizing::new(base),
        own_leaf: leaf,
        media_keys: vec![(leaf, media_key.verifying_key().to_bytes())],
        own_media_key: media_key,
        change: EpochSwitch::First,
    };
    keyring.install(input, at(0));
    keyring
}

fn written(case: &Case) -> Value {
    let keyring = keyring(&GROUP_ID, BASE, MEDIA_SEED, case.epoch, LeafIndex(case.leaf));
    let mut sealer = Sealer::new(&keyring, TrackId(case.track), case.kind).unwrap();
    let objects = case.objects.iter().map(|(group, keyframe, plaintext)| {
        let meta = SealMeta { group: *group, keyframe: *keyframe };
        let object = sealer.seal(at(0), meta, plaintext).unwrap();
        json!({ "group": group, "keyframe": keyframe, "plaintext": hex(plaintext), "object": hex(&object) })
    });
    json!({
        "group_id": hex(&GROUP_ID),
        "epoch": case.epoch,
        "base": hex(&BASE),
        "leaf": case.leaf,
        "media_secret_key": hex(&MEDIA_SEED),
        "media_public_key": hex(&SigningKey::from_bytes(&MEDIA_SEED).verifying_key().to_bytes()),
        "track": case.track,
        "kind": case.kind as u8,
        "objects": objects.collect::<Vec<_>>(),
    })
}

fn read() -> Vec<Value> {
    serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap()
}

#[test]
fn vectors_are_what_this_version_seals() {
    let fresh: Vec<_> = cases().iter().map(written).collect();
    if std::env::var_os("ISI_WRITE_VECTORS").is_some() {
        std::fs::write(FILE, serde_json::to_string_pretty(&fresh).unwrap() + "\n").unwrap();
    }
    assert_eq!(fresh, read(), "the object format changed");
}

/// Opened by nothing but what the file says.
#[test]
fn vectors_open_to_their_plaintexts() {
    let vectors = read();
    assert_eq!(vectors.len(), cases().len());
    for vector in vectors {
        let number = |value: &Value, name: &str| value[name].as_u64().unwrap();
        let array = |name: &str| <[u8; 32]>::try_from(unhex(&vector[name])).unwrap();
        let leaf = LeafIndex(number(&vector, "leaf").try_into().unwrap());
        let track = TrackId(number(&vector, "track").try_into().unwrap());
        let kind = TrackKind::try_from(number(&vector, "kind") as u8).unwrap();
        let epoch = number(&vector, "epoch");
        let keyring =
            keyring(&unhex(&vector["group_id"]), array("base"), array("media_secret_key"), epoch, leaf);
        let mut opener = Opener::new(&keyring, leaf, track, kind);
        for object in vector["objects"].as_array().unwrap() {
            let group = number(object, "group");
            let expected = Expected { group: Some(group), transport: Transport::Stream };
            let opened = opener.open(at(0), expected, unhex(&object["object"]).into()).unwrap();
            assert_eq!(opened.plaintext, unhex(&object["plaintext"]));
            assert_eq!((opened.group, Some(opened.keyframe)), (group, object["keyframe"].as_bool()));
        }
    }
}

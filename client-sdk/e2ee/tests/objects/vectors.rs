//! The object format byte by byte: `vectors/objects.json` is what every implementation must produce and open.
//!
//! `tests/verifier/verify_objects.py` of the project checks the file, and fresh objects, without any Rust.
//!
//! `ISI_WRITE_VECTORS=1 cargo test -p isi-e2ee --test objects vectors` writes the file anew after the format
//! was changed on purpose.

use crate::vector_file::{Case, keyring, written};
use crate::world::at;
use isi_e2ee::{Expected, LeafIndex, Opener, Transport};
use isi_wire::{TrackId, TrackKind};
use serde_json::Value;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/objects.json");

fn cases() -> Vec<Case> {
    let bytes = |len: usize| (0..len).map(|at| at as u8).collect::<Vec<_>>();
    let case = |epoch, leaf, track, kind, objects| Case {
        group_id: b"vector group id.".to_vec(),
        base: [0xb0; 32],
        media_seed: [0x5e; 32],
        epoch,
        leaf,
        track,
        kind,
        padded: false,
        objects,
    };
    vec![
        case(0, 0, 0, TrackKind::Screen, vec![(0, true, vec![])]),
        case(
            5,
            1,
            7,
            TrackKind::Screen,
            vec![(3, true, bytes(100)), (3, false, bytes(1)), (70_000, true, b"next group".to_vec())],
        ),
        // Ten of them, so that the counter leaves the config byte.
        case(
            0x1_0005,
            999,
            u32::MAX,
            TrackKind::Input,
            (0..10).map(|_| (1, false, b"key".to_vec())).collect(),
        ),
        case(1, 2, 1, TrackKind::Document, vec![(1, false, bytes(1_000))]),
        Case {
            padded: true,
            ..case(
                2,
                3,
                4,
                TrackKind::Message,
                vec![
                    (0, true, vec![]),
                    (0, false, vec![0x80, 0]),
                    (0, false, bytes(300)),
                    (0, false, bytes(1_000)),
                ],
            )
        },
    ]
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn read() -> Vec<Value> {
    serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap()
}

#[test]
fn vectors_are_what_this_version_seals() {
    let fresh: Vec<_> = cases().iter().map(|case| written(case, None)).collect();
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
            keyring(&unhex(&vector["group_id"]), array("base"), array("media_secret_key"), epoch, leaf, None);
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

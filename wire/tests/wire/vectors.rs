//! `vectors/wire.json` is what SPEC.md points strangers to: it must say what this crate does, byte by byte.
//!
//! After a deliberate change of the wire: `ISI_WRITE_VECTORS=1 cargo test -p isi-wire --test wire`.

use crate::samples::{DECODERS, samples};
use bytes::Bytes;
use serde_json::{Value, json};
use std::path::PathBuf;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors/wire.json")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn decode(codec: &str, bytes: Vec<u8>) -> Result<Vec<u8>, isi_wire::DecodeError> {
    let (_, decoder) = DECODERS.iter().find(|(name, _)| *name == codec).unwrap();
    decoder(Bytes::from(bytes))
}

/// What a peer may not send, and what is wrong with it.
const REFUSED: &[(&str, &str, &str)] = &[
    ("client_message", "empty leave with a trailing byte", "0c0100"),
    ("client_message", "frame cut short", "0804"),
    ("client_message", "unknown type", "3f00"),
    ("client_message", "type in a longer form than needed", "400c00"),
    ("client_message", "alias above 32 bits", "0808c000000100000000"),
    ("client_message", "kind 0", "0406070100040000"),
    ("client_message", "class 6", "0406070101060000"),
    ("client_message", "audience 3", "040507010104 03"),
    ("client_message", "token of 4097 bytes claimed", "0303075001"),
    ("relay_message", "directed neither 0 nor 1", "40480e412c112233445566778801010402"),
    ("relay_message", "loss of more than all", "404d11412c0101 1122334455667788 01 01 43e9 00"),
    ("relay_message", "report of more than 8 receivers claimed", "404d04412c0909"),
    ("log_upload", "a commit sent as an append", "010401040000"),
    ("group_stream", "offset on a media group", "02412c050401"),
    ("group_stream", "unknown stream type", "03"),
    ("datagram", "no object", "412c"),
    ("object_header", "unknown flag", "0001080000"),
    ("object_header", "key id with a leading zero byte", "800701000000"),
];

#[test]
fn the_file_says_what_the_crate_does() {
    let valid: Vec<Value> = samples()
        .iter()
        .map(|s| json!({"codec": s.codec, "name": s.name, "fields": s.debug, "hex": hex(&s.bytes)}))
        .collect();
    let refused: Vec<Value> = REFUSED
        .iter()
        .map(|(codec, why, bytes)| {
            let bytes = bytes.replace(' ', "");
            let error = decode(codec, unhex(&bytes)).expect_err(why);
            json!({"codec": codec, "why": why, "hex": bytes, "error": error.to_string()})
        })
        .collect();
    let current = json!({"alpn": "isi/1", "valid": valid, "refused": refused});
    if std::env::var_os("ISI_WRITE_VECTORS").is_some() {
        std::fs::write(path(), serde_json::to_string_pretty(&current).unwrap() + "\n").unwrap();
    }
    let file: Value = serde_json::from_slice(&std::fs::read(path()).unwrap()).unwrap();
    assert_eq!(file, current, "the wire changed: is it a new ALPN?");
}

#[test]
fn every_valid_vector_decodes_and_encodes_to_itself() {
    let file: Value = serde_json::from_slice(&std::fs::read(path()).unwrap()).unwrap();
    let vectors = file["valid"].as_array().unwrap();
    assert!(vectors.len() > 30);
    for vector in vectors {
        let bytes = unhex(vector["hex"].as_str().unwrap());
        let again = decode(vector["codec"].as_str().unwrap(), bytes.clone());
        assert_eq!(again, Ok(bytes), "{}", vector["name"]);
    }
}

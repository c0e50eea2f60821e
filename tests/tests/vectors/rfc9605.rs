//! SFrame (RFC 9605): the header with `isi_wire`'s codec, keys, salts and nonces with the functions that seal objects. The
//! registered suites have AES in place of our AEAD, so ciphertexts stay out; the derivation differs in suite id and key length alone.

use crate::files::{Fields, load};
use bytes::Bytes;
use isi_e2ee::sframe;
use isi_wire::{DecodeError, SframeHeader};

/// SHA-256 suites of the registry: AES-128-CTR with three tag lengths, and AES-128-GCM. The others hash with SHA-512.
const SHA256_SUITES: [u64; 4] = [1, 2, 3, 4];

#[test]
fn rfc9605_headers_are_written_and_read() {
    let file = load("rfc9605.json");
    let headers = file.list("header");
    assert!(headers.len() > 200);
    for vector in headers {
        let header = SframeHeader { key_id: vector.number("kid"), counter: vector.number("ctr") };
        let encoded = vector.hex("encoded");
        let mut written = Vec::new();
        header.encode(&mut written);
        assert_eq!(written, encoded, "{header:?}");
        let mut rest = Bytes::from([&encoded[..], b"rest"].concat());
        assert_eq!(SframeHeader::decode(&mut rest), Ok(header));
        assert_eq!(rest, "rest");
        for cut in 0..encoded.len() {
            let mut cut = Bytes::copy_from_slice(&encoded[..cut]);
            assert_eq!(SframeHeader::decode(&mut cut), Err(DecodeError::Truncated));
        }
    }
}

#[test]
fn rfc9605_keys_salts_and_nonces_are_derived() {
    let file = load("rfc9605.json");
    let mut suites = Vec::new();
    for vector in file.list("sframe") {
        let suite = vector.number("cipher_suite");
        if !SHA256_SUITES.contains(&suite) {
            continue;
        }
        let (key_id, counter) = (vector.number("kid"), vector.number("ctr"));
        let expected = vector.hex("sframe_key");
        let (mut key, mut salt) = (vec![0; expected.len()], [0; sframe::NONCE_BYTES]);
        sframe::derive(&vector.hex("base_key"), key_id, suite as u16, &mut key, &mut salt);
        assert_eq!((key, salt.to_vec()), (expected, vector.hex("sframe_salt")), "suite {suite}");
        assert_eq!(sframe::nonce(&salt, counter)[..], vector.hex("nonce"));
        // What stands before the metadata in the additional data is the header.
        let mut header = Vec::new();
        SframeHeader { key_id, counter }.encode(&mut header);
        assert_eq!([header, vector.hex("metadata")].concat(), vector.hex("aad"));
        suites.push(suite);
    }
    assert_eq!(suites, SHA256_SUITES);
}

//! RFC 9420, what is read: lengths, trees and messages.

use crate::files::{Fields, load};
use bytes::Bytes;
use isi_wire::get_varint;
use openmls::prelude::tls_codec::{Deserialize, VLBytes};
use openmls::prelude::*;
use openmls_rust_crypto::RustCrypto;

const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519;

#[test]
fn rfc9420_deserialization() {
    let vectors = load("rfc9420/deserialization.json");
    for vector in vectors.as_array().unwrap() {
        let (header, length) = (vector.hex("vlbytes_header"), vector.number("length"));
        let bytes = [header.clone(), vec![0; length as usize]].concat();
        let read = VLBytes::tls_deserialize_exact(&bytes[..]).unwrap();
        assert_eq!(read.as_slice().len() as u64, length);
        let mut varint = Bytes::from(header);
        assert_eq!(get_varint(&mut varint), Ok(length));
        assert!(varint.is_empty());
    }
}

fn leaf_signatures_hold(tree: Vec<u8>, group_id: &[u8]) -> bool {
    let tree = RatchetTreeIn::tls_deserialize_exact(&tree[..]).unwrap();
    tree.into_verified(SUITE, &RustCrypto::default(), &GroupId::from_slice(group_id)).is_ok()
}

#[test]
fn rfc9420_tree_validation() {
    for (number, vector) in load("rfc9420/tree-validation.json").as_array().unwrap().iter().enumerate() {
        assert!(leaf_signatures_hold(vector.hex("tree"), &vector.hex("group_id")), "tree {number}");
        // Leaves of updates and commits are signed for their group alone.
        assert!(!leaf_signatures_hold(vector.hex("tree"), b"another group"), "tree {number}");
    }
}

#[test]
fn rfc9420_treekem() {
    for (number, vector) in load("rfc9420/treekem.json").as_array().unwrap().iter().enumerate() {
        let tree = vector.hex("ratchet_tree");
        assert!(leaf_signatures_hold(tree.clone(), &vector.hex("group_id")), "tree {number}");
        let mut damaged = tree;
        // The last byte before the end belongs to a signature or a hash of the last node.
        *damaged.last_mut().unwrap() ^= 1;
        let read = RatchetTreeIn::tls_deserialize_exact(&damaged[..]);
        let group_id = GroupId::from_slice(&vector.hex("group_id"));
        let verified = read.map(|tree| tree.into_verified(SUITE, &RustCrypto::default(), &group_id));
        assert!(!matches!(verified, Ok(Ok(_))), "tree {number}");
    }
}

#[test]
fn rfc9420_message_protection() {
    for vector in load("rfc9420/message-protection.json").as_array().unwrap() {
        for (name, content) in [
            ("proposal_pub", ContentType::Proposal),
            ("proposal_priv", ContentType::Proposal),
            ("commit_pub", ContentType::Commit),
            ("commit_priv", ContentType::Commit),
            ("application_priv", ContentType::Application),
        ] {
            let message = MlsMessageIn::tls_deserialize_exact(&vector.hex(name)[..]).unwrap();
            let message = message.try_into_protocol_message().unwrap();
            assert_eq!(message.group_id().as_slice(), vector.hex("group_id"), "{name}");
            assert_eq!(message.epoch().as_u64(), vector.number("epoch"), "{name}");
            assert_eq!(message.content_type(), content, "{name}");
        }
    }
}

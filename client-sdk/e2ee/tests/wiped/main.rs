//! Keys whose time is over are gone from memory: looked for in another process, which has them only through the product.
//!
//! This process holds a member that uses OpenMLS alone, so it knows the epochs' secrets. It starts itself once more as the
//! [`product`], gives it commands, and searches its memory ([`search`]): for secrets by their bytes, for private keys by
//! trying all that is there against the public key. Every search has a control: what is there and is found.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod product;
#[path = "../group/rogue.rs"]
#[expect(dead_code, reason = "shared with the tests of the group")]
mod rogue;
mod search;
#[path = "../group/world.rs"]
#[expect(dead_code, reason = "shared with the tests of the group")]
mod world;

use hkdf::Hkdf;
use isi_e2ee::{Invitation, SUITE_ID};
use openmls::prelude::*;
use openmls_rust_crypto::OpenMlsRustCrypto;
use product::Product;
use rogue::{Leaf, Rogue, join_request};
use search::{Found, Memory, Wanted};
use sha2::Sha256;

/// An epoch's secrets, as any member knows them.
struct Epoch {
    base: Vec<u8>,
    object_key: [u8; 32],
    exporter: Vec<u8>,
}

impl Epoch {
    fn of(member: &Rogue, sender: u16) -> Self {
        let crypto = member.provider.crypto();
        let base = member.mls.export_secret(crypto, "ISI base v1", &SUITE_ID.to_be_bytes(), 32).unwrap();
        let key_id =
            u64::from(product::TRACK.0) << 32 | u64::from(sender) << 16 | member.mls.epoch().as_u64();
        let mut object_key = [0; 32];
        let info = [&b"SFrame 1.0 Secret key "[..], &key_id.to_be_bytes(), &SUITE_ID.to_be_bytes()].concat();
        Hkdf::<Sha256>::new(Some(&[]), &base).expand(&info, &mut object_key).unwrap();
        Self { base, object_key, exporter: exporter_secret(member) }
    }

    fn wanted(&self) -> [Wanted; 3] {
        [
            Wanted::bytes("the base of the objects' keys", &self.base),
            Wanted::bytes("an object key", &self.object_key),
            Wanted::bytes("the MLS exporter secret", &self.exporter),
        ]
    }
}

/// From what OpenMLS's own storage keeps of the epoch, for which there is no call.
fn exporter_secret(member: &Rogue) -> Vec<u8> {
    let values = member.provider.storage().values.read().unwrap();
    let texts = values.values().filter_map(|value| std::str::from_utf8(value).ok());
    let secrets = texts.filter(|text| text.contains("exporter_secret"));
    let [secrets] = secrets.collect::<Vec<_>>()[..] else { panic!("one epoch is kept") };
    let secrets: serde_json::Value = serde_json::from_str(secrets).unwrap();
    first_list(&secrets["exporter_secret"]).unwrap()
}

fn first_list(value: &serde_json::Value) -> Option<Vec<u8>> {
    if let Some(list) = value.as_array() {
        return list.iter().map(|number| u8::try_from(number.as_u64()?).ok()).collect();
    }
    value.as_object()?.values().find_map(first_list)
}

fn find(product: &Product, wanted: &[Wanted]) -> Vec<Found> {
    let found = Memory::of(product.id()).search(wanted);
    for (wanted, found) in wanted.iter().zip(&found) {
        println!("{}: {found:?}", wanted.name);
    }
    found
}

fn assert_there(product: &Product, wanted: &[Wanted]) {
    for (wanted, found) in wanted.iter().zip(find(product, wanted)) {
        assert!(found.times() > 0, "control: {} is in use", wanted.name);
    }
}

fn assert_gone(product: &Product, wanted: &[Wanted]) {
    for (wanted, found) in wanted.iter().zip(find(product, wanted)) {
        assert_eq!(found.times(), 0, "{} is in memory still: {found:?}", wanted.name);
    }
}

/// The part of the second process. Without its command it is nothing.
#[test]
fn product_process() {
    if std::env::var_os(product::COMMAND).is_some() {
        product::run();
    }
}

#[test]
fn keys_whose_time_is_over_are_gone_from_memory() {
    let mut product = Product::start();
    let invitation = Invitation::from_fragment(&product.hear("invitation")).unwrap();

    // A member that knows the secrets comes in.
    let (provider, leaf) = (OpenMlsRustCrypto::default(), Leaf::good(9, "knows", "participant"));
    let request = join_request(&invitation, &leaf.key_package(&provider));
    product.say(&request);
    let mut knows = Rogue::join(provider, leaf, &product.hear_bytes("welcome"));

    // Ann asks to be let in: the private half of her init key is in memory until she is.
    let request = product.hear_bytes("request");
    let ann = key_package_in(&request);
    let init_key = Wanted::x25519("the init key of a key package", ann.hpke_init_key().as_slice());
    let signature_key = Wanted::ed25519("a leaf signature key", ann.leaf_node().signature_key().as_slice());
    assert_there(&product, &[init_key.clone(), signature_key.clone()]);
    product.say(b"join");
    knows.follow(&product.hear_bytes("commit"));
    let first = Epoch::of(&knows, product::ANN);
    product.hear("joined");
    assert_there(&product, &first.wanted());
    assert_there(&product, std::slice::from_ref(&signature_key));
    assert_gone(&product, &[init_key]);

    // The next epoch, and the end of the grace of the one before.
    product.say(b"rotate");
    knows.follow(&product.hear_bytes("commit"));
    let second = Epoch::of(&knows, product::ANN);
    product.hear("rotated");
    assert_there(&product, &second.wanted());
    assert_gone(&product, &first.wanted());

    // Ann is removed and her group dropped.
    product.say(b"remove");
    product.hear("removed");
    assert_gone(&product, &[signature_key]);
    product.end();
}

fn key_package_in(request: &[u8]) -> KeyPackage {
    let mut rest = &request[49..];
    isi_wire::get_varint(&mut rest).unwrap();
    let package = KeyPackageIn::tls_deserialize_exact_bytes(rest).unwrap();
    package.validate(OpenMlsRustCrypto::default().crypto(), ProtocolVersion::Mls10).unwrap()
}

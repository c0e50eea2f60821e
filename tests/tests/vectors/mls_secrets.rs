//! RFC 9420, the secrets: labels and constructions of the RFC over the library's provider, which does all of its hashing, key
//! derivation, signing and HPKE.

use crate::files::{Fields, load};
use openmls::ciphersuite::hash_ref::HashReference;
use openmls::prelude::tls_codec::{DeserializeBytes as _, Serialize as _, VLBytes};
use openmls::prelude::{
    Ciphersuite, OpenMlsCrypto, OpenMlsSignaturePublicKey, Signature, SignatureError, Verifiable,
    VerifiedStruct,
};
use openmls::schedule::PreSharedKeyId;
use openmls_rust_crypto::RustCrypto;
use openmls_traits::types::{AeadType, HashType, HpkeCiphertext, SignatureScheme};

const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519;
const HASH: HashType = HashType::Sha2_256;
const HASH_BYTES: usize = 32;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// `opaque value<V>`.
fn variable(bytes: &[u8]) -> Vec<u8> {
    VLBytes::new(bytes.to_vec()).tls_serialize_detached().unwrap()
}

fn labelled(label: &str) -> Vec<u8> {
    variable(format!("MLS 1.0 {label}").as_bytes())
}

fn extract(salt: &[u8], ikm: &[u8]) -> Vec<u8> {
    RustCrypto::default().hkdf_extract(HASH, salt, ikm).unwrap().as_slice().to_vec()
}

/// Section 8: `ExpandWithLabel`.
fn expand(secret: &[u8], label: &str, context: &[u8], len: usize) -> Vec<u8> {
    let info = [&(len as u16).to_be_bytes()[..], &labelled(label), &variable(context)].concat();
    RustCrypto::default().hkdf_expand(HASH, secret, &info, len).unwrap().as_slice().to_vec()
}

/// Section 8: `DeriveSecret`.
fn derive(secret: &[u8], label: &str) -> Vec<u8> {
    expand(secret, label, b"", HASH_BYTES)
}

/// Section 9: `DeriveTreeSecret`.
fn derive_tree(secret: &[u8], label: &str, generation: u64, len: usize) -> Vec<u8> {
    expand(secret, label, &(generation as u32).to_be_bytes(), len)
}

/// Something signed with a label, for the library's `VerifyWithLabel`.
struct Signed {
    label: String,
    content: Vec<u8>,
    signature: Signature,
}

struct Right;

impl VerifiedStruct for Right {}

impl Verifiable for Signed {
    type VerifiedStruct = Right;

    fn unsigned_payload(&self) -> Result<Vec<u8>, openmls::prelude::tls_codec::Error> {
        Ok(self.content.clone())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn label(&self) -> &str {
        &self.label
    }

    fn verify(
        self,
        crypto: &impl OpenMlsCrypto,
        key: &OpenMlsSignaturePublicKey,
    ) -> Result<Right, SignatureError> {
        self.verify_no_out(crypto, key).map(|()| Right)
    }
}

#[test]
fn rfc9420_crypto_basics() {
    let crypto = RustCrypto::default();
    for vector in load("rfc9420/crypto-basics.json").as_array().unwrap() {
        let case = &vector["ref_hash"];
        let label = case.text("label").as_bytes();
        let reference = HashReference::new(&case.hex("value"), SUITE, &crypto, label).unwrap();
        assert_eq!(reference.as_slice(), case.hex("out"));

        let case = &vector["expand_with_label"];
        let len = case.number("length") as usize;
        let out = expand(&case.hex("secret"), case.text("label"), &case.hex("context"), len);
        assert_eq!(out, case.hex("out"));

        let case = &vector["derive_secret"];
        assert_eq!(derive(&case.hex("secret"), case.text("label")), case.hex("out"));

        let case = &vector["derive_tree_secret"];
        let (generation, len) = (case.number("generation"), case.number("length") as usize);
        assert_eq!(derive_tree(&case.hex("secret"), case.text("label"), generation, len), case.hex("out"));

        let case = &vector["encrypt_with_label"];
        let info = [labelled(case.text("label")), variable(&case.hex("context"))].concat();
        let sealed = HpkeCiphertext {
            kem_output: case.hex("kem_output").into(),
            ciphertext: case.hex("ciphertext").into(),
        };
        let opened = crypto.hpke_open(SUITE.hpke_config(), &sealed, &case.hex("priv"), &info, b"").unwrap();
        assert_eq!(opened, case.hex("plaintext"));
    }
}

#[test]
fn rfc9420_crypto_basics_signatures() {
    let crypto = RustCrypto::default();
    for vector in load("rfc9420/crypto-basics.json").as_array().unwrap() {
        let case = &vector["sign_with_label"];
        let key =
            OpenMlsSignaturePublicKey::from_signature_key(case.hex("pub").into(), SignatureScheme::ED25519);
        let (signature, rest) = Signature::tls_deserialize_bytes(&variable(&case.hex("signature")))
            .map(|(signature, rest)| (signature, rest.to_vec()))
            .unwrap();
        assert!(rest.is_empty());
        let signed = |content: Vec<u8>| Signed {
            label: case.text("label").to_owned(),
            content,
            signature: signature.clone(),
        };
        assert!(signed(case.hex("content")).verify(&crypto, &key).is_ok());
        assert!(signed(b"other".to_vec()).verify(&crypto, &key).is_err());
        // Ed25519 signatures are the same for all who sign.
        let content = [labelled(case.text("label")), variable(&case.hex("content"))].concat();
        let secret = [case.hex("priv"), case.hex("pub")].concat();
        let made = [&secret[..], &secret[..32]]
            .iter()
            .find_map(|secret| crypto.sign(SignatureScheme::ED25519, &content, secret).ok())
            .unwrap();
        assert_eq!(made, case.hex("signature"));
    }
}

/// Section 8, figure 22: epoch after epoch.
#[test]
fn rfc9420_key_schedule() {
    let crypto = RustCrypto::default();
    for vector in load("rfc9420/key-schedule.json").as_array().unwrap() {
        let mut init_secret = vector.hex("initial_init_secret");
        for (number, epoch) in vector.list("epochs").iter().enumerate() {
            let context = epoch.hex("group_context");
            let before = extract(&init_secret, &epoch.hex("commit_secret"));
            let joiner = expand(&before, "joiner", &context, HASH_BYTES);
            assert_eq!(joiner, epoch.hex("joiner_secret"), "epoch {number}");
            let member = extract(&joiner, &epoch.hex("psk_secret"));
            assert_eq!(derive(&member, "welcome"), epoch.hex("welcome_secret"));
            let epoch_secret = expand(&member, "epoch", &context, HASH_BYTES);
            for (label, name) in [
                ("sender data", "sender_data_secret"),
                ("encryption", "encryption_secret"),
                ("exporter", "exporter_secret"),
                ("external", "external_secret"),
                ("confirm", "confirmation_key"),
                ("membership", "membership_key"),
                ("resumption", "resumption_psk"),
                ("authentication", "epoch_authenticator"),
                ("init", "init_secret"),
            ] {
                assert_eq!(derive(&epoch_secret, label), epoch.hex(name), "epoch {number}: {name}");
            }
            let keys =
                crypto.derive_hpke_keypair(SUITE.hpke_config(), &epoch.hex("external_secret")).unwrap();
            assert_eq!(keys.public, epoch.hex("external_pub"));
            let case = &epoch["exporter"];
            let hash = crypto.hash(HASH, &case.hex("context")).unwrap();
            let secret = derive(&epoch.hex("exporter_secret"), case.text("label"));
            let exported = expand(&secret, "exported", &hash, case.number("length") as usize);
            assert_eq!(exported, case.hex("secret"), "epoch {number}");
            init_secret = epoch.hex("init_secret");
        }
    }
}

/// Section 8.4.
#[test]
fn rfc9420_psk_secret() {
    let vectors = load("rfc9420/psk_secret.json");
    for vector in vectors.as_array().unwrap() {
        let psks = vector.list("psks");
        let mut psk_secret = vec![0; HASH_BYTES];
        for (index, psk) in psks.iter().enumerate() {
            let id = PreSharedKeyId::external(psk.hex("psk_id"), psk.hex("psk_nonce"));
            let id = id.tls_serialize_detached().unwrap();
            let place = [(index as u16).to_be_bytes(), (psks.len() as u16).to_be_bytes()].concat();
            let extracted = extract(&[0; HASH_BYTES], &psk.hex("psk"));
            let input = expand(&extracted, "derived psk", &[id, place].concat(), HASH_BYTES);
            psk_secret = extract(&input, &psk_secret);
        }
        assert_eq!(psk_secret, vector.hex("psk_secret"), "{} PSKs", psks.len());
    }
}

/// Section 9: from the root of a full tree down to each leaf, then along the leaf's two ratchets.
#[test]
fn rfc9420_secret_tree() {
    for vector in load("rfc9420/secret-tree.json").as_array().unwrap() {
        let data = &vector["sender_data"];
        let (secret, ciphertext) = (data.hex("sender_data_secret"), data.hex("ciphertext"));
        let sample = &ciphertext[..HASH_BYTES.min(ciphertext.len())];
        assert_eq!(expand(&secret, "key", sample, KEY_BYTES), data.hex("key"));
        assert_eq!(expand(&secret, "nonce", sample, NONCE_BYTES), data.hex("nonce"));

        let leaves = vector.list("leaves");
        assert!(leaves.len().is_power_of_two());
        for (leaf, generations) in leaves.iter().enumerate() {
            let mut node = vector.hex("encryption_secret");
            let mut half = leaves.len() / 2;
            while half > 0 {
                let side: &[u8] = if leaf & half == 0 { b"left" } else { b"right" };
                node = expand(&node, "tree", side, HASH_BYTES);
                half /= 2;
            }
            for ratchet in ["handshake", "application"] {
                let (mut secret, mut at) = (derive(&node, ratchet), 0);
                for generation in generations.as_array().unwrap() {
                    while at < generation.number("generation") {
                        secret = derive_tree(&secret, "secret", at, HASH_BYTES);
                        at += 1;
                    }
                    let key = derive_tree(&secret, "key", at, KEY_BYTES);
                    let nonce = derive_tree(&secret, "nonce", at, NONCE_BYTES);
                    assert_eq!(key, generation.hex(&format!("{ratchet}_key")), "leaf {leaf}, {at}");
                    assert_eq!(nonce, generation.hex(&format!("{ratchet}_nonce")), "leaf {leaf}, {at}");
                }
            }
        }
    }
}

/// Section 8.2: the confirmation tag, the last field of an authenticated commit, stays out of the first hash.
#[test]
fn rfc9420_transcript_hashes() {
    let crypto = RustCrypto::default();
    for vector in load("rfc9420/transcript-hashes.json").as_array().unwrap() {
        let content = vector.hex("authenticated_content");
        let (signed, tag) = content.split_at(content.len() - variable(&[0; HASH_BYTES]).len());
        let before = vector.hex("interim_transcript_hash_before");
        let confirmed = crypto.hash(HASH, &[&before[..], signed].concat()).unwrap();
        assert_eq!(confirmed, vector.hex("confirmed_transcript_hash_after"));
        let interim = crypto.hash(HASH, &[&confirmed[..], tag].concat()).unwrap();
        assert_eq!(interim, vector.hex("interim_transcript_hash_after"));
        let mac = crypto.hmac(HASH, &vector.hex("confirmation_key"), &confirmed).unwrap();
        assert_eq!(variable(mac.as_slice()), tag);
    }
}

/// The provider's AEAD is the suite's.
#[test]
fn rfc9420_suite_is_the_sessions() {
    assert_eq!(SUITE.aead_algorithm(), AeadType::ChaCha20Poly1305);
    assert_eq!(SUITE.hash_algorithm(), HASH);
    RustCrypto::default().supports(SUITE).unwrap();
}

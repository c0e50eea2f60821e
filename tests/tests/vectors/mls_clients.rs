//! RFC 9420, whole clients: one that somebody else's vectors describe joins by a Welcome and follows commits.

use crate::files::{Fields, load};
use openmls::prelude::tls_codec::Deserialize;
use openmls::prelude::*;
use openmls::schedule::PreSharedKeyId;
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::storage::StorageProvider;
use serde_json::{Value, json};

const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519;

struct PassiveClient {
    provider: OpenMlsRustCrypto,
    group: MlsGroup,
}

impl PassiveClient {
    fn join(vector: &Value) -> Self {
        let provider = OpenMlsRustCrypto::default();
        for psk in vector.list("external_psks") {
            let id = PreSharedKeyId::external(psk.hex("psk_id"), Vec::new());
            id.store(&provider, &psk.hex("psk")).unwrap();
        }
        store_key_package(&provider, vector, &vector.hex("encryption_priv"));
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(MIXED_PLAINTEXT_WIRE_FORMAT_POLICY)
            .number_of_resumption_psks(16)
            .build();
        let tree = vector["ratchet_tree"].as_str().map(|_| vector.hex("ratchet_tree"));
        let tree = tree.map(|tree| RatchetTreeIn::tls_deserialize_exact(&tree[..]).unwrap());
        let mut join = StagedWelcome::build_from_welcome(&provider, &config, welcome(vector)).unwrap();
        if let Some(tree) = tree {
            join = join.with_ratchet_tree(tree);
        }
        let group = join.skip_lifetime_validation().build().unwrap().into_group(&provider).unwrap();
        Self { provider, group }
    }

    fn handle(&mut self, message: &[u8]) {
        let message = MlsMessageIn::tls_deserialize_exact(message).unwrap();
        let message = message.try_into_protocol_message().unwrap();
        let processed = self.group.process_message(&self.provider, message).unwrap();
        match processed.into_content() {
            ProcessedMessageContent::ProposalMessage(proposal) => {
                self.group.store_pending_proposal(self.provider.storage(), *proposal).unwrap();
            }
            ProcessedMessageContent::StagedCommitMessage(commit) => {
                self.group.merge_staged_commit(&self.provider, *commit).unwrap();
            }
            _ => panic!("a passive client gets proposals and commits"),
        }
    }

    fn authenticator(&self) -> &[u8] {
        self.group.epoch_authenticator().as_slice()
    }
}

fn message(vector: &Value, name: &str) -> MlsMessageBodyIn {
    MlsMessageIn::tls_deserialize_exact(vector.hex(name)).unwrap().extract()
}

fn welcome(vector: &Value) -> Welcome {
    match message(vector, "welcome") {
        MlsMessageBodyIn::Welcome(welcome) => welcome,
        other => panic!("no Welcome: {other:?}"),
    }
}

/// Puts the vector's KeyPackage with its private keys where the library looks for it. The bundle's fields are private, but it is
/// written and read as JSON.
fn store_key_package(provider: &OpenMlsRustCrypto, vector: &Value, encryption_secret: &[u8]) {
    let MlsMessageBodyIn::KeyPackage(key_package) = message(vector, "key_package") else {
        panic!("no KeyPackage")
    };
    // Some have expired since; nothing else may be wrong. Written and read, one is as good as a validated one.
    let validated = key_package.clone().validate(provider.crypto(), ProtocolVersion::Mls10);
    assert!(matches!(validated, Ok(_) | Err(KeyPackageVerifyError::LifetimeError(_))), "{validated:?}");
    let key_package: KeyPackage = serde_json::from_value(serde_json::to_value(key_package).unwrap()).unwrap();
    let secret = |bytes: Vec<u8>| serde_json::to_value(HpkePrivateKey::from(bytes)).unwrap();
    let bundle: KeyPackageBundle = serde_json::from_value(json!({
        "key_package": key_package,
        "private_init_key": secret(vector.hex("init_priv")),
        "private_encryption_key": { "key": secret(encryption_secret.to_vec()) },
    }))
    .unwrap();
    let reference = key_package.hash_ref(provider.crypto()).unwrap();
    provider.storage().write_key_package(&reference, &bundle).unwrap();
}

fn follow(file: &str) -> (usize, usize) {
    let vectors = load(file);
    let (mut joins, mut epochs) = (0, 0);
    for vector in vectors.as_array().unwrap() {
        assert_eq!(vector.number("cipher_suite"), u64::from(u16::from(SUITE)));
        let mut client = PassiveClient::join(vector);
        assert_eq!(client.authenticator(), vector.hex("initial_epoch_authenticator"));
        joins += 1;
        for epoch in vector.list("epochs") {
            for proposal in epoch.list("proposals") {
                client.handle(&crate::files::unhex(proposal.as_str().unwrap()));
            }
            client.handle(&epoch.hex("commit"));
            assert_eq!(client.authenticator(), epoch.hex("epoch_authenticator"));
            epochs += 1;
        }
    }
    println!("{file}: {joins} clients joined and followed {epochs} commits");
    (joins, epochs)
}

#[test]
fn rfc9420_passive_client_welcome() {
    assert_eq!(follow("rfc9420/passive-client-welcome.json"), (8, 0));
}

#[test]
fn rfc9420_passive_client_handling_commit() {
    let (joins, epochs) = follow("rfc9420/passive-client-handling-commit.json");
    assert_eq!(joins, 13);
    assert!(epochs >= 26);
}

/// The Welcome without a tree: group secrets and GroupInfo decrypt, and the GroupInfo is its signer's.
#[test]
fn rfc9420_welcome() {
    for vector in load("rfc9420/welcome.json").as_array().unwrap() {
        let provider = OpenMlsRustCrypto::default();
        // The file has no key for the leaf: decrypting needs none.
        store_key_package(&provider, vector, &[1; 32]);
        let config = MlsGroupJoinConfig::default();
        let welcome = ProcessedWelcome::new_from_welcome(&provider, &config, welcome(vector)).unwrap();
        assert_eq!(welcome.unverified_group_info().ciphersuite(), SUITE);
        let info = welcome.unverified_group_info().clone();
        let signer = |bytes: Vec<u8>| {
            OpenMlsSignaturePublicKey::from_signature_key(bytes.into(), SUITE.signature_algorithm())
        };
        let mut other = vector.hex("signer_pub");
        other[0] ^= 1;
        assert!(info.clone().verify(provider.crypto(), &signer(other)).is_err());
        info.verify(provider.crypto(), &signer(vector.hex("signer_pub"))).unwrap();
    }
}

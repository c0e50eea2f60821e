//! Issuer keys from a file that changes while the relay runs.

use crate::Folder;
use isi_account::{AccountKey, Jwks, Role, TokenClaims};
use isi_relay::admission::{
    Admission, AdmissionConfig, AdmissionError, JoinClaims, KeySource, KeysError, Origin,
};
use isi_wire::{ConnectionNonce, SessionId};

const NOW: u64 = 1_800_000_000;

/// Whether the relay knows the key. The proof is left wrong on purpose: `BadProof` comes after everything else.
fn knows(admission: &Admission, account: &AccountKey) -> bool {
    let public_key = [7; 32];
    let claims = TokenClaims::new(Role::Viewer, "localhost:1", SessionId([5; 16]), "u", &public_key);
    let token = account.sign_token(&claims, NOW).unwrap();
    let nonce = ConnectionNonce([0; 32]);
    let join = JoinClaims {
        token: token.as_bytes(),
        public_key: &public_key,
        proof: &[0; 64],
        client_nonce: &nonce,
        relay_nonce: &nonce,
        exporter: &[0; 32],
    };
    match admission.verify(&join, NOW).unwrap_err() {
        AdmissionError::BadProof => true,
        AdmissionError::UnknownKey => false,
        other => panic!("{other}"),
    }
}

fn admission(keys: KeySource) -> Result<Admission, KeysError> {
    Admission::new(AdmissionConfig::new(vec![Origin::parse("localhost:1").unwrap()], keys))
}

#[test]
fn keys_change_without_a_restart_and_the_last_good_ones_stay() {
    let folder = Folder::new();
    let path = folder.0.join("jwks.json");
    let (old, new) = (AccountKey::generate().unwrap(), AccountKey::generate().unwrap());
    old.jwks().save(&path).unwrap();
    let admission = admission(KeySource::File(path.clone())).unwrap();
    assert!(knows(&admission, &old) && !knows(&admission, &new));
    Jwks::new(&[&old, &new]).save(&path).unwrap();
    assert!(knows(&admission, &old) && knows(&admission, &new));
    for broken in ["", "{\"keys\":[]}", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\",\"kid\":\"a\"}]}"] {
        std::fs::write(&path, broken).unwrap();
        assert!(knows(&admission, &old) && knows(&admission, &new), "after {broken:?}");
    }
    std::fs::remove_file(&path).unwrap();
    assert!(knows(&admission, &old) && knows(&admission, &new));
    new.jwks().save(&path).unwrap();
    assert!(!knows(&admission, &old) && knows(&admission, &new));
}

#[test]
fn a_relay_without_usable_keys_does_not_start() {
    let folder = Folder::new();
    let refused = |keys| admission(keys).unwrap_err();
    let missing = refused(KeySource::File(folder.0.join("none.json")));
    assert!(matches!(missing, KeysError::Read { .. }));
    assert!(missing.to_string().contains("none.json"));
    for text in ["", "[]", "{\"keys\":[]}"] {
        assert!(
            matches!(refused(KeySource::File(folder.write("k", text))), KeysError::NotAKeySet { .. }),
            "{text}"
        );
    }
    let huge = folder.write("huge", &" ".repeat(300 * 1024));
    assert!(matches!(refused(KeySource::File(huge)), KeysError::NotAKeySet { .. }));
    let too_many: Vec<_> = (0..65).map(|_| AccountKey::generate().unwrap()).collect();
    let too_many = Jwks::new(&too_many.iter().collect::<Vec<_>>());
    assert!(matches!(
        refused(KeySource::Inline(too_many.to_json().to_owned())),
        KeysError::NotAKeySet { .. }
    ));
    let short = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"AAAA"}]}"#;
    assert!(matches!(refused(KeySource::Inline(short.into())), KeysError::NoUsableKey { .. }));
    let nameless = AccountKey::generate().unwrap().jwks().to_json().replace("\"kid\"", "\"id\"");
    assert!(matches!(refused(KeySource::Inline(nameless)), KeysError::NoUsableKey { .. }));
}

#[test]
fn keys_of_other_kinds_stand_beside_ours() {
    let account = AccountKey::generate().unwrap();
    let mixed = account.jwks().to_json().replace("[{", r#"[{"kty":"oct","kid":"other","k":"AAAA"},{"#);
    assert!(knows(&admission(KeySource::Inline(mixed)).unwrap(), &account));
}

//! Wycheproof's cases for the three primitives that objects, statements and agreements stand on: edge cases and attacks.

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Nonce, Tag};
use ed25519_dalek::{Signature, VerifyingKey};
use wycheproof::TestResult;
use x25519_dalek::{PublicKey, StaticSecret};

/// `None` where the type does not even hold the nonce or the tag.
fn opened(test: &wycheproof::aead::Test) -> Option<Vec<u8>> {
    let aead = ChaCha20Poly1305::new_from_slice(&test.key).ok()?;
    let nonce = Nonce::try_from(&test.nonce[..]).ok()?;
    let tag = Tag::try_from(&test.tag[..]).ok()?;
    let mut data = test.ct.to_vec();
    aead.decrypt_inout_detached(&nonce, &test.aad, data.as_mut_slice().into(), &tag).ok()?;
    Some(data)
}

fn sealed(test: &wycheproof::aead::Test) -> Option<(Vec<u8>, Vec<u8>)> {
    let aead = ChaCha20Poly1305::new_from_slice(&test.key).ok()?;
    let nonce = Nonce::try_from(&test.nonce[..]).ok()?;
    let mut data = test.pt.to_vec();
    let tag = aead.encrypt_inout_detached(&nonce, &test.aad, data.as_mut_slice().into()).ok()?;
    Some((data, tag.to_vec()))
}

#[test]
fn wycheproof_chacha20_poly1305_rfc8439() {
    use wycheproof::aead::{TestName, TestSet};
    let set = TestSet::load(TestName::ChaCha20Poly1305).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let case = format!("{}: {}", test.tc_id, test.comment);
        match test.result {
            TestResult::Valid | TestResult::Acceptable => {
                assert_eq!(opened(test).as_deref(), Some(&test.pt[..]), "{case}");
                assert_eq!(sealed(test), Some((test.ct.to_vec(), test.tag.to_vec())), "{case}");
                valid += 1;
            }
            TestResult::Invalid => {
                assert_eq!(opened(test), None, "{case}");
                invalid += 1;
            }
        }
    }
    println!("{valid} valid, {invalid} invalid");
    assert!(valid > 200 && invalid > 50);
}

/// As objects are verified: strictly.
#[test]
fn wycheproof_ed25519_strict_rfc8032() {
    use wycheproof::eddsa::{TestName, TestSet};
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in &set.test_groups {
        let key = VerifyingKey::try_from(&group.key.pk[..]).unwrap();
        for test in &group.tests {
            let signature = Signature::from_slice(&test.sig);
            let is_right = signature.is_ok_and(|signature| key.verify_strict(&test.msg, &signature).is_ok());
            assert_eq!(is_right, test.result != TestResult::Invalid, "{}: {}", test.tc_id, test.comment);
            if is_right { valid += 1 } else { invalid += 1 }
        }
    }
    println!("{valid} valid, {invalid} invalid");
    assert!(valid > 50 && invalid > 30);
}

/// Every result is the expected one, and an all-zero result shows itself as such: agreements refuse it.
#[test]
fn wycheproof_x25519_rfc7748() {
    use wycheproof::xdh::{TestFlag, TestName, TestSet};
    let set = TestSet::load(TestName::X25519).unwrap();
    let mut count = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let case = format!("{}: {}", test.tc_id, test.comment);
        let Ok(public) = <[u8; 32]>::try_from(&test.public_key[..]) else {
            assert_eq!(test.result, TestResult::Invalid, "{case}");
            continue;
        };
        let secret = StaticSecret::from(<[u8; 32]>::try_from(&test.private_key[..]).unwrap());
        let shared = secret.diffie_hellman(&PublicKey::from(public));
        assert_eq!(shared.as_bytes()[..], test.shared_secret[..], "{case}");
        let is_zero = test.flags.contains(&TestFlag::ZeroSharedSecret);
        assert_eq!(shared.was_contributory(), !is_zero, "{case}");
        count += 1;
    }
    println!("{count} agreements");
    assert!(count > 400);
}

//! The vectors printed in the RFCs of the primitives, through the crates and the calls that `isi-e2ee` has.

use crate::files::{array, unhex};
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use ed25519_dalek::{Signature, Signer, SigningKey};
use hkdf::Hkdf;
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret, x25519};

/// Section 2.8.2.
#[test]
fn rfc8439_aead() {
    let key: [u8; 32] = std::array::from_fn(|index| 0x80 + index as u8);
    let aead = ChaCha20Poly1305::new(&key.into());
    let nonce = array::<12>("070000004041424344454647").into();
    let aad = unhex("50515253c0c1c2c3c4c5c6c7");
    let plaintext =
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
        sunscreen would be it.";
    let mut data = plaintext.to_vec();
    let tag = aead.encrypt_inout_detached(&nonce, &aad, data.as_mut_slice().into()).unwrap();
    let ciphertext = "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b\
        1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9\
        de576d26586cec64b6116";
    assert_eq!(data, unhex(ciphertext));
    assert_eq!(tag[..], unhex("1ae10b594f09e26a7e902ecbd0600691"));
    aead.decrypt_inout_detached(&nonce, &aad, data.as_mut_slice().into(), &tag).unwrap();
    assert_eq!(data, plaintext);
}

/// Appendix A.5: decryption, with a key, nonce and text of their own.
#[test]
fn rfc8439_aead_decryption() {
    let key = array::<32>("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0");
    let aead = ChaCha20Poly1305::new(&key.into());
    let nonce = array::<12>("000000000102030405060708").into();
    let aad = unhex("f33388860000000000004e91");
    let mut data = unhex(
        "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100\
         d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c8559797a06ef4f0ef61c186324e2b350638\
         3606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523eaf4534d7f83fa115\
         5b0047718cbc546a0d072b04b3564eea1b422273f548271a0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10\
         49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709b",
    );
    let tag = array::<16>("eead9d67890cbb22392336fea1851f38").into();
    aead.decrypt_inout_detached(&nonce, &aad, data.as_mut_slice().into(), &tag).unwrap();
    let text = String::from_utf8(data).unwrap();
    assert!(
        text.starts_with("Internet-Drafts are draft documents valid for a maximum of six months"),
        "{text}"
    );
}

/// Appendix A.1 to A.3: SHA-256, with all inputs, long ones, and neither salt nor info.
#[test]
fn rfc5869_hkdf_sha256() {
    let range = |from: u8, len: usize| (0..len).map(|at| from + at as u8).collect::<Vec<_>>();
    let vectors = [
        (
            vec![0x0b; 22],
            range(0, 13),
            range(0xf0, 10),
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            range(0, 80),
            range(0x60, 80),
            range(0xb0, 80),
            "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b83677\
             93a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
        (
            vec![0x0b; 22],
            vec![],
            vec![],
            "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ];
    for (ikm, salt, info, prk, okm) in vectors {
        let (extracted, hkdf) = Hkdf::<Sha256>::extract(Some(&salt), &ikm);
        assert_eq!(extracted[..], unhex(prk));
        let mut expanded = vec![0; okm.len() / 2];
        hkdf.expand(&info, &mut expanded).unwrap();
        assert_eq!(expanded, unhex(okm));
    }
}

/// Section 5.2: two single multiplications, and a thousand in a row.
#[test]
fn rfc7748_x25519() {
    let vectors = [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ];
    for (scalar, point, product) in vectors {
        assert_eq!(x25519(array(scalar), array(point)), array(product));
    }
    let nine = std::array::from_fn(|index| if index == 0 { 9 } else { 0 });
    let (mut scalar, mut point) = (nine, nine);
    for round in 1..=1000 {
        (scalar, point) = (x25519(scalar, point), scalar);
        if round == 1 {
            assert_eq!(scalar, array("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"));
        }
    }
    assert_eq!(scalar, array("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"));
}

/// Section 6.1.
#[test]
fn rfc7748_x25519_agreement() {
    let alice =
        StaticSecret::from(array::<32>("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
    let bob =
        StaticSecret::from(array::<32>("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
    let of_alice =
        PublicKey::from(array::<32>("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
    let of_bob =
        PublicKey::from(array::<32>("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
    assert_eq!(PublicKey::from(&bob), of_bob);
    assert_eq!(PublicKey::from(&alice), of_alice);
    let shared = array::<32>("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    assert_eq!(alice.diffie_hellman(&of_bob).to_bytes(), shared);
    assert_eq!(bob.diffie_hellman(&of_alice).to_bytes(), shared);
}

/// Section 7.1: TEST 1 to 3, and SHA(abc).
#[test]
fn rfc8032_ed25519() {
    let vectors = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
        (
            "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
            "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
        ),
    ];
    for (secret, public, message, signature) in vectors {
        let key = SigningKey::from_bytes(&array(secret));
        assert_eq!(key.verifying_key().to_bytes(), array(public));
        let (message, expected) = (unhex(message), Signature::from_bytes(&array(signature)));
        assert_eq!(key.sign(&message), expected);
        key.verifying_key().verify_strict(&message, &expected).unwrap();
        let other = [&message[..], b"x"].concat();
        assert!(key.verifying_key().verify_strict(&other, &expected).is_err());
    }
}

//! SFrame's key derivation (RFC 9605 section 4.4), for any suite of one HKDF-SHA-256 and a 12-byte nonce. Public, though not for apps,
//! so that the published vectors are run through the very functions that objects use.

use hkdf::Hkdf;
use sha2::Sha256;

/// Bytes of a nonce, and of the salt it is made from.
pub const NONCE_BYTES: usize = 12;

const KEY_LABEL: &[u8] = b"SFrame 1.0 Secret key ";
const SALT_LABEL: &[u8] = b"SFrame 1.0 Secret salt ";

/// Section 4.4.2: the key, as long as `key` is, and the salt of a key id in a suite.
///
/// # Panics
/// If `key` is longer than the 8,160 bytes that HKDF-SHA-256 gives.
pub fn derive(base: &[u8], key_id: u64, suite: u16, key: &mut [u8], salt: &mut [u8; NONCE_BYTES]) {
    let secret = Hkdf::<Sha256>::new(Some(&[]), base);
    for (label, out) in [(KEY_LABEL, key), (SALT_LABEL, salt)] {
        let expanded = secret.expand_multi_info(&[label, &key_id.to_be_bytes(), &suite.to_be_bytes()], out);
        assert!(expanded.is_ok(), "HKDF-SHA-256 gives up to 8,160 bytes");
    }
}

/// Section 4.4.3: the salt, its last bytes XORed with the counter.
#[must_use]
pub fn nonce(salt: &[u8; NONCE_BYTES], counter: u64) -> [u8; NONCE_BYTES] {
    let mut nonce = *salt;
    for (byte, counter) in nonce[NONCE_BYTES - 8..].iter_mut().zip(counter.to_be_bytes()) {
        *byte ^= counter;
    }
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    /// RFC 9605 appendix C.2.4 and C.3.1: key id 0x123, counter 0x4567. All vectors: the test `vectors` of `isi-tests`.
    #[test]
    fn keys_salts_and_nonces_are_those_of_rfc9605() {
        let vectors = [
            (
                1,
                "3f7d9a7c83ae8e1c8a11ae695ab59314b367e359fadac7b9c46b2bc6f81f46e16b96f0811868d59402b7e870102720b3",
                "50b29329a04dc0f184ac3168",
                "50b29329a04dc0f184ac740f",
            ),
            (4, "d34f547f4ca4f9a7447006fe7fcbf768", "75234edefe07819026751816", "75234edefe07819026755d71"),
        ];
        for (suite, key, salt, expected) in vectors {
            let (mut derived_key, mut derived_salt) = (vec![0; key.len() / 2], [0; NONCE_BYTES]);
            derive(
                &hex("000102030405060708090a0b0c0d0e0f"),
                0x123,
                suite,
                &mut derived_key,
                &mut derived_salt,
            );
            assert_eq!((derived_key, derived_salt.to_vec()), (hex(key), hex(salt)));
            assert_eq!(nonce(&derived_salt, 0x4567)[..], hex(expected));
        }
    }
}

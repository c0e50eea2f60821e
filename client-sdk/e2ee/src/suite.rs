use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// SFrame cipher suite `ChaCha20-Poly1305 with SHA-256`, from the private-use range (RFC 9605 section 8.1).
pub const SUITE_ID: u16 = 0xF003;
/// Bytes of an AEAD tag.
pub(crate) const TAG_BYTES: usize = 16;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const KEY_LABEL: &[u8] = b"SFrame 1.0 Secret key ";
const SALT_LABEL: &[u8] = b"SFrame 1.0 Secret salt ";

/// Key and salt of one track of one member in one epoch.
#[derive(ZeroizeOnDrop)]
pub(crate) struct ObjectKey {
    #[zeroize(skip)] // Wipes itself.
    aead: ChaCha20Poly1305,
    salt: [u8; NONCE_BYTES],
}

/// The tag does not fit key, counter, bound data and ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TagMismatch;

impl ObjectKey {
    /// RFC 9605 section 4.4.2.
    pub(crate) fn derive(base: &[u8; 32], key_id: u64) -> Self {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let mut salt = [0; NONCE_BYTES];
        let secret = Hkdf::<Sha256>::new(Some(&[]), base);
        expand(&secret, KEY_LABEL, key_id, SUITE_ID, key.as_mut_slice());
        expand(&secret, SALT_LABEL, key_id, SUITE_ID, &mut salt);
        let derived = Self { aead: ChaCha20Poly1305::new((&*key).into()), salt };
        salt.zeroize();
        derived
    }

    /// Encrypts `data` in place. No two calls may have the same counter.
    pub(crate) fn seal_in_place(&self, counter: u64, aad: &[u8], data: &mut [u8]) -> Option<[u8; TAG_BYTES]> {
        let tag = self.aead.encrypt_inout_detached(&self.nonce(counter), aad, data.into());
        tag.ok().map(Into::into)
    }

    /// Decrypts `ciphertext` into a buffer of its own. Nothing is decrypted before the tag has been checked.
    pub(crate) fn open(
        &self,
        counter: u64,
        aad: &[u8],
        ciphertext: &[u8],
        tag: [u8; TAG_BYTES],
    ) -> Result<Vec<u8>, TagMismatch> {
        let mut plaintext = vec![0; ciphertext.len()];
        let buffer = InOutBuf::new(ciphertext, &mut plaintext).map_err(|_| TagMismatch)?;
        self.aead
            .decrypt_inout_detached(&self.nonce(counter), aad, buffer, &Tag::from(tag))
            .map_err(|_| TagMismatch)?;
        Ok(plaintext)
    }

    /// RFC 9605 section 4.4.3: the salt, its last bytes XORed with the counter.
    fn nonce(&self, counter: u64) -> Nonce {
        let mut nonce = self.salt;
        for (byte, counter) in nonce[NONCE_BYTES - 8..].iter_mut().zip(counter.to_be_bytes()) {
            *byte ^= counter;
        }
        nonce.into()
    }
}

// Keys never reach a log.
impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectKey").finish_non_exhaustive()
    }
}

fn expand(secret: &Hkdf<Sha256>, label: &[u8], key_id: u64, suite: u16, out: &mut [u8]) {
    let expanded = secret.expand_multi_info(&[label, &key_id.to_be_bytes(), &suite.to_be_bytes()], out);
    assert!(expanded.is_ok(), "HKDF-SHA-256 gives up to 8,160 bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    const RFC_KEY_ID: u64 = 0x123;

    /// RFC 9605 appendix C.2.4 and C.3.1: the derivation of the SHA-256 suites, which differs from ours in the
    /// suite's number and the key's length alone.
    #[test]
    fn keys_and_salts_are_derived_as_in_rfc9605() {
        let secret = Hkdf::<Sha256>::new(Some(&[]), &hex("000102030405060708090a0b0c0d0e0f"));
        let vectors = [
            (
                1,
                "3f7d9a7c83ae8e1c8a11ae695ab59314b367e359fadac7b9c46b2bc6f81f46e16b96f0811868d59402b7e870102720b3",
                "50b29329a04dc0f184ac3168",
            ),
            (4, "d34f547f4ca4f9a7447006fe7fcbf768", "75234edefe07819026751816"),
        ];
        for (suite, key, salt) in vectors {
            let mut derived = vec![0; key.len() / 2];
            expand(&secret, KEY_LABEL, RFC_KEY_ID, suite, &mut derived);
            assert_eq!(derived, hex(key));
            let mut derived = [0; NONCE_BYTES];
            expand(&secret, SALT_LABEL, RFC_KEY_ID, suite, &mut derived);
            assert_eq!(derived[..], hex(salt));
        }
    }

    /// The same vectors' nonces, counter 0x4567.
    #[test]
    fn nonces_are_made_as_in_rfc9605() {
        for (salt, nonce) in [
            ("50b29329a04dc0f184ac3168", "50b29329a04dc0f184ac740f"),
            ("75234edefe07819026751816", "75234edefe07819026755d71"),
        ] {
            let key = ObjectKey {
                aead: ChaCha20Poly1305::new(&chacha20poly1305::Key::default()),
                salt: hex(salt).try_into().unwrap(),
            };
            assert_eq!(key.nonce(0x4567)[..], hex(nonce));
        }
    }

    /// RFC 8439 section 2.8.2, with nonce = salt XOR 0.
    #[test]
    fn the_aead_is_that_of_rfc8439() {
        let raw: [u8; 32] = std::array::from_fn(|index| 0x80 + index as u8);
        let key = ObjectKey {
            aead: ChaCha20Poly1305::new((&raw).into()),
            salt: hex("070000004041424344454647").try_into().unwrap(),
        };
        let plaintext =
            b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the \
            future, sunscreen would be it.";
        let aad = hex("50515253c0c1c2c3c4c5c6c7");
        let mut data = plaintext.to_vec();
        let tag = key.seal_in_place(0, &aad, &mut data).unwrap();
        assert_eq!(data[..16], hex("d31a8d34648e60db7b86afbc53ef7ec2"));
        assert_eq!(tag[..], hex("1ae10b594f09e26a7e902ecbd0600691"));
        assert_eq!(key.open(0, &aad, &data, tag).unwrap(), plaintext);
        assert_eq!(key.open(1, &aad, &data, tag), Err(TagMismatch));
    }
}

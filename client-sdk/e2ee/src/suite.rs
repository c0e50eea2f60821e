use crate::sframe::{self, NONCE_BYTES};
use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Nonce, Tag};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// SFrame cipher suite `ChaCha20-Poly1305 with SHA-256`, from the private-use range (RFC 9605 section 8.1).
pub const SUITE_ID: u16 = 0xF003;
/// Bytes of an AEAD tag.
pub(crate) const TAG_BYTES: usize = 16;

const KEY_BYTES: usize = 32;

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
        sframe::derive(base, key_id, SUITE_ID, key.as_mut_slice(), &mut salt);
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

    fn nonce(&self, counter: u64) -> Nonce {
        sframe::nonce(&self.salt, counter).into()
    }
}

// Keys never reach a log.
impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
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

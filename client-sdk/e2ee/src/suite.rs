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

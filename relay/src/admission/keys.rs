use super::KeySource;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Longest key file. Each key has some 150 bytes.
const KEY_FILE_BYTES_MAX: u64 = 256 * 1024;
/// Most keys in a set. Two are enough to change the key without a gap.
const KEYS_MAX: usize = 64;

/// Why there are no issuer keys. Each is the operator's to correct.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be read.
    #[error("cannot read issuer keys {path}: {source}; `isi token keys` writes such a file", path = path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Not a JWKS of public keys.
    #[error("issuer keys{place}: not a JWKS (RFC 7517) with 1 to {KEYS_MAX} keys; `isi token keys` writes one", place = in_file(path.as_deref()))]
    NotAKeySet {
        /// Which file, if it is one.
        path: Option<PathBuf>,
    },
    /// No key in it could verify a token.
    #[error("issuer keys{place}: no Ed25519 key (kty OKP, crv Ed25519) with a kid, so every token would be refused", place = in_file(path.as_deref()))]
    NoUsableKey {
        /// Which file, if it is one.
        path: Option<PathBuf>,
    },
}

/// Verification keys by `kid`.
pub(super) type KeySet = HashMap<String, DecodingKey>;

/// The keys that are valid now. A file is read again when it changes, without a restart; while what it holds
/// is unreadable, the last good keys stay.
#[derive(Debug)]
pub(super) struct KeyStore {
    keys: Arc<KeySet>,
    file: Option<WatchedFile>,
}

#[derive(Debug)]
struct WatchedFile {
    path: PathBuf,
    /// What the file looked like when it was last read, successfully or not.
    seen: Option<Stamp>,
}

/// Changes when a file is written or another one is put in its place.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl KeyStore {
    pub(super) fn open(source: KeySource) -> Result<Self, KeysError> {
        match source {
            KeySource::Inline(text) => Ok(Self { keys: Arc::new(parse(&text, None)?), file: None }),
            KeySource::File(path) => {
                let seen = stamp(&path);
                let keys = Arc::new(read(&path)?);
                Ok(Self { keys, file: Some(WatchedFile { path, seen }) })
            }
        }
    }

    /// The keys, after looking whether the file has changed: one `stat` per join, no timer, no delay.
    pub(super) fn current(&mut self) -> Arc<KeySet> {
        if let Some(file) = &mut self.file {
            let now = stamp(&file.path);
            if now != file.seen {
                // Taken before reading: a change during the reading is a change again.
                file.seen = now;
                replace(&mut self.keys, &file.path);
            }
        }
        Arc::clone(&self.keys)
    }
}

fn replace(keys: &mut Arc<KeySet>, path: &Path) {
    match read(path) {
        Ok(new) => {
            tracing::info!(keys = new.len(), "issuer keys reloaded");
            *keys = Arc::new(new);
        }
        Err(error) => tracing::error!(%error, "issuer keys not reloaded; the last good ones stay"),
    }
}

fn read(path: &Path) -> Result<KeySet, KeysError> {
    let read_error = |source| KeysError::Read { path: path.to_owned(), source };
    let mut text = String::new();
    let file = File::open(path).map_err(read_error)?;
    let read = file.take(KEY_FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(read_error)?;
    if read as u64 > KEY_FILE_BYTES_MAX {
        return Err(KeysError::NotAKeySet { path: Some(path.to_owned()) });
    }
    parse(&text, Some(path))
}

fn parse(text: &str, path: Option<&Path>) -> Result<KeySet, KeysError> {
    let set: Option<JwkSet> = serde_json::from_str(text).ok();
    let set = set.filter(|set| (1..=KEYS_MAX).contains(&set.keys.len()));
    let set = set.ok_or_else(|| KeysError::NotAKeySet { path: path.map(Path::to_owned) })?;
    // Keys of other kinds are skipped: an account service's set may serve others as well (RFC 7517 section 5).
    let keys: KeySet = set.keys.iter().filter_map(usable).collect();
    if keys.is_empty() { Err(KeysError::NoUsableKey { path: path.map(Path::to_owned) }) } else { Ok(keys) }
}

fn usable(jwk: &Jwk) -> Option<(String, DecodingKey)> {
    let AlgorithmParameters::OctetKeyPair(parameters) = &jwk.algorithm else { return None };
    if parameters.curve != EllipticCurve::Ed25519 {
        return None;
    }
    let key = DecodingKey::from_ed_components(&parameters.x).ok()?;
    (key.try_get_as_bytes().ok()?.len() == 32).then_some((jwk.common.key_id.clone()?, key))
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some(Stamp { modified: metadata.modified().ok(), bytes: metadata.len(), inode: inode(&metadata) })
}

#[cfg(unix)]
fn inode(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_metadata: &fs::Metadata) -> u64 {
    0
}

fn in_file(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| format!(" {}", path.display()))
}

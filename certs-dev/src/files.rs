use crate::DevCertificates;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

const PRIVATE_MODE: u32 = 0o600;
const PUBLIC_MODE: u32 = 0o644;

/// Where [`DevCertificates::save`] put everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedFiles {
    /// `ca.pem`, for clients.
    pub ca: PathBuf,
    /// `relay.crt`, for the relay.
    pub certificate: PathBuf,
    /// `relay.key`, for the relay, mode 0600.
    pub private_key: PathBuf,
}

/// Why a file was not written. What was written before it is left there.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// A file of this name is there already.
    #[error("{path} exists and is not overwritten; name another folder, or remove it", path = path.display())]
    Exists {
        /// Which file.
        path: PathBuf,
    },
    /// The system said no.
    #[error("cannot write {path}: {source}; name a folder that you may write to", path = path.display())]
    Write {
        /// Which file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl DevCertificates {
    /// Writes `ca.pem`, `relay.crt` and `relay.key` into `folder`, which is made if need be.
    ///
    /// # Errors
    /// [`SaveError::Exists`] rather than overwriting one of them, before anything is written;
    /// [`SaveError::Write`] otherwise.
    pub fn save(&self, folder: &Path) -> Result<SavedFiles, SaveError> {
        fs::create_dir_all(folder).map_err(|source| SaveError::Write { path: folder.to_owned(), source })?;
        let files = SavedFiles {
            ca: folder.join("ca.pem"),
            certificate: folder.join("relay.crt"),
            private_key: folder.join("relay.key"),
        };
        refuse_existing(&[&files.ca, &files.certificate, &files.private_key])?;
        create_new(&files.private_key, self.private_key_pem(), PRIVATE_MODE)?;
        create_new(&files.certificate, &self.chain_pem(), PUBLIC_MODE)?;
        create_new(&files.ca, &self.ca_pem(), PUBLIC_MODE)?;
        Ok(files)
    }
}

fn refuse_existing(paths: &[&Path]) -> Result<(), SaveError> {
    match paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => Err(SaveError::Exists { path: path.to_path_buf() }),
        None => Ok(()),
    }
}

fn create_new(path: &Path, text: &str, mode: u32) -> Result<(), SaveError> {
    // Also refuses what came into being since the check.
    open_new(path, mode).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|source| {
        match source.kind() {
            ErrorKind::AlreadyExists => SaveError::Exists { path: path.to_owned() },
            _ => SaveError::Write { path: path.to_owned(), source },
        }
    })
}

#[cfg(unix)]
fn open_new(path: &Path, mode: u32) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

#[cfg(not(unix))]
fn open_new(path: &Path, _mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

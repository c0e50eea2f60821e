use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 256 * 1024;
const SECRET_MODE: u32 = 0o600;
const PUBLIC_MODE: u32 = 0o644;

/// Why a file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}; name a file that exists and is yours", path = path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Others than its owner can read it.
    #[error("{path} has mode {mode:04o}, so others can read the keys in it; chmod 600 it, or make new keys", path = path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is there and was not to be replaced.
    #[error("{path} is there already and is not overwritten; remove it, or use --force", path = path.display())]
    Exists {
        /// Which file.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("cannot write {path}: {source}; name a folder that may be written to", path = path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// Reads a file that only its owner can read.
///
/// # Errors
/// [`SecretFileError::Exposed`] when others can read it, [`SecretFileError::Read`] otherwise.
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, SecretFileError> {
    let read_error = |source| SecretFileError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(read_error)?;
    let mode = file.metadata().map_err(read_error)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretFileError::Exposed { path: path.to_owned(), mode });
    }
    let length = file.metadata().map_err(read_error)?.len().min(FILE_BYTES_MAX);
    // One allocation that is large enough: a growing buffer would leave unwiped copies behind.
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(read_error)?;
    Ok(text)
}

/// Writes a file, with mode 0600 when it is `secret`; replaces one only when told to.
///
/// # Errors
/// [`SecretFileError::Exists`] or [`SecretFileError::Write`].
pub fn write_file(path: &Path, bytes: &[u8], secret: bool, replace: bool) -> Result<(), SecretFileError> {
    let write_error = |source| SecretFileError::Write { path: path.to_owned(), source };
    if path.exists() {
        if !replace {
            return Err(SecretFileError::Exists { path: path.to_owned() });
        }
        // Not written over: the old one's mode would stay.
        fs::remove_file(path).map_err(write_error)?;
    }
    let mode = if secret { SECRET_MODE } else { PUBLIC_MODE };
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(write_error)?;
    file.write_all(bytes).map_err(write_error)
}

/// Makes a folder, with mode 0700, where there is none.
///
/// # Errors
/// [`SecretFileError::Write`].
pub fn make_folder(folder: &Path) -> Result<(), SecretFileError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| SecretFileError::Write { path: folder.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temp::TempFolder;

    #[test]
    fn secrets_are_for_their_owner_only() {
        let folder = TempFolder::create().unwrap();
        let path = folder.path().join("secret");
        write_file(&path, b"text", true, false).unwrap();
        assert_eq!(read_secret(&path).unwrap().as_str(), "text");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_secret(&path), Err(SecretFileError::Exposed { mode: 0o640, .. })));
        write_file(&path, b"new", true, true).unwrap();
        assert_eq!(read_secret(&path).unwrap().as_str(), "new");
    }

    #[test]
    fn nothing_is_overwritten_unasked_and_errors_name_the_file() {
        let folder = TempFolder::create().unwrap();
        let path = folder.path().join("file");
        write_file(&path, b"one", false, false).unwrap();
        assert!(matches!(write_file(&path, b"two", false, false), Err(SecretFileError::Exists { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"one");
        let error = read_secret(&folder.path().join("none")).unwrap_err();
        assert!(error.to_string().contains("none: ") && error.to_string().contains("; "));
    }
}

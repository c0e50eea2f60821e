use crate::KeyError;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Owner only.
pub(crate) const PRIVATE_MODE: u32 = 0o600;
const PUBLIC_MODE: u32 = 0o644;
/// A private JWK has some 250 bytes; anything longer than this is another kind of file.
const KEY_FILE_BYTES_MAX: u64 = 8 * 1024;

/// Reads a file that only its owner can read, into memory that is wiped.
pub(crate) fn read_private(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let read_error = |source| KeyError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(read_error)?;
    check_mode(path, &file)?;
    // One allocation that is large enough: a growing buffer would leave unwiped copies behind.
    let mut text = Zeroizing::new(String::with_capacity(KEY_FILE_BYTES_MAX as usize + 1));
    file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(read_error)?;
    Ok(text)
}

/// Writes a new file; never overwrites one.
pub(crate) fn create_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyError> {
    let written = open_new(path, mode).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => KeyError::Exists { path: path.to_owned() },
        _ => KeyError::Write { path: path.to_owned(), source },
    })
}

/// Puts a public file in place in one step.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let _ = fs::remove_file(&beside); // left by a run that was cut off
    create_new(&beside, bytes, PUBLIC_MODE)?;
    fs::rename(&beside, path).map_err(|source| KeyError::Write { path: path.to_owned(), source })
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

#[cfg(unix)]
fn check_mode(path: &Path, file: &File) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata().map_err(|source| KeyError::Read { path: path.to_owned(), source })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(KeyError::Exposed { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn check_mode(_path: &Path, _file: &File) -> Result<(), KeyError> {
    Ok(())
}

//! A folder for one run, readable by nobody else, removed at its end.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::{hex, random};

/// Why there is no folder for temporary files.
#[derive(Debug, thiserror::Error)]
pub enum TempError {
    /// It cannot be made.
    #[error("cannot make a temporary folder in {parent} ({source}); set TMPDIR to one that may be written to", parent = parent.display())]
    Create {
        /// Where it was tried.
        parent: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// No name for it.
    #[error(transparent)]
    Name(#[from] random::NoRandomness),
}

/// The folder; dropping it removes it with all that is in it.
pub struct TempFolder(PathBuf);

impl TempFolder {
    /// Makes one with mode 0700.
    ///
    /// # Errors
    /// See [`TempError`].
    pub fn create() -> Result<Self, TempError> {
        let parent = std::env::temp_dir();
        let path = parent.join(format!("isi-demo-{}", hex::encode(&random::bytes::<8>()?)));
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Self(path)),
            Err(source) => Err(TempError::Create { parent, source }),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0)); // what cannot be removed is left to the system
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_folder_is_private_and_goes_away() {
        let folder = TempFolder::create().unwrap();
        let path = folder.path().to_owned();
        fs::write(path.join("file"), b"x").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        drop(folder);
        assert!(!path.exists());
    }
}

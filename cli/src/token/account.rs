use std::path::Path;

use isi_account::{AccountKey, KeyError};

use super::secret_file::make_folder;
use crate::{
    failure::{Exit, Failure},
    relay_config::JWKS_FILE,
};

/// The account's private key in its folder.
pub const ACCOUNT_FILE: &str = "account.key";

/// Makes an account key and its public set.
///
/// # Errors
/// When there is one already, or files cannot be written.
pub fn make_keys(folder: &Path) -> Result<(), Failure> {
    make_folder(folder).map_err(|error| Failure::of(Exit::Usage, &error))?;
    let key = AccountKey::generate().map_err(|error| key_failure(&error))?;
    key.save(&folder.join(ACCOUNT_FILE)).map_err(|error| key_failure(&error))?;
    key.jwks().save(&folder.join(JWKS_FILE)).map_err(|error| key_failure(&error))?;
    eprintln!(
        "made {ACCOUNT_FILE} (keep it secret) and {JWKS_FILE} (for relays and clients) in {}",
        folder.display()
    );
    Ok(())
}

/// The folder's account key; made where there is none.
///
/// # Errors
/// When it cannot be read or made.
pub fn open_or_make_account(folder: &Path) -> Result<AccountKey, Failure> {
    if !folder.join(ACCOUNT_FILE).exists() {
        make_keys(folder)?;
    }
    open_account(folder)
}

pub(super) fn open_account(folder: &Path) -> Result<AccountKey, Failure> {
    AccountKey::load(&folder.join(ACCOUNT_FILE)).map_err(|error| key_failure(&error))
}

/// Errors of keys say what to do after a colon or not at all, so each gets its hint here.
pub(super) fn key_failure(error: &KeyError) -> Failure {
    let hint = match error {
        KeyError::NoRandomness(_) => "check that getrandom or /dev/urandom works",
        KeyError::Exposed { .. } => "chmod 600 it, or make a new key with `isi token keys`",
        KeyError::Exists { .. } => "use the one that is there, or name another folder",
        KeyError::Write { .. } => "name a folder that may be written to",
        _ => "make one with `isi token keys FOLDER`",
    };
    Failure::new(Exit::Usage, error.to_string(), hint)
}

//! `isi token`: an account service for trying things out, in a folder.

mod account;
mod identity;
mod issue;
mod secret_file;

pub use account::{ACCOUNT_FILE, make_keys, open_or_make_account};
pub use identity::{IDENTITY_SUFFIX, Identity, IdentityError};
pub use issue::{issue, parse_session, refresh, statement};
pub use secret_file::{SecretFileError, make_folder, read_secret, write_file};

use crate::{args::TokenCommand, failure::Failure};

/// Runs one of the token commands.
///
/// # Errors
/// What a person has to correct.
pub fn run(command: TokenCommand) -> Result<(), Failure> {
    match command {
        TokenCommand::Keys { folder } => make_keys(&folder),
        TokenCommand::Issue(args) => issue(&args),
        TokenCommand::Refresh { folder, identities } => refresh(&folder, &identities),
        TokenCommand::Statement(args) => statement(&args),
    }
}

//! Files of the session record: kept while a session runs, checked afterwards.

mod keeper;
mod verify;

pub use keeper::{Keeper, Prepared};
pub use verify::verify;

use crate::{args::RecordCommand, failure::Failure};

/// `isi record`.
///
/// # Errors
/// What a person has to correct, and with its own exit code a file that does not verify.
pub fn run(command: &RecordCommand) -> Result<(), Failure> {
    match command {
        RecordCommand::Verify(args) => verify(args),
    }
}

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `isi people`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  isi people list\n  isi people trust 7f3a      after comparing the 45 digits by voice\n  isi people forget 7f3a"
)]
pub struct KnownArgs {
    /// Where they are kept; ~/.config/isi/known-people.json when not given
    #[arg(long, value_name = "FILE", global = true)]
    pub known_people: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: KnownCommand,
}

/// What to do with known people.
#[derive(Debug, Subcommand)]
pub enum KnownCommand {
    /// Who was met, since when, and whether digits were compared
    List {
        /// One JSON line instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Digits were compared and are the same: take the key that was seen last
    Trust {
        /// The account's name for the person, or its beginning
        person: String,
    },
    /// Forget somebody; the next key is believed as the first one was
    Forget {
        /// The account's name for the person, or its beginning
        person: String,
    },
}

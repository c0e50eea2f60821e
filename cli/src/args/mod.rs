//! The command line. What it means is decided by the commands; here are only names, defaults and help.

mod demo;
mod known;
mod people;
mod record;
mod token;

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

use crate::load::LoadArgs;

pub use demo::DemoArgs;
pub use known::{KnownArgs, KnownCommand};
pub use people::{ChatArgs, InviteArgs, PanicKey, PeopleArgs, RecordArgs, ShareArgs, ViewArgs};
pub use record::{RecordCommand, VerifyArgs};
pub use token::{CertsArgs, IssueArgs, StatementArgs, TokenCommand};

/// Hidden: the built-in relay of `isi demo`.
pub const RELAY_COMMAND: &str = "internal-relay";
/// Hidden: one participant of `isi demo`.
pub const PARTICIPANT_COMMAND: &str = "internal-participant";
/// Hidden: one process of `isi load`.
pub const LOADER_COMMAND: &str = "internal-loader";

/// Stands under the long help of commands.
pub(crate) const EXIT_CODES: &str = "Exit codes:
  0  it worked
  1  the run's own checks failed
  2  arguments, configuration, token or key file are wrong
  3  a search or check that was needed could not run
  4  the relay cannot be reached or refused
  5  an address is in use or cannot be bound
  6  no display to share";

const BY_HAND: &str = "By hand, everything in the folder `here`:
  isi certs here --listen 127.0.0.1:4433
  isi token issue here --relay 127.0.0.1:4433 alice=organizer bob=viewer carol=participant
  isi-relay --config here/relay.toml
  isi share here/alice.isi --lend > here/link
  isi view here/bob.isi here/link --drive
  isi chat here/carol.isi here/link";

/// Share a screen, drive it, talk, through a relay that can read none of it.
#[derive(Debug, Parser)]
#[command(name = "isi", version, after_help = BY_HAND, after_long_help = format!("{BY_HAND}\n\n{EXIT_CODES}"))]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show it all on this machine: a relay, a shared screen, viewers, a lease, messages, and the proof that the relay is blind
    Demo(DemoArgs),
    /// Make throw-away certificates and a relay configuration, for loopback only
    Certs(CertsArgs),
    /// Make account keys, tokens and identities
    #[command(subcommand)]
    Token(TokenCommand),
    /// Begin a session and share a screen; prints the link that invites
    Share(ShareArgs),
    /// See a shared screen, and drive it if you are let
    View(ViewArgs),
    /// Write with the others: lines from standard input
    Chat(ChatArgs),
    /// Check a file of a session record
    #[command(subcommand)]
    Record(RecordCommand),
    /// Whom you have met: keys of people are kept, and a change is told
    People(KnownArgs),
    /// Put load on a relay and measure: latency, rate, losses, the relay's CPU and memory
    Load(Box<LoadArgs>),
    /// Say what this system allows: UDP, buffers, display, memory search
    Doctor(DoctorArgs),
    /// The built-in relay of `isi demo`
    #[command(name = RELAY_COMMAND, hide = true)]
    InternalRelay {
        /// As for isi-relay
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// One participant of `isi demo`
    #[command(name = PARTICIPANT_COMMAND, hide = true)]
    InternalParticipant,
    /// One process of `isi load`
    #[command(name = LOADER_COMMAND, hide = true)]
    InternalLoader,
}

/// `isi doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  isi doctor --json")]
pub struct DoctorArgs {
    /// One JSON line instead of a table
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::protocol::SourceChoice;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_demo_has_the_promised_defaults() {
        let Command::Demo(demo) = Cli::try_parse_from(["isi", "demo"]).unwrap().command else { panic!() };
        assert_eq!((demo.seconds, demo.viewers, demo.fps), (10, 2, 30));
        assert_eq!(demo.source, SourceChoice::Auto);
        assert!(!demo.json && demo.png.is_none());
    }

    #[test]
    fn wrong_values_are_refused_with_exit_code_two() {
        for args in [
            &["isi", "demo", "--seconds", "0"][..],
            &["isi", "demo", "--viewers", "1"],
            &["isi", "demo", "--source", "tv"],
            &["isi", "demo", "--at", "12"],
            &["isi", "token", "issue", "here", "--relay", "r:1"],
            &["isi", "share"],
            &["isi", "share", "a.isi", "--uses", "0"],
            &["isi", "share", "a.isi", "--panic-key", "Q"],
            &["isi", "record", "verify"],
            &["isi", "record", "verify", "f", "--person", "a"],
            &["isi", "people"],
            &["isi", "nonsense"],
        ] {
            assert_eq!(Cli::try_parse_from(args).unwrap_err().exit_code(), 2, "{args:?}");
        }
    }

    #[test]
    fn hidden_commands_stay_out_of_the_help() {
        let help = Cli::command().render_long_help().to_string();
        assert!(!help.contains("internal-") && help.contains("Exit codes"));
    }
}

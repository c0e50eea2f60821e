//! The command line. What it means is decided by the commands; here are only names, defaults and help.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::{demo::protocol::SourceChoice, load::LoadArgs};

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

const DEMO_EXAMPLES: &str = "Examples:
  isi demo                              ten seconds, with a live table
  isi demo --seconds 10 --json          one JSON line on standard output
  isi demo --source desktop --png last.png
  isi demo --source x11 --type 'echo hello > /tmp/hello'

On a real X display the demo moves the pointer and does nothing else, unless --type is given: then it clicks once where the
pointer stands and types there.";

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

/// `isi demo`.
#[derive(Debug, Args)]
#[command(after_help = DEMO_EXAMPLES, after_long_help = format!("{DEMO_EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct DemoArgs {
    /// How long to measure, in seconds; some seconds for the searches are added
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub seconds: u32,
    /// Which screen to share; auto takes the X display where DISPLAY answers
    #[arg(long, value_enum, default_value_t = SourceChoice::Auto)]
    pub source: SourceChoice,
    /// How many viewers, each a process of its own
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=16))]
    pub viewers: u8,
    /// Frames per second
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub fps: u32,
    /// Write the last picture that the first viewer decoded
    #[arg(long, value_name = "FILE")]
    pub png: Option<PathBuf>,
    /// One JSON line on standard output instead of the report
    #[arg(long)]
    pub json: bool,
    /// Take this program as the relay
    #[arg(long, value_name = "PATH")]
    pub relay_bin: Option<PathBuf>,
    /// The viewer with the lease types this text and Return
    #[arg(long = "type", value_name = "TEXT")]
    pub type_text: Option<String>,
    /// Where the viewer with the lease puts the pointer, in pixels; the middle when not given
    #[arg(long, value_name = "X,Y", value_parser = point)]
    pub at: Option<(u16, u16)>,
}

/// `isi certs`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  isi certs here --listen 127.0.0.1:4433\n\nWrites ca.pem, relay.crt, relay.key (0600) and relay.toml."
)]
pub struct CertsArgs {
    /// Folder to write to; made when it is not there
    pub folder: PathBuf,
    /// Loopback address and port of the relay
    #[arg(long, default_value = "127.0.0.1:4433")]
    pub listen: SocketAddr,
    /// Replace what is there
    #[arg(long)]
    pub force: bool,
}

/// `isi token`.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make an account key: account.key (0600) and jwks.json, which relays and clients are given
    #[command(after_help = "Example:\n  isi token keys here")]
    Keys {
        /// Folder to write to; made when it is not there
        folder: PathBuf,
    },
    /// Make identities for one session: a file per person (0600) with keys, a token of ten minutes and a statement
    #[command(
        after_help = "Example:\n  isi token issue here --relay 127.0.0.1:4433 alice=organizer bob=viewer\n\nRoles: organizer, participant, viewer. Makes an account key first where the folder has none. Names are for the file only:\nwhat relay and members see is random."
    )]
    Issue(IssueArgs),
    /// Put a fresh token into an identity file
    #[command(after_help = "Example:\n  isi token refresh here here/alice.isi")]
    Refresh {
        /// Folder with account.key
        folder: PathBuf,
        /// Identity files
        #[arg(required = true)]
        identities: Vec<PathBuf>,
    },
    /// Print a statement about a member's key, for apps that hold their own keys
    #[command(
        after_help = "Example:\n  isi token statement here --session SESSION --subject 7f3a --role viewer --thumbprint KEY"
    )]
    Statement(StatementArgs),
}

/// `isi token issue`.
#[derive(Debug, Args)]
pub struct IssueArgs {
    /// Folder with account.key; identity files are written here
    pub folder: PathBuf,
    /// The relay as clients dial it, HOST:PORT
    #[arg(long)]
    pub relay: String,
    /// Session, 32 hex digits; a new one when not given
    #[arg(long)]
    pub session: Option<String>,
    /// Replace identity files that are there
    #[arg(long)]
    pub force: bool,
    /// People and their roles
    #[arg(required = true, value_name = "NAME=ROLE")]
    pub people: Vec<String>,
}

/// `isi token statement`.
#[derive(Debug, Args)]
pub struct StatementArgs {
    /// Folder with account.key
    pub folder: PathBuf,
    /// Session, 32 hex digits
    #[arg(long)]
    pub session: String,
    /// What the members shall see; at best an opaque id
    #[arg(long)]
    pub subject: String,
    /// organizer, participant or viewer
    #[arg(long)]
    pub role: String,
    /// RFC 7638 thumbprint of the member's key
    #[arg(long)]
    pub thumbprint: String,
}

/// `isi share`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  isi share here/alice.isi --source desktop > here/link\n\nStandard output has one line: the link. Whoever has the link and an identity of the same session may come in."
)]
pub struct ShareArgs {
    /// The organizer's identity file, from `isi token issue`
    pub identity: PathBuf,
    /// Which screen to share
    #[arg(long, value_enum, default_value_t = SourceChoice::Auto)]
    pub source: SourceChoice,
    /// Frames per second
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub fps: u32,
    /// Let whoever asks first drive, for as long as nobody else does
    #[arg(long)]
    pub lend: bool,
    /// End by itself after so many seconds
    #[arg(long)]
    pub seconds: Option<u64>,
}

/// `isi view`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  isi view here/bob.isi here/link --drive --png last.png\n\nWith --drive each line from standard input is typed at the shared screen, followed by Return."
)]
pub struct ViewArgs {
    /// Your identity file, from `isi token issue`
    pub identity: PathBuf,
    /// The link that `isi share` printed, or a file that holds it
    pub link: String,
    /// Ask to drive, and type lines from standard input
    #[arg(long)]
    pub drive: bool,
    /// Write the last picture when it ends
    #[arg(long, value_name = "FILE")]
    pub png: Option<PathBuf>,
    /// End by itself after so many seconds
    #[arg(long)]
    pub seconds: Option<u64>,
}

/// `isi chat`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  isi chat here/carol.isi here/link\n\nLines:\n  /who            who is here, each with a short code\n  /to CODE TEXT   to one, private\n  anything else   to all"
)]
pub struct ChatArgs {
    /// Your identity file, from `isi token issue`
    pub identity: PathBuf,
    /// The link that `isi share` printed, or a file that holds it
    pub link: String,
    /// End by itself after so many seconds
    #[arg(long)]
    pub seconds: Option<u64>,
}

/// `isi doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  isi doctor --json")]
pub struct DoctorArgs {
    /// One JSON line instead of a table
    #[arg(long)]
    pub json: bool,
}

fn point(text: &str) -> Result<(u16, u16), String> {
    let parsed =
        text.split_once(',').and_then(|(x, y)| Some((x.trim().parse().ok()?, y.trim().parse().ok()?)));
    parsed.ok_or_else(|| "two numbers of pixels, as in 640,360".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
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

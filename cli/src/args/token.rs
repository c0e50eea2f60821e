use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand};

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
        after_help = "Example:\n  isi token issue here --relay 127.0.0.1:4433 alice=organizer bob=viewer\n\nRoles: organizer, participant, viewer. Makes an account key first where the folder has none. Names are for the file only:\nwhat relay and members see is random. Without --again a person gets another key and another name each time."
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
    #[arg(long, conflicts_with = "again")]
    pub force: bool,
    /// The same people in another session: name and key in identity files that are there stay, so that pair codes do
    #[arg(long)]
    pub again: bool,
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

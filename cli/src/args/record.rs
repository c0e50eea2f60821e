use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::EXIT_CODES;

const VERIFY_EXAMPLES: &str = "Examples:
  isi record verify record.jsonl --issuers here/jwks.json
  isi record verify record.jsonl --json
  isi record verify record.jsonl --salt record.jsonl.salt --person 7f3a9c0011223344";

/// `isi record`.
#[derive(Debug, Subcommand)]
pub enum RecordCommand {
    /// Check a file of a session record: the chain, the signatures, the statements, and that no epoch is missing
    #[command(after_help = VERIFY_EXAMPLES, after_long_help = format!("{VERIFY_EXAMPLES}\n\n{EXIT_CODES}"))]
    Verify(VerifyArgs),
}

/// `isi record verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The file that --record wrote
    pub file: PathBuf,
    /// The account's public keys (JWKS): without them it is not known who the signers are
    #[arg(long, value_name = "JWKS")]
    pub issuers: Option<PathBuf>,
    /// The salt that --record wrote beside the file
    #[arg(long, value_name = "FILE", requires = "people")]
    pub salt: Option<PathBuf>,
    /// Say what the record calls this person, and where it is named: the account's name for it
    #[arg(long = "person", value_name = "SUBJECT", requires = "salt")]
    pub people: Vec<String>,
    /// One JSON line instead of the report
    #[arg(long)]
    pub json: bool,
}

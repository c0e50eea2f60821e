use std::path::PathBuf;

use clap::Args;

use super::EXIT_CODES;
use crate::demo::protocol::SourceChoice;

const DEMO_EXAMPLES: &str = "Examples:
  isi demo                              ten seconds, with a live table
  isi demo --seconds 10 --json          one JSON line on standard output
  isi demo --source desktop --png last.png
  isi demo --source x11 --type 'echo hello > /tmp/hello'

On a real X display the demo moves the pointer and does nothing else, unless --type is given: then it clicks once where the
pointer stands and types there.";

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

fn point(text: &str) -> Result<(u16, u16), String> {
    let parsed =
        text.split_once(',').and_then(|(x, y)| Some((x.trim().parse().ok()?, y.trim().parse().ok()?)));
    parsed.ok_or_else(|| "two numbers of pixels, as in 640,360".to_owned())
}

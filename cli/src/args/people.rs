use std::path::PathBuf;

use clap::Args;
use isi_client::Padding;

use crate::demo::protocol::SourceChoice;

const SHARE_EXAMPLES: &str = "Examples:
  isi share here/alice.isi --source desktop > here/link
  isi share here/alice.isi --ask --uses 3 --expires 60 --lend > here/link

Standard output has one line: the link. Whoever has the link and an identity of the same session may come in.
While it runs, Enter takes back control at once, as do the panic key and SIGUSR1; `help` and Enter lists what else can be
typed: admit, deny, pair codes, organizers, the record.";

/// `isi share`.
#[derive(Debug, Args)]
#[command(after_help = SHARE_EXAMPLES)]
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
    /// Which key takes back control on an X display, before any program sees it: Pause, F1 to F12, or none
    #[arg(long, value_name = "KEY", default_value = "Pause", value_parser = panic_key)]
    pub panic_key: PanicKey,
    /// Limits of the link.
    #[command(flatten)]
    pub invite: InviteArgs,
    /// Ask about everybody who wants to come in; otherwise holders of the link are let in
    #[arg(long)]
    pub ask: bool,
    /// Make these people organizers as soon as they are in, by the account's names for them or the beginning of one
    #[arg(long = "organizer", value_name = "PERSON")]
    pub organizers: Vec<String>,
    /// Post-quantum keys for the group: a recording of today stays closed to tomorrow's computers; at most 100 people
    #[arg(long)]
    pub post_quantum: bool,
    /// What everybody in a session may say.
    #[command(flatten)]
    pub meeting: MeetingArgs,
}

/// What everybody in a session may say, who shares, views or chats.
#[derive(Clone, Debug, Default, Args)]
pub struct MeetingArgs {
    /// Whom one has met before.
    #[command(flatten)]
    pub people: PeopleArgs,
    /// The session record.
    #[command(flatten)]
    pub record: RecordArgs,
    /// What the relay sees.
    #[command(flatten)]
    pub traffic: TrafficArgs,
    /// End by itself after so many seconds
    #[arg(long)]
    pub seconds: Option<u64>,
}

/// Limits of the link.
#[derive(Clone, Debug, Default, Args)]
pub struct InviteArgs {
    /// The link lets in so many people; somebody who comes again counts once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub uses: Option<u32>,
    /// The link lets in this person alone: the account's name for it
    #[arg(long, value_name = "SUBJECT")]
    pub person: Option<String>,
    /// The link ends after so many minutes
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(1..=525_600))]
    pub expires: Option<u64>,
}

/// Whom one has met before.
#[derive(Clone, Debug, Default, Args)]
pub struct PeopleArgs {
    /// Where the keys of people met before are kept; ~/.config/isi/known-people.json when not given
    #[arg(long, value_name = "FILE")]
    pub known_people: Option<PathBuf>,
    /// Leave when somebody's key is another than before
    #[arg(long)]
    pub strict: bool,
    /// What happens as JSON lines on standard error instead of text
    #[arg(long)]
    pub json: bool,
}

/// The session record.
#[derive(Clone, Debug, Default, Args)]
pub struct RecordArgs {
    /// Keep a file of the session record; `isi share` turns the record on, which everybody is told. FILE.salt gets what turns
    /// names into those of the record: keep it apart
    #[arg(long = "record", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// What the relay sees.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct TrafficArgs {
    /// Pad what is sent to one of few lengths, so that the relay learns less from them; at most a sixteenth more bytes, and no
    /// object below 256
    #[arg(long)]
    pub padding: bool,
}

impl TrafficArgs {
    /// As the SDK wants it.
    #[must_use]
    pub const fn padding(self) -> Padding {
        if self.padding { Padding::Buckets } else { Padding::None }
    }
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
    /// Drive at a constant rate: an object of 256 bytes leaves every MS milliseconds, whether something is typed or not, so that
    /// nobody on the way sees when and how much
    #[arg(long, value_name = "MS", requires = "drive", value_parser = clap::value_parser!(u64).range(5..=500))]
    pub constant_rate: Option<u64>,
    /// Write the last picture when it ends
    #[arg(long, value_name = "FILE")]
    pub png: Option<PathBuf>,
    /// What everybody in a session may say.
    #[command(flatten)]
    pub meeting: MeetingArgs,
}

/// `isi chat`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  isi chat here/carol.isi here/link\n\nLines:\n  /who            who is here, each with a short code\n  /codes          the session codes of the newest epochs\n  /pair CODE      the digits to compare with one person\n  /to CODE TEXT   to one, private\n  anything else   to all"
)]
pub struct ChatArgs {
    /// Your identity file, from `isi token issue`
    pub identity: PathBuf,
    /// The link that `isi share` printed, or a file that holds it
    pub link: String,
    /// What everybody in a session may say.
    #[command(flatten)]
    pub meeting: MeetingArgs,
}

/// The key that takes back control: an X11 keysym, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PanicKey(pub Option<u32>);

fn panic_key(text: &str) -> Result<PanicKey, String> {
    const PAUSE: u32 = 0xff13;
    const F1: u32 = 0xffbe;
    let function = |number: &str| number.parse::<u32>().ok().filter(|number| (1..=12).contains(number));
    match text.to_ascii_lowercase().as_str() {
        "none" => Ok(PanicKey(None)),
        "pause" => Ok(PanicKey(Some(PAUSE))),
        other => match other.strip_prefix('f').and_then(function) {
            Some(number) => Ok(PanicKey(Some(F1 + (number - 1)))),
            None => Err("one of Pause, F1 to F12, none".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_keys_have_names() {
        assert_eq!(panic_key("Pause"), Ok(PanicKey(Some(0xff13))));
        assert_eq!(panic_key("F12"), Ok(PanicKey(Some(0xffc9))));
        assert_eq!(panic_key("none"), Ok(PanicKey(None)));
        for wrong in ["", "F0", "F13", "Fx", "Enter"] {
            assert!(panic_key(wrong).is_err(), "{wrong}");
        }
    }
}

//! What the demo's processes say to each other: JSON lines over the children's standard input and output.
//!
//! Nothing secret is in arguments or environment. Private keys never leave the participant that made them; the parent
//! gets public halves and sends back what the account signed.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::histogram::Histogram;
use crate::{
    failure::Exit,
    search::{Canary, CanaryKind},
};

/// Which screen an organizer shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum SourceChoice {
    /// The X display in DISPLAY where one answers, else the built-in desktop.
    Auto,
    /// The built-in animated desktop; no display needed.
    Desktop,
    /// The X display in DISPLAY.
    X11,
}

/// What a participant is in the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Creates the group, shares its screen, is driven.
    Organizer,
    /// Watches, and drives when it has the lease.
    Viewer,
}

/// How a participant reaches the session.
#[derive(Clone, Serialize, Deserialize)]
pub struct Entry {
    /// `isi://host:port`.
    pub relay: String,
    /// Dials this instead: the proxy.
    pub connect_addr: Option<SocketAddr>,
    /// The relay's CA, PEM.
    pub ca_pem: String,
    /// The account's public keys.
    pub jwks: String,
    /// The relay's token.
    pub token: String,
    /// What the account states about the member's key.
    pub statement: String,
    /// The account's name for the participant, as the others see it.
    pub subject: String,
    /// Viewers: the fragment of the invitation.
    pub invitation: Option<String>,
}

/// What the organizer shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharing {
    /// Which screen.
    pub source: SourceChoice,
    /// Frames per second.
    pub fps: u32,
}

/// What a participant does between `begin_us` and `end_us` of the machine's monotonic clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// When counting begins, in microseconds of the monotonic clock, which all processes share.
    pub begin_us: u64,
    /// When sending and counting end.
    pub end_us: u64,
    /// Subject to send private messages to.
    pub private_to: Option<String>,
    /// Whether it drives the shared screen.
    pub drive: Option<Drive>,
    /// Whether the organizer takes the lease back meanwhile: then its end is no trouble.
    pub ends_lease: bool,
}

/// How the driver drives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drive {
    /// Typed first, followed by Return.
    pub type_text: Option<String>,
    /// Where the pointer stands, in pixels; the middle of the screen when not given.
    pub at: Option<(u16, u16)>,
    /// Whether the screen is a person's own: then nothing is clicked or typed that was not asked for.
    pub careful: bool,
}

/// From the parent to a participant.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Make keys, and canaries of these kinds.
    Prepare {
        /// Where this participant will put canaries.
        canaries: Vec<CanaryKind>,
    },
    /// Enter the session.
    Enter(Box<Entry>),
    /// Organizer: share the screen.
    Share(Sharing),
    /// Tell the session code of the current epoch once the group has so many members.
    TellCode {
        /// Members to wait for, oneself included.
        members: u32,
    },
    /// Organizer: let this subject drive.
    GrantLease {
        /// The account's name for the member.
        to: String,
    },
    /// Driver: wait for the lease and take it up.
    TakeLease,
    /// Organizer: take the lease back.
    TakeBack,
    /// Carry out a plan.
    Begin(Plan),
    /// Tell a few bytes of ciphertext of the objects received last.
    TellCiphertext,
    /// Search the objects received, sealed and opened. Sent after memory was searched: the order itself puts the needles
    /// into the participant's memory.
    SearchObjects {
        /// What to look for, in hex.
        needles: Vec<String>,
    },
    /// Write the last decoded picture.
    WritePng {
        /// Where to.
        path: PathBuf,
    },
    /// Leave and end.
    Leave,
}

/// What a participant has counted so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Frames sent in the plan's time.
    pub frames_sent: u64,
    /// Frames captured in the plan's time and decoded here.
    pub frames_received: u64,
    /// Keyframes decoded, ever.
    pub keyframes_decoded: u64,
    /// Bytes of coded frames sent or received in the plan's time.
    pub frame_bytes: u64,
    /// Capture to decoded.
    pub frame_latency: Histogram,
    /// Input events handed to the SDK.
    pub input_sent: u64,
    /// Input events applied to the screen.
    pub input_applied: u64,
    /// Input events refused: outside the lease, or not for this keyboard.
    pub input_refused: u64,
    /// Sent to applied.
    pub input_latency: Histogram,
    /// Messages sent to everyone.
    pub messages_sent: u64,
    /// Messages sent to one.
    pub private_sent: u64,
    /// Messages received, of both kinds, not one's own.
    pub messages_received: u64,
    /// Private messages received that are addressed to somebody else.
    pub private_leaked: u64,
    /// Highest sequence number seen in the log.
    pub log_sequence: u64,
    /// Alarms that heartbeats have raised.
    pub alarms: u64,
    /// Whether this participant may drive at the moment.
    pub has_lease: bool,
    /// Events, of the relay or of others, that must not occur in a demo; named for the report.
    pub troubles: Vec<String>,
}

/// From a participant to the parent.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// Public halves of its keys, and its canaries.
    Prepared {
        /// Ed25519 public key to be named in the token, hex.
        connection_key: String,
        /// RFC 7638 thumbprint of the MLS leaf key, to be named in the statement.
        member_thumbprint: String,
        /// What it will put into its objects.
        canaries: Vec<Canary>,
    },
    /// It is in the session.
    Entered {
        /// Organizer: the fragment that invites.
        invitation: Option<String>,
    },
    /// The screen is shared.
    Sharing {
        /// Which source it is.
        source: String,
        /// Width and height in pixels.
        size: (u16, u16),
    },
    /// The code people compare.
    Code {
        /// Thirty digits and the epoch.
        code: String,
    },
    /// The lease is given (organizer) or held (driver).
    Lease,
    /// Nobody drives any more.
    TakenBack(TakenBack),
    /// Counts, twice a second and at the end of a plan.
    Progress(Box<Counts>),
    /// The plan is done: nothing more will be sent.
    Done,
    /// Pieces of ciphertext, hex.
    Ciphertext {
        /// At most a few.
        pieces: Vec<String>,
    },
    /// What was found in the objects received.
    Objects(ObjectSearch),
    /// The picture is written.
    PngWritten,
    /// It cannot go on.
    Failed {
        /// How the demo shall end.
        exit: u8,
        /// What happened.
        message: String,
        /// What to do.
        hint: String,
    },
}

/// What became of the driver's input until the lease was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TakenBack {
    /// Events that were handed out to be applied.
    pub accepted: u64,
    /// From the taking back to the last of them; 0 when none came after it.
    pub accepted_after_ms: f64,
}

/// The result of searching the objects a participant received.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectSearch {
    /// Sealed objects searched.
    pub objects: u64,
    /// Which needles stand in a sealed object.
    pub in_sealed: Vec<bool>,
    /// Which needles stand in an opened one.
    pub in_opened: Vec<bool>,
}

impl Note {
    /// The note for a failure.
    #[must_use]
    pub fn failed(failure: &crate::failure::Failure) -> Self {
        Self::Failed {
            exit: failure.exit() as u8,
            message: failure.message().to_owned(),
            hint: failure.hint().to_owned(),
        }
    }

    /// The failure in a note of failure.
    #[must_use]
    pub fn into_failure(self) -> Option<crate::failure::Failure> {
        match self {
            Self::Failed { exit, message, hint } => {
                let exit = Exit::from_code(exit).unwrap_or(Exit::ChecksFailed);
                Some(crate::failure::Failure::new(exit, message, hint))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    #[test]
    fn orders_and_notes_are_one_line_each() {
        let plan =
            Plan { begin_us: 1, end_us: 2, private_to: Some("b".into()), drive: None, ends_lease: false };
        for order in [
            Order::Prepare { canaries: vec![CanaryKind::Frame] },
            Order::Begin(plan),
            Order::TellCode { members: 3 },
            Order::Leave,
        ] {
            let line = serde_json::to_string(&order).unwrap();
            assert!(!line.contains('\n'));
            let again: Order = serde_json::from_str(&line).unwrap();
            assert_eq!(serde_json::to_string(&again).unwrap(), line);
        }
        let line = serde_json::to_string(&Note::Progress(Box::default())).unwrap();
        assert!(matches!(serde_json::from_str(&line).unwrap(), Note::Progress(_)));
    }

    #[test]
    fn a_failure_survives_the_pipe() {
        let failure = Failure::new(Exit::Display, "no display", "start one");
        assert_eq!(Note::failed(&failure).into_failure(), Some(failure));
        assert_eq!(Note::Done.into_failure(), None);
    }
}

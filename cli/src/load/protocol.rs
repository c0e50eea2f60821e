//! What the processes of a load say to each other: JSON lines over the children's standard input and output. The account's key
//! goes this way and no other.

use std::net::SocketAddr;

use isi_load::{
    membership::{AdmissionLoad, Admissions},
    workload::{JoinLoad, Joins, Measure, Outcome, PartOutcome, Progress, Sessions, Share, Workload},
};
use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};

/// Where the load goes, and with what rights.
#[derive(Clone, Serialize, Deserialize)]
pub struct Destination {
    /// The relay's address.
    pub address: SocketAddr,
    /// Whom its certificate must name.
    pub server_name: String,
    /// `host:port` as its tokens name it.
    pub origin: String,
    /// The relay's CA, PEM; the system's own authorities when empty.
    pub ca_pem: String,
    /// The account's private key, as JWK.
    pub account: String,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// People who send and receive.
    Traffic(Workload),
    /// People who come in, and go or stay.
    Joins(JoinLoad),
    /// People who ask to be let into a group.
    Admissions(AdmissionLoad),
}

/// From the parent to a loader.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Bring everybody in.
    Enter {
        /// Where to.
        to: Box<Destination>,
        /// What will be done.
        work: Work,
        /// The run's sessions.
        sessions: Sessions,
        /// What of it this process carries.
        share: Share,
    },
    /// Carry it out in this time.
    Begin(Measure),
    /// Leave and end.
    Leave,
}

/// From a loader to the parent.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// What has happened so far.
    Progress(Progress),
    /// Everybody is in.
    Ready,
    /// One part of the outcome; the next in order.
    Part(Box<PartOutcome>),
    /// The rest of the outcome.
    Outcome(Box<Outcome>),
    /// The joins are done.
    Joined(Box<Joins>),
    /// Whoever asked is in.
    Admitted(Box<Admissions>),
    /// It cannot go on.
    Failed {
        /// How the command shall end.
        exit: u8,
        /// What happened.
        message: String,
        /// What to do.
        hint: String,
    },
}

impl Note {
    /// The note for a failure.
    #[must_use]
    pub fn failed(failure: &Failure) -> Self {
        Self::Failed {
            exit: failure.exit() as u8,
            message: failure.message().to_owned(),
            hint: failure.hint().to_owned(),
        }
    }

    /// The failure in a note of failure; every other note as it is.
    ///
    /// # Errors
    /// That failure.
    pub fn or_failure(self) -> Result<Self, Failure> {
        match self {
            Self::Failed { exit, message, hint } => {
                let exit = Exit::from_code(exit).unwrap_or(Exit::ChecksFailed);
                Err(Failure::new(exit, message, hint))
            }
            note => Ok(note),
        }
    }
}

//! Session state machine of the relay. No I/O, no clock, no randomness.

#![warn(clippy::wildcard_enum_match_arm)]

mod arena;
pub mod budgets;
mod buffer;
mod deadlines;
mod directory;
mod forward;
mod grants;
mod group;
mod ingress;
mod live;
mod log;
mod log_queue;
mod membership;
mod pace;
mod participant;
mod peers;
mod sequencing;
mod session;
mod shed;
mod time;
mod timers;
mod track;
mod types;

pub use budgets::{ClassBudget, SessionLimits};
pub use grants::{Controls, Grants, KindSet};
pub use session::Session;
pub use time::Timestamp;
pub use types::{
    ChunkOutcome, EgressId, GroupRefused, IngressId, JoinParams, JoinRefused, SessionStats, SubjectId,
    Violation, Wake, Write, WriteRoom,
};

//! Session state machine of the relay. No I/O, no clock, no randomness.

#![warn(clippy::wildcard_enum_match_arm)]

mod arena;
pub mod budgets;
mod grants;
mod group;
mod session;
mod time;
mod types;

pub use budgets::{ClassBudget, SessionLimits};
pub use grants::{Controls, Grants, KindSet};
pub use session::Session;
pub use time::Timestamp;
pub use types::{
    ChunkOutcome, EgressId, GroupRefused, IngressId, JoinParams, JoinRefused, SessionStats, SubjectId,
    Violation, Wake, Write, WriteRoom,
};

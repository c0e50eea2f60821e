//! One small enum per operation; each variant says what to do next.

mod closed;
mod join;
mod operation;

pub use closed::Disconnected;
pub use join::JoinError;
pub use operation::*;

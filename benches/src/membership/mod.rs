//! What a change of a session's membership costs each of those concerned, in time and in bytes.

mod change;
mod ledger;

pub use change::{Change, Stage};
pub use ledger::Ledger;

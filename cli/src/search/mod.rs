//! Looking for bytes where they must not be, and, as a control, where they must be.
//!
//! The same [`Needles::scan`] searches a process' memory, a log file, a UDP payload and an object, so that a hit in
//! the control says something about the silence elsewhere.

mod canary;
mod memory;
mod needles;

pub use canary::{CANARY_BYTES, Canary, CanaryKind, CanaryParseError};
pub use memory::{MemorySearchError, ProcessMemory, SearchReport};
pub use needles::{MAX_NEEDLES, Needles, TooManyNeedles};

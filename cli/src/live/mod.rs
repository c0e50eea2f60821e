//! The moving parts of sharing and viewing, for the demo's participants and for the commands alike.

mod driving;
mod entry;
mod screen_thread;
mod sharing;
mod viewing;

pub use driving::key_strokes;
pub use entry::{Terms, Way, enter};
pub use screen_thread::{Applied, CodedFrame, ScreenOrder, ScreenSettings, ScreenThread};
pub use sharing::{SharingError, apply_input, share_frames};
pub use viewing::{View, view_frames};

//! Tracks as apps use them: publishers seal and send, receivers open.

mod delivery;
mod live;
mod opening;
mod own;
mod remote;
mod screen_publisher;
mod screen_receiver;
mod screens;

pub use delivery::{Delivery, ReceiverPath};
pub use live::{LiveObject, LivePublisher, LiveReceiver};
pub(crate) use opening::ObjectOpener;
pub(crate) use own::{OwnPath, OwnTrack, TrackState};
pub use remote::RemoteTrack;
pub use screen_publisher::{ScreenPublisher, Sent};
pub use screen_receiver::{ReceivedFrame, ScreenReceiver};
pub(crate) use screens::Screens;

//! A raw client of the relay: QUIC, the wire's messages, and nothing else. What it sends looks random; nothing is sealed, since
//! a relay cannot tell.
//!
//! [`Dialler::join`] brings a [`Client`] into a session. [`Client::publish`] gives it tracks, [`GroupSender`], [`LogSender`] and
//! [`LiveSender`] send on them. [`Client::attend`] keeps it in its session and subscribes to what others publish, and
//! [`receive`] tells a [`Sink`] of each object that arrives whole.

mod attend;
mod control;
mod cutter;
mod dial;
mod error;
mod join;
mod log;
mod receive;
mod send;
mod tls;

pub use attend::{Attendance, Attending};
pub use cutter::{Cutter, NotAGroup};
pub use dial::{Dialler, SOCKET_BUFFER_BYTES, Target, grow_buffers};
pub use error::{ClientError, SetUpError};
pub use join::Client;
pub use log::{Heard, LogClient};
pub use receive::{Sink, receive, receive_datagrams};
pub use send::{GroupSender, LiveSender, LogSender, Payload};
pub use tls::Trust;

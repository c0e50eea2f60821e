//! Driving somebody's keyboard and mouse: the lease, the driver's sender and the driven side's receiver.

mod input_reader;
mod input_receiver;
mod input_sender;
mod prologue;
mod scope;
mod terms;

pub(crate) use input_reader::InputStreams;
pub(crate) use input_receiver::GivenLease;
pub use input_receiver::{InputReceiver, InputToApply};
pub use input_sender::InputSender;
pub(crate) use prologue::{Agreement, Prologue};
pub(crate) use scope::{category, scope_covers};
pub use terms::{Lease, LeaseId};

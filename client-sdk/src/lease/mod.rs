//! Driving somebody's keyboard and mouse: the lease, the driver's sender and the driven side's receiver.

mod constant_rate;
mod gate;
mod input_reader;
mod input_receiver;
mod input_sender;
mod panic_switch;
mod prologue;
mod refusal;
mod scope;
mod terms;
mod ticks_seen;

pub use constant_rate::{
    CONSTANT_RATE_EVENTS_QUEUED_MAX, CONSTANT_RATE_INTERVAL_MAX, CONSTANT_RATE_INTERVAL_MIN,
    ConstantRateSender,
};
pub(crate) use gate::Gate;
pub use gate::InputReport;
pub(crate) use input_reader::InputStreams;
pub(crate) use input_receiver::GivenLease;
pub use input_receiver::{InputReceiver, InputToApply};
pub use input_sender::InputSender;
pub use panic_switch::{PanicSwitch, TakenBack};
pub(crate) use prologue::{Agreement, Prologue};
pub use refusal::LeaseRefusal;
pub(crate) use scope::scope_covers;
pub use terms::{Lease, LeaseId};
pub(crate) use ticks_seen::TicksSeen;

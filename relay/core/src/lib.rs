//! Session state machine of the relay: bytes and `now` go in, decisions come out. No I/O, no clock, no
//! randomness, no async; nothing in here can open an object.
//!
//! # Order of calls
//!
//! 1. [`Session::new`] with a random [`Incarnation`](isi_wire::Incarnation); [`Session::join`] for each connection
//!    whose token and proof the shell has verified. Its answer is the first message of the control stream.
//! 2. What a connection receives goes to [`Session::handle_control`], [`Session::handle_log`],
//!    [`Session::push_datagram`], and, per group stream, [`Session::open_group`], then [`Session::push_chunks`] until
//!    [`Session::finish_group`] or [`Session::reset_group`]. A [`Violation`] closes that connection and no other.
//! 3. After every call: [`Session::drain_wakeups`], and a look at [`Session::next_deadline`]; when that has come,
//!    [`Session::handle_deadline`].
//! 4. A woken writer calls [`Session::next_write`] until there is nothing, and again when its connection takes more
//!    ([`WriteRoom`]). It carries out each [`Write`] before it asks for the next, so priority is decided late. A
//!    writer that waits for room still has to look at its wakes: input, resets and `Close` do not wait.
//! 5. A stream that its receiver stops, or that breaks, is told by [`Session::stream_stopped`]; one that only takes
//!    nothing for now by [`Session::hold_egress`], until [`Session::release_egress`]. So a stalled document holds no
//!    picture back, and what was not given to the shell yet can still be replaced by something newer.
//! 6. What the shell measures on the path to a receiver is told by [`Session::report_path`], about once per second;
//!    publishers hear of it.
//! 7. However a connection ends, [`Session::leave`] once. The session may be dropped when
//!    [`Session::is_empty`]; with it goes the memory of who was kicked.
//!
//! # What holds
//!
//! - Ciphertext of a group is held once; each receiver has a cursor into it. A chunk goes on as soon as it has come
//!   and is freed when the last cursor has passed or its budget ends ([`budgets`]).
//! - Each egress that was opened ends in one `Finish` or one `Reset`, unless its connection ends first or its
//!   receiver stopped it; nothing about it follows.
//! - A receiver that is slow, or takes nothing at all, loses its own groups, datagrams and log entries, is told so,
//!   and costs nobody else anything; only bulk goes at the pace of its slowest receiver, for a bounded time.
//! - Everything is bounded by [`SessionLimits`]; [`SessionLimits::total_bytes_max`] bounds the ciphertext in memory.
//!
//! ```
//! use bytes::Bytes;
//! use isi_relay_core::*;
//! use isi_wire::*;
//! use std::collections::VecDeque;
//!
//! let (now, alice, bob) = (Timestamp(0), ParticipantId(1), ParticipantId(2));
//! let grants = Grants {
//!     publish: KindSet::all(),
//!     subscribe: KindSet::all(),
//!     controls: Controls::NONE,
//!     tracks_max: 4,
//!     bits_per_second_max: None,
//! };
//! let mut session = Session::new(Incarnation([7; 16]), SessionLimits::default());
//! for (participant, subject) in [(alice, SubjectId([1; 32])), (bob, SubjectId([2; 32]))] {
//!     session.join(now, JoinParams { participant, subject, grants, expires_in_s: 600, resume: None })?;
//! }
//!
//! // Alice publishes a screen for Bob; a directed track needs no subscription.
//! let (request, track, audience) = (RequestId(1), TrackId(1), Audience::One(bob));
//! let (kind, class) = (TrackKind::Screen, DeliveryClass::Media);
//! session.handle_control(now, alice, ClientMessage::Publish { request, track, kind, class, audience })?;
//!
//! let header = GroupHeader { alias: TrackAlias(0), group: 1, class, offset: 0 };
//! let mut header_bytes = Vec::new();
//! header.encode(&mut header_bytes);
//! let ingress = session.open_group(now, alice, header, header_bytes.into())?;
//! let mut sealed = VecDeque::from([Bytes::from_static(b"sealed")]);
//! assert_eq!(session.push_chunks(now, ingress, &mut sealed), PushOutcome::Accepted);
//! session.finish_group(now, ingress);
//!
//! let mut wakes = Vec::new();
//! session.drain_wakeups(&mut wakes);
//! assert!(wakes.contains(&Wake::Writer(bob)));
//! let mut chunks = Vec::new();
//! let told = session.next_write(now, bob, WriteRoom::ALL, &mut chunks);
//! assert!(matches!(told, Some(Write::Control(RelayMessage::TrackAdded(_)))));
//! let group = session.next_write(now, bob, WriteRoom::ALL, &mut chunks);
//! assert!(matches!(group, Some(Write::Stream { opens: true, bytes: 6, finishes: true, .. })));
//! assert_eq!(chunks[1], "sealed"); // behind the header
//! assert_eq!(session.stats().resident_bytes, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(clippy::wildcard_enum_match_arm)]

mod admit;
mod arena;
pub mod budgets;
mod buffer;
mod deadlines;
mod directory;
mod endings;
mod forward;
mod gauge;
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
mod report;
mod sequencing;
mod session;
mod shed;
mod stats;
mod time;
mod timers;
mod track;
mod turns;
mod types;
mod write;

pub use budgets::{ClassBudget, SessionLimits};
pub use grants::{Controls, Grants, KindSet};
pub use report::PathReport;
pub use session::Session;
pub use stats::{ByClass, ClassStats, SessionStats};
pub use time::Timestamp;
pub use types::{
    EgressId, GroupRefused, IngressId, JoinParams, JoinRefused, PushOutcome, SubjectId, Violation, Wake,
};
pub use write::{Write, WriteRoom};

#[cfg(test)]
mod tests;

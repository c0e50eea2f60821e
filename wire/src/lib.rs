//! What crosses the wire between a client and the relay (`isi/1`). No I/O, no cryptography.
//!
//! SPEC.md states every byte. All decoders are total: they never panic, never allocate by a length a peer
//! claims, refuse trailing bytes and refuse varints that are longer than needed.
//!
//! - [`ClientMessage`] and [`RelayMessage`] travel on the one bidirectional control stream, in [`Frame`]s.
//! - [`GroupHeader`] opens a unidirectional stream that carries one group of objects back to back.
//! - [`LogUpload`] and [`LogEntry`] travel on one unidirectional log stream per direction.
//! - [`DatagramHeader`] precedes an object in a QUIC datagram.
//! - [`ObjectHeader`] opens every end-to-end encrypted object; the relay never reads it.

#![warn(clippy::wildcard_enum_match_arm)]

mod class;
mod client_message;
mod codec;
mod codes;
mod datagram;
mod error;
mod frame;
mod ids;
pub mod limits;
mod log;
mod object;
mod proof;
mod relay_message;
mod report;
mod stream;
mod varint;

pub use class::{DeliveryClass, TrackKind};
pub use client_message::ClientMessage;
pub use codes::{CloseCode, LeaveReason, RefuseReason, ResetCode, TrackEndReason};
pub use datagram::DatagramHeader;
pub use error::DecodeError;
pub use frame::{Frame, FrameBuffer};
pub use ids::{
    Audience, ConnectionNonce, Incarnation, LogPosition, ParticipantId, RequestId, SessionId, TrackAlias,
    TrackId,
};
pub use log::{EntryKind, LogEntry, LogUpload, Welcome};
pub use object::{ObjectHeader, SframeHeader};
pub use proof::join_proof_message;
pub use relay_message::{Joined, RelayMessage, TrackInfo};
pub use report::{ReceiverReport, TrackReport};
pub use stream::{GroupHeader, ObjectBuffer, StreamType, write_object_length};
pub use varint::{VARINT_MAX, get_varint, put_varint, varint_len};

/// The ALPN protocol id. It is also the version: another wire is another id.
pub const ALPN: &[u8] = b"isi/1";

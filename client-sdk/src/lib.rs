//! Client SDK: join a session, share, view, drive, talk.

mod clock;
mod command;
mod credentials;
mod driver;
mod error;
mod event;
mod handle;
mod inbox;
mod lease;
mod limits;
mod member;
mod observer;
mod options;
pub mod payload;
mod session;
mod track;
mod transport;
mod url;

pub use credentials::{ConnectionKey, ConnectionKeyError, Credentials, TokenError};
pub use error::*;
pub use event::{Event, Events, Refused, TextReceived};
pub use lease::{InputReceiver, InputSender, InputToApply, Lease, LeaseId};
pub use limits::{EVENTS_QUEUED_MAX, LEASE_MS_MAX};
pub use member::{ApplicantId, MemberId, SessionMember};
pub use observer::{ObjectObserver, ObservedObject};
pub use options::{AdmitPolicy, ConnectOptions, TrustAnchors};
pub use session::Session;
pub use track::{
    LiveObject, LivePublisher, LiveReceiver, ReceivedFrame, RemoteTrack, ScreenPublisher, ScreenReceiver,
    Sent,
};
pub use transport::TrustError;
pub use url::{RelayUrl, RelayUrlError};

pub use isi_e2ee::{
    BadInvitation, IdentityError, Invitation, IssuerKeys, IssuerKeysError, LeaseEndReason, LeaseScope,
    MemberIdentity, MemberKey, PairCode, Rectangle, Role, SessionCode,
};
pub use isi_wire::{SessionId, TrackKind};

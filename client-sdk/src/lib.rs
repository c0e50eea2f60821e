//! Client SDK: join a session, share a screen, view it, drive it, talk. The relay in between can read none of it.
//!
//! A [`Session`] is one membership; its docs list the calls in their order. [`Events`] says what others do.
//!
//! - **Who you are**: [`Credentials`] hold the relay's token with the [`ConnectionKey`] it names, and the
//!   [`MemberIdentity`] that only members see. An account service signs both; the session's [`IssuerKeys`] say which.
//! - **Where**: [`ConnectOptions`] with [`RelayUrl`] and [`TrustAnchors`].
//! - **Screens**: [`ScreenPublisher`], [`ScreenReceiver`]. **Pointers, audio**: [`LivePublisher`], [`LiveReceiver`].
//! - **Driving**: [`Lease`], [`InputSender`] at the driver, [`InputReceiver`] at the driven side.
//! - **Errors**: one enum per operation; each variant says what to do next. [`Disconnected`] says why a session ended.
//!
//! The shortest useful program joins with an invitation and shows a member's screen and what people write:
//!
//! ```
//! use isi_client::{ConnectOptions, Credentials, Event, Invitation, IssuerKeys, JoinError, Session};
//!
//! async fn view(
//!     options: ConnectOptions,
//!     credentials: Credentials,
//!     issuers: IssuerKeys,
//!     invitation: &Invitation,
//! ) -> Result<(), JoinError> {
//!     let (session, mut events) = Session::join(options, credentials, issuers, invitation).await?;
//!     session.send("hello").await.ok();
//!     while let Some(event) = events.next().await {
//!         match event {
//!             Event::TrackAvailable(track) => {
//!                 let Ok(mut screen) = session.subscribe_screen(track).await else { continue };
//!                 tokio::spawn(async move {
//!                     while let Some(received) = screen.next().await {
//!                         println!("frame of {} bytes", received.frame.data.len());
//!                     }
//!                 });
//!             }
//!             Event::Message(text) => println!("{:?}: {}", text.from, text.text),
//!             _ => {}
//!         }
//!     }
//!     Ok(())
//! }
//! # // An organizer who waits for the greeting and closes the session, and a relay, all in this process.
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #     use isi_account::{AccountKey, Role, StatementClaims, TokenClaims};
//! #     use isi_client::{ConnectionKey, MemberIdentity, MemberKey, SessionId, TrustAnchors};
//! #     use isi_relay::{Config, Node, admission::{AdmissionConfig, KeySource}, tls::TlsConfig};
//! #     let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
//! #     let (account, certificates) = (AccountKey::generate()?, isi_certs_dev::DevCertificates::generate()?);
//! #     let jwks = account.jwks().to_json().to_owned();
//! #     let tls = TlsConfig::from_memory(certificates.chain_der(), certificates.private_key_der());
//! #     let admission = AdmissionConfig::for_loopback(KeySource::Inline(jwks.clone()));
//! #     let node = Node::bind(Config::for_loopback(tls, admission))?;
//! #     let (origin, session) = (node.local_addr().to_string(), SessionId([7; 16]));
//! #     tokio::spawn(node.run(std::future::pending()));
//! #     let credentials = |role, subject: &str| -> Result<Credentials, Box<dyn std::error::Error>> {
//! #         let (connection_key, key) = (ConnectionKey::generate()?, MemberKey::generate());
//! #         let claims = TokenClaims::new(role, &origin, session, subject, &connection_key.public_key());
//! #         let statement = StatementClaims::new(role, session, subject, &key.public_key());
//! #         let identity = MemberIdentity::new(key, account.sign_statement(&statement, now)?)?;
//! #         Ok(Credentials { token: account.sign_token(&claims, now)?, connection_key, identity })
//! #     };
//! #     let trust = TrustAnchors::Pem(certificates.ca_pem().into());
//! #     let options = ConnectOptions::new(format!("isi://{origin}").parse()?, trust);
//! #     let issuers = || IssuerKeys::from_jwks(jwks.as_bytes());
//! #     let root = credentials(Role::Organizer, "root")?;
//! #     let (root, mut events) = Session::create(options.clone(), root, issuers()?).await?;
//! #     let invitation = root.invite().await?;
//! #     let viewer = view(options, credentials(Role::Viewer, "guest")?, issuers()?, &invitation);
//! #     let organizer = async {
//! #         while let Some(event) = events.next().await {
//! #             if matches!(&event, Event::Message(text) if text.text == "hello") {
//! #                 break;
//! #             }
//! #         }
//! #         root.close().await.ok();
//! #     };
//! #     let (viewed, ()) = tokio::join!(viewer, organizer);
//! #     Ok(viewed?)
//! # }
//! ```
//!
//! What is bounded says so, with its unit in its name and what happens beyond it: [`EVENTS_QUEUED_MAX`] events,
//! [`LEASE_MS_MAX`] per lease, [`payload::TEXT_BYTES_MAX`] per text.

mod alarm;
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
mod organizing;
pub mod payload;
mod record;
mod rights;
mod session;
mod token_source;
mod track;
mod transport;
mod url;

pub use alarm::Alarm;
pub use credentials::{ConnectionKey, ConnectionKeyError, Credentials, TokenError};
pub use error::*;
pub use event::{Event, Events, Refused, TextReceived};
pub use lease::{
    CONSTANT_RATE_EVENTS_QUEUED_MAX, CONSTANT_RATE_INTERVAL_MAX, CONSTANT_RATE_INTERVAL_MIN,
    ConstantRateSender, InputReceiver, InputReport, InputSender, InputToApply, Lease, LeaseId, LeaseRefusal,
    PanicSwitch, TakenBack,
};
pub use limits::{EVENTS_QUEUED_MAX, LEASE_MS_MAX};
pub use member::{ApplicantId, MemberId, SessionMember};
pub use observer::{ObjectObserver, ObservedObject};
pub use options::{AdmitPolicy, ConnectOptions, LastOrganizer, Reconnect, SUBJECTS_LISTED_MAX, TrustAnchors};
pub use record::{RecordError, RecordLines, Recording};
pub use session::Session;
pub use token_source::TokenSource;
pub use track::{
    Delivery, LiveObject, LivePublisher, LiveReceiver, ReceivedFrame, ReceiverPath, RemoteTrack,
    ScreenPublisher, ScreenReceiver, Sent,
};
pub use transport::TrustError;
pub use url::{RelayUrl, RelayUrlError};

pub use isi_e2ee::{
    BadInvitation, DenyReason, GroupProfile, IdentityError, Invitation, InvitationId, InvitationState,
    InvitationStatus, InviteOptions, IssuerKeys, IssuerKeysError, JoinRequestRefused, LeaseEndReason,
    LeaseScope, MemberIdentity, MemberKey, Padding, PairCode, Rectangle, Role, SessionCode, Standing,
    UnixSeconds,
};
pub use isi_e2ee::{
    FindingKind, RecordFinding, RecordId, RecordPart, RecordRefused, RecordReport, RecordSalt,
    RecordSignError, SeenSigner, SubjectHash, verify_record,
};
pub use isi_wire::{SessionId, TrackKind};

use crate::{ObjectObserver, RelayUrl, TokenSource};
use isi_e2ee::{GroupProfile, Padding};
use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// How to reach a relay, and how this client behaves as an organizer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// Which relay.
    pub url: RelayUrl,
    /// Whose certificates are believed.
    pub trust: TrustAnchors,
    /// Dials this address instead of resolving the URL's host; name and origin stay those of the URL.
    pub connect_addr: Option<SocketAddr>,
    /// Dials from this endpoint instead of a UDP socket of its own: one with an abstract socket, or one that several sessions
    /// share; leaving then waits, at most 2 s, for the other sessions' connections too. Only the endpoint's sockets are
    /// used, none of its configuration.
    pub endpoint: Option<quinn::Endpoint>,
    /// Longest wait for the relay to take this client in. 10 s by default.
    pub connect_timeout: Duration,
    /// Longest wait for an organizer's Welcome. 60 s by default.
    pub admit_timeout: Duration,
    /// Who decides about join requests. The creator's holds for the session until an organizer sets another; anybody else's
    /// only while it organizes and knows of no other.
    pub admit: AdmitPolicy,
    /// What becomes of the session when this client leaves as its only organizer.
    pub last_organizer: LastOrganizer,
    /// Which MLS suite a session that is created gets; who joins learns it from the invitation. Classic by default.
    pub profile: GroupProfile,
    /// What the lengths of this client's objects tell the relay: everything by default, buckets for at most a sixteenth more
    /// bytes. See also [`InputSender::at_constant_rate`](crate::InputSender::at_constant_rate).
    pub padding: Padding,
    /// How long this client goes on sharing while an organizer cannot be heard or the relay is caught lying, in milliseconds.
    /// 60 s by default.
    pub media_ms_max: u64,
    /// Longest wait of a newcomer for the organizer's word that the group is the one it was invited to. 15 s by default.
    pub confirm_timeout: Duration,
    /// How long this client, as an organizer, waits for a member whose connection is lost before it takes it out of the
    /// group. 30 s by default; who comes later is let in again by its invitation.
    pub offline_grace: Duration,
    /// What becomes of a membership whose connection is lost.
    pub reconnect: Reconnect,
    /// Where fresh tokens come from: before the one in use expires, and for another connection after that. Nowhere by
    /// default: then the app calls [`Session::refresh_token`](crate::Session::refresh_token).
    pub tokens: Option<TokenSource>,
    /// Sees the objects this client opens. Nobody by default.
    pub observer: Option<ObjectObserver>,
}

/// What becomes of a membership whose connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconnect {
    /// It ends.
    Never,
    /// The client tries to get the connection back, at growing intervals of up to 5 s.
    For {
        /// How long. Then the session has ended for this client.
        give_up_after: Duration,
    },
}

impl Default for Reconnect {
    /// For a minute: as long as a relay keeps what is missed.
    fn default() -> Self {
        Self::For { give_up_after: Duration::from_secs(60) }
    }
}

/// Whose certificates a client believes.
#[derive(Clone, Debug)]
pub enum TrustAnchors {
    /// These CA certificates, PEM, and no others.
    Pem(Vec<u8>),
    /// Those of the operating system.
    System,
}

/// Most subjects that [`AdmitPolicy::Subjects`] lists.
pub const SUBJECTS_LISTED_MAX: usize = 256;

/// What organizers' clients do with a valid join request. All organizers of a session share one policy: the newest.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum AdmitPolicy {
    /// Reports [`Event::JoinRequested`](crate::Event::JoinRequested) and waits for [`Session::admit`](crate::Session::admit).
    Ask,
    /// Admits whoever proves to hold an invitation, within its limits. Requests of 100 ms are admitted in one commit.
    #[default]
    InvitationHolders,
    /// Admits holders of an invitation whose subjects are listed, at most [`SUBJECTS_LISTED_MAX`], and asks about others.
    Subjects(BTreeSet<String>),
    /// Admits nobody; whoever asks is told so.
    Locked,
}

/// What becomes of the session when its only organizer leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum LastOrganizer {
    /// Another member that may organize, by its statement, and is online becomes the organizer. If there is none, the
    /// session ends for everybody.
    #[default]
    HandsOver,
    /// The session ends for everybody.
    Closes,
}

// Subjects name people: they belong in no log.
impl fmt::Debug for AdmitPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask => f.write_str("Ask"),
            Self::InvitationHolders => f.write_str("InvitationHolders"),
            Self::Subjects(subjects) => write!(f, "Subjects({})", subjects.len()),
            Self::Locked => f.write_str("Locked"),
        }
    }
}

impl ConnectOptions {
    /// The defaults for this relay.
    #[must_use]
    pub fn new(url: RelayUrl, trust: TrustAnchors) -> Self {
        Self {
            url,
            trust,
            connect_addr: None,
            endpoint: None,
            connect_timeout: Duration::from_secs(10),
            admit_timeout: Duration::from_secs(60),
            admit: AdmitPolicy::default(),
            last_organizer: LastOrganizer::default(),
            profile: GroupProfile::default(),
            padding: Padding::None,
            media_ms_max: 60_000,
            confirm_timeout: Duration::from_secs(15),
            offline_grace: Duration::from_secs(30),
            reconnect: Reconnect::default(),
            tokens: None,
            observer: None,
        }
    }
}

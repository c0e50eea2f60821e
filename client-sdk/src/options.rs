use crate::{ObjectObserver, RelayUrl};
use isi_e2ee::GroupProfile;
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
    /// Who decides about join requests, where this client is an organizer.
    pub admit: AdmitPolicy,
    /// Which MLS suite a session that is created gets; who joins learns it from the invitation. Classic by default.
    pub profile: GroupProfile,
    /// Sees the objects this client opens. Nobody by default.
    pub observer: Option<ObjectObserver>,
}

/// Whose certificates a client believes.
#[derive(Clone, Debug)]
pub enum TrustAnchors {
    /// These CA certificates, PEM, and no others.
    Pem(Vec<u8>),
    /// Those of the operating system.
    System,
}

/// What an organizer's client does with a valid join request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AdmitPolicy {
    /// Reports [`Event::JoinRequested`](crate::Event::JoinRequested) and waits for [`Session::admit`](crate::Session::admit).
    Ask,
    /// Admits whoever proves to hold one of this organizer's invitations. Requests of 100 ms are admitted in one commit.
    #[default]
    InvitationHolders,
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
            profile: GroupProfile::default(),
            observer: None,
        }
    }
}

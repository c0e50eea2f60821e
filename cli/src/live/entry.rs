//! Coming into a session.

use std::net::SocketAddr;

use isi_client::{
    AdmitPolicy, ConnectOptions, Credentials, Events, GroupProfile, Invitation, IssuerKeys, JoinError,
    ObjectObserver, Padding, RelayUrl, Session, TokenSource, TrustAnchors,
};

use crate::failure::{Exit, Failure};

/// Whom to believe and where to go.
pub struct Way<'a> {
    /// `isi://host:port`.
    pub relay: &'a str,
    /// Dials this address instead.
    pub connect_addr: Option<SocketAddr>,
    /// The relay's CA; the system's own authorities when empty.
    pub ca_pem: &'a str,
    /// The account's public keys (JWKS).
    pub issuer_keys: &'a str,
    /// Fragment of an invitation; without one a session is created.
    pub invitation: Option<&'a str>,
    /// Sees sealed objects.
    pub observer: Option<ObjectObserver>,
    /// Whether lengths of objects are hidden from the relay.
    pub padding: Padding,
    /// Where fresh tokens come from.
    pub tokens: Option<TokenSource>,
    /// Who decides about join requests, and the group's suite, where a session is created.
    pub terms: Terms,
}

/// What the creator of a session decides.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Who decides about join requests.
    pub admit: AdmitPolicy,
    /// The group's suite.
    pub profile: GroupProfile,
}

/// Creates the session of the token, or joins it where there is an invitation.
///
/// # Errors
/// What a person has to correct, with the exit code that says whose fault it is.
pub async fn enter(way: Way<'_>, credentials: Credentials) -> Result<(Session, Events), Failure> {
    let url: RelayUrl = way.relay.parse().map_err(|error| Failure::of(Exit::Usage, &error))?;
    let issuers = IssuerKeys::from_jwks(way.issuer_keys.as_bytes())
        .map_err(|error| Failure::of(Exit::Usage, &error))?;
    let trust = match way.ca_pem {
        "" => TrustAnchors::System,
        pem => TrustAnchors::Pem(pem.as_bytes().to_vec()),
    };
    let mut options = ConnectOptions::new(url, trust);
    options.connect_addr = way.connect_addr;
    options.observer = way.observer;
    options.padding = way.padding;
    options.tokens = way.tokens;
    options.admit = way.terms.admit;
    options.profile = way.terms.profile;
    let entered = match way.invitation {
        None => Session::create(options, credentials, issuers).await,
        Some(fragment) => {
            let invitation =
                Invitation::from_fragment(fragment).map_err(|error| Failure::of(Exit::Usage, &error))?;
            Session::join(options, credentials, issuers, &invitation).await
        }
    };
    entered.map_err(|error| join_failure(&error))
}

/// Faults of what a person brought are usage errors, the rest is the relay's.
fn join_failure(error: &JoinError) -> Failure {
    let exit = match error {
        JoinError::Trust(_) | JoinError::Token(_) | JoinError::OtherSession | JoinError::Identity(_) => {
            Exit::Usage
        }
        _ => Exit::Relay,
    };
    Failure::of(exit, error)
}

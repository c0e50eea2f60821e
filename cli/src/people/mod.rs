//! `isi share`, `isi view`, `isi chat`: the session by hand, each a program of its own against any relay.

mod chat;
mod companion;
mod crowd;
mod fresh;
mod host;
mod keyboard;
mod link;
mod share;
mod teller;
mod typist;
mod view;

pub use chat::chat;
pub use link::{Link, LinkError};
pub use share::share;
pub use view::view;

use std::{future::Future, path::Path, time::Duration};

use isi_client::{Events, Padding, Session};

use self::fresh::Fresh;
use crate::{
    failure::{Exit, Failure},
    live::{self, Terms, Way},
    token::Identity,
};

/// Comes in with an identity file: creates its session, or joins it where there is a link.
async fn enter(path: &Path, link: Option<&Link>, terms: Terms, padding: Padding) -> Result<Entered, Failure> {
    let identity = Identity::load(path).map_err(|error| Failure::of(Exit::Usage, &error))?;
    if let Some(link) = link.filter(|link| link.relay != identity.relay) {
        let message =
            format!("the link is for another relay ({}) than the identity ({})", link.relay, identity.relay);
        return Err(Failure::new(
            Exit::Usage,
            message,
            "make an identity for that relay with `isi token issue --relay`",
        ));
    }
    let credentials = identity.credentials().map_err(|error| Failure::of(Exit::Usage, &error))?;
    let fresh = Fresh::of(path, &identity);
    let way = Way {
        relay: &identity.relay,
        connect_addr: None,
        ca_pem: &identity.ca_pem,
        issuer_keys: &identity.issuer_keys,
        invitation: link.map(|link| link.fragment.as_str()),
        observer: None,
        padding,
        tokens: Some(fresh.source()),
        terms,
    };
    let (session, events) = live::enter(way, credentials).await?;
    Ok(Entered { session, events, relay: identity.relay.clone(), fresh })
}

/// A session that was entered.
struct Entered {
    session: Session,
    events: Events,
    /// `isi://host:port`.
    relay: String,
    fresh: Fresh,
}

/// Ready when the person has had enough: Ctrl-C, a signal to end, or the time is over.
fn stop_asked(seconds: Option<u64>) -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let caught = |kind| signal(kind).map_err(|error| Failure::of(Exit::Usage, &error));
    let (mut interrupt, mut terminate) = (caught(SignalKind::interrupt())?, caught(SignalKind::terminate())?);
    Ok(async move {
        let time_over = async {
            match seconds {
                Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = time_over => {}
        }
    })
}

fn relay_failure(error: &(impl std::error::Error + ?Sized)) -> Failure {
    Failure::of(Exit::Relay, error)
}

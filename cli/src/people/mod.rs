//! `isi share`, `isi view`, `isi chat`: the session by hand, each a program of its own against any relay.

mod chat;
mod companion;
mod crowd;
mod host;
mod keyboard;
mod link;
mod share;
mod teller;
mod view;

pub use chat::chat;
pub use link::{Link, LinkError};
pub use share::share;
pub use view::view;

use std::{
    convert::Infallible,
    future::Future,
    path::{Path, PathBuf},
    time::Duration,
};

use isi_client::{Events, Session};
use zeroize::Zeroizing;

use crate::{
    failure::{Exit, Failure},
    live::{self, Terms, Way},
    token::Identity,
};

/// How often the identity file is looked at for a fresh token.
const TOKEN_LOOK_EVERY: Duration = Duration::from_secs(1);

/// Comes in with an identity file: creates its session, or joins it where there is a link.
async fn enter(path: &Path, link: Option<&Link>, terms: Terms) -> Result<Entered, Failure> {
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
    let way = Way {
        relay: &identity.relay,
        connect_addr: None,
        ca_pem: &identity.ca_pem,
        issuer_keys: &identity.issuer_keys,
        invitation: link.map(|link| link.fragment.as_str()),
        observer: None,
        terms,
    };
    let (session, events) = live::enter(way, credentials).await?;
    let fresh = Fresh {
        file: path.to_owned(),
        token: Zeroizing::new(identity.token.clone()),
        statement: Zeroizing::new(identity.statement.clone()),
    };
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

/// The identity file, the token that the relay knows and the statement that the members know.
struct Fresh {
    file: PathBuf,
    token: Zeroizing<String>,
    statement: Zeroizing<String>,
}

impl Fresh {
    /// Takes up each fresh token and statement that `isi token refresh` writes into the identity file: a token lives ten
    /// minutes, and the relay ends the connection with it; organizers take out who has no statement any more.
    async fn keep(mut self, session: &Session) -> Infallible {
        loop {
            tokio::time::sleep(TOKEN_LOOK_EVERY).await;
            // While it is being replaced the file is not there; the next look finds it.
            let Ok(found) = Identity::load(&self.file) else { continue };
            if found.statement != *self.statement {
                self.statement = Zeroizing::new(found.statement.clone());
                match session.refresh_statement(found.statement.clone()).await {
                    Ok(()) => eprintln!("* the fresh statement is taken up"),
                    Err(error) => eprintln!("* the fresh statement was not taken up: {error}"),
                }
            }
            if found.token != *self.token {
                self.token = Zeroizing::new(found.token.clone());
                match session.refresh_token(found.token.clone()).await {
                    Ok(()) => eprintln!("* the fresh token is taken up"),
                    Err(error) => eprintln!("* the fresh token was not taken up: {error}"),
                }
            }
        }
    }
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

use std::{
    convert::Infallible,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use isi_client::{Session, TokenSource};
use zeroize::Zeroizing;

use super::teller::Teller;
use crate::token::Identity;

/// How often the identity file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Takes up each fresh token and statement that `isi token refresh` writes into the identity file: a token lives ten
/// minutes, and the relay ends the connection with it; organizers take out who has no statement any more.
pub(super) struct Fresh {
    file: PathBuf,
    token: InUse,
    statement: Zeroizing<String>,
}

/// The token that the relay knows.
type InUse = Arc<Mutex<Zeroizing<String>>>;

impl Fresh {
    /// For a session that is entered with this identity.
    pub(super) fn of(file: &Path, identity: &Identity) -> Self {
        Self {
            file: file.to_owned(),
            token: Arc::new(Mutex::new(Zeroizing::new(identity.token.clone()))),
            statement: Zeroizing::new(identity.statement.clone()),
        }
    }

    /// Gives the file's token where the one in use has expired while the connection was lost.
    pub(super) fn source(&self) -> TokenSource {
        let (file, token) = (self.file.clone(), Arc::clone(&self.token));
        TokenSource::new(move || {
            let fresh = fresh_token(&file, &token);
            if let Some(fresh) = &fresh {
                lock(&token).clone_from(fresh);
            }
            std::future::ready(fresh.map(|fresh| fresh.to_string()))
        })
    }

    /// Looks at the file for as long as the session lasts.
    pub(super) async fn keep(mut self, session: &Session, teller: Teller) -> Infallible {
        let mut tried = Zeroizing::new(String::new());
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.look_at_statement(session, teller).await;
            if let Some(token) = fresh_token(&self.file, &self.token).filter(|token| *token != tried) {
                tried.clone_from(&token);
                // While the connection is lost this waits, and the source above gives it instead.
                let result = session.refresh_token(token.to_string()).await;
                if result.is_ok() {
                    *lock(&self.token) = token;
                }
                tell(teller, "token", result.err());
            }
        }
    }

    async fn look_at_statement(&mut self, session: &Session, teller: Teller) {
        // While it is being replaced the file is not there; the next look finds it.
        let Ok(found) = Identity::load(&self.file) else { return };
        if found.statement != *self.statement {
            self.statement = Zeroizing::new(found.statement.clone());
            let result = session.refresh_statement(found.statement.clone()).await;
            tell(teller, "statement", result.err());
        }
    }
}

fn fresh_token(file: &Path, in_use: &InUse) -> Option<Zeroizing<String>> {
    let found = Identity::load(file).ok()?;
    (found.token != **lock(in_use)).then(|| Zeroizing::new(found.token.clone()))
}

// A poisoned lock means a panic between two whole updates; the token is as good as before.
fn lock(token: &InUse) -> MutexGuard<'_, Zeroizing<String>> {
    token.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tell(teller: Teller, what: &str, error: Option<impl std::fmt::Display>) {
    match error {
        None => teller.say(&format!("{what}-renewed"), &format!("* the fresh {what} is taken up")),
        Some(error) => {
            let text = format!("* the fresh {what} was not taken up: {error}");
            teller.say(&format!("{what}-not-renewed"), &text);
        }
    }
}

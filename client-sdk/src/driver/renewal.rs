use super::run::wait_until;
use crate::TokenSource;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::Instant;

/// How long to wait when the app has no token, or the relay takes none.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Fetches fresh tokens in time.
pub(super) struct Renewal {
    source: Option<TokenSource>,
    at: Option<Instant>,
    fetching: Option<Pin<Box<dyn Future<Output = Option<String>> + Send>>>,
}

impl Renewal {
    /// For a token that is valid for `seconds` more.
    pub(super) fn new(source: Option<TokenSource>, seconds: u64) -> Self {
        let mut renewal = Self { source, at: None, fetching: None };
        renewal.schedule(seconds);
        renewal
    }

    /// Another token is in use, valid for `seconds` more: it is renewed when two thirds of that are over.
    pub(super) fn schedule(&mut self, seconds: u64) {
        self.fetching = None;
        let wait = Duration::from_secs(seconds).mul_f64(2.0 / 3.0);
        // None only for a token that outlives the clock.
        self.at = Instant::now().checked_add(wait);
    }

    /// The next fresh token, when it is time for one. Cancel safe.
    pub(super) async fn next(&mut self) -> String {
        let Some(source) = &self.source else { return std::future::pending().await };
        loop {
            if let Some(fetching) = &mut self.fetching {
                let fetched = fetching.as_mut().await;
                self.fetching = None;
                // Overridden when the relay accepts it.
                self.at = Some(Instant::now() + RETRY_AFTER);
                if let Some(token) = fetched {
                    return token;
                }
            }
            wait_until(self.at).await;
            self.fetching = Some(source.fetch());
        }
    }
}

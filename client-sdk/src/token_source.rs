use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

type Fetching = Pin<Box<dyn Future<Output = Option<String>> + Send>>;

/// Asks the app for a fresh token of the same subject, session and connection key.
///
/// It is asked when two thirds of a token's life are over, and before a connection is made anew with one that has expired.
/// `None` means that there is none now: the client goes on with what it has, and asks again.
#[derive(Clone)]
pub struct TokenSource(Arc<dyn Fn() -> Fetching + Send + Sync>);

impl TokenSource {
    /// A source that calls `fetch` for each token.
    #[must_use]
    pub fn new<F>(fetch: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Option<String>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(fetch())))
    }

    pub(crate) fn fetch(&self) -> Fetching {
        (self.0)()
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource").finish_non_exhaustive()
    }
}

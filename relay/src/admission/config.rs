use super::{CLOCK_LEEWAY_S_MAX, Origin};
use std::path::PathBuf;

/// Who is let in.
#[derive(Clone, Debug)]
pub struct AdmissionConfig {
    pub(super) origins: Vec<Origin>,
    pub(super) keys: KeySource,
    pub(super) issuer: Option<String>,
    pub(super) clock_leeway_s: u64,
}

/// Where the issuer keys (JWKS, RFC 7517) come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A file, read again when it changes; what it held last is kept while it is unreadable.
    File(PathBuf),
    /// A set given as text, for tests and embedded nodes. It never changes.
    Inline(String),
}

impl AdmissionConfig {
    /// Tokens must be for one of `origins` and signed by one of these keys.
    #[must_use]
    pub fn new(origins: Vec<Origin>, keys: KeySource) -> Self {
        Self { origins, keys, issuer: None, clock_leeway_s: CLOCK_LEEWAY_S_MAX }
    }

    /// For a node on loopback: the origins `localhost`, `127.0.0.1` and `[::1]` with the port that is bound, and no
    /// leeway, since there is one clock.
    #[must_use]
    pub fn for_loopback(keys: KeySource) -> Self {
        let hosts = ["localhost:0", "127.0.0.1:0", "[::1]:0"];
        Self::new(hosts.into_iter().filter_map(|text| Origin::parse(text).ok()).collect(), keys)
            .with_clock_leeway_s(0)
    }

    /// Tokens must name this issuer as well (`iss`).
    #[must_use]
    pub fn with_issuer(self, issuer: &str) -> Self {
        Self { issuer: Some(issuer.to_owned()), ..self }
    }

    /// How far the clocks of relay and account service may differ, at most [`CLOCK_LEEWAY_S_MAX`]; that is the default.
    /// A connection may outlive its token by as much.
    #[must_use]
    pub fn with_clock_leeway_s(self, clock_leeway_s: u64) -> Self {
        Self { clock_leeway_s: clock_leeway_s.min(CLOCK_LEEWAY_S_MAX), ..self }
    }

    /// Origins with port 0 get the port that was bound. The node calls it before [`Admission::new`](super::Admission::new).
    #[must_use]
    pub fn with_bound_port(mut self, port: u16) -> Self {
        self.origins = self.origins.into_iter().map(|origin| origin.with_bound_port(port)).collect();
        self
    }
}

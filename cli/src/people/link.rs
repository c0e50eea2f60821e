use std::fmt;

use isi_client::RelayUrl;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// An invitation with the relay's address: `isi://host:port#fragment`. Whoever has it may ask to be let in.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Link {
    /// `isi://host:port`.
    pub relay: String,
    /// The invitation itself.
    pub fragment: String,
}

/// What was given is no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no link to a session; paste the whole line that `isi share` printed, in quotes")]
pub struct LinkError;

impl Link {
    /// Reads one.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let (relay, fragment) = text.trim().split_once('#').ok_or(LinkError)?;
        relay.parse::<RelayUrl>().map_err(|_| LinkError)?;
        isi_client::Invitation::from_fragment(fragment).map_err(|_| LinkError)?;
        Ok(Self { relay: relay.to_owned(), fragment: fragment.to_owned() })
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.relay, self.fragment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "isi://127.0.0.1:4433", "isi://127.0.0.1:4433#short", "http://x#y", "#"] {
            assert!(Link::parse(text).is_err(), "{text}");
        }
    }
}

use std::fmt;

use isi_client::RelayUrl;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// An invitation with the relay's address: `isi://host:port#fragment`. Whoever has it may ask to be let in.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Link {
    /// `isi://host:port`.
    pub relay: String,
    /// The invitation itself.
    pub fragment: String,
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// What was given, or stands in the file, is none.
    #[error(
        "this is no link to a session; give the file with the whole line that `isi share` printed, or the line in quotes"
    )]
    NoLink,
    /// The file cannot be read.
    #[error(
        "cannot read the link from {path}: {source}; give the file that the output of `isi share` went to"
    )]
    Read {
        /// Which file.
        path: String,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// What every link begins with; anything else is the name of a file.
const SCHEME: &str = "isi://";

impl Link {
    /// Takes a link, or the name of a file that holds one. A file keeps the link out of the list of processes.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn find(text: &str) -> Result<Self, LinkError> {
        if text.starts_with(SCHEME) {
            return Self::parse(text);
        }
        let read = std::fs::read_to_string(text);
        let held =
            read.map(Zeroizing::new).map_err(|source| LinkError::Read { path: text.to_owned(), source })?;
        Self::parse(&held)
    }

    /// Reads a link.
    ///
    /// # Errors
    /// [`LinkError::NoLink`].
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let (relay, fragment) = text.trim().split_once('#').ok_or(LinkError::NoLink)?;
        relay.parse::<RelayUrl>().map_err(|_| LinkError::NoLink)?;
        isi_client::Invitation::from_fragment(fragment).map_err(|_| LinkError::NoLink)?;
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

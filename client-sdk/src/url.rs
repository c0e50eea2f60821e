use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// Where a relay is: `isi://host:port`.
///
/// Host and port together are the relay's origin: it is in the token's audience and in the join proof, so a token for
/// one relay is worth nothing at another.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RelayUrl {
    host: String,
    port: u16,
}

/// Why a text is no relay URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelayUrlError {
    /// It begins with something else.
    #[error("a relay URL begins with isi://, as in isi://relay.example:4433")]
    Scheme,
    /// The host is missing or not a host.
    #[error("the relay URL has no valid host; write a name, an IPv4 address or an IPv6 address in brackets")]
    Host,
    /// The port is missing or not between 1 and 65535.
    #[error("the relay URL needs a port between 1 and 65535, as in isi://relay.example:4433")]
    Port,
    /// Something follows the port.
    #[error("a relay URL ends after the port; session and invitation are given separately")]
    Trailing,
}

impl RelayUrl {
    /// The host: a DNS name in lower case, an IPv4 address, or an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The UDP port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// `host:port` as tokens name it in `aud`.
    #[must_use]
    pub fn origin(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for RelayUrl {
    type Err = RelayUrlError;

    fn from_str(text: &str) -> Result<Self, RelayUrlError> {
        let rest = text.strip_prefix("isi://").ok_or(RelayUrlError::Scheme)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@']) {
            return Err(RelayUrlError::Trailing);
        }
        let (host, port) = rest.rsplit_once(':').ok_or(RelayUrlError::Port)?;
        let host = parse_host(host)?;
        match port.parse() {
            Ok(port) if port != 0 => Ok(Self { host, port }),
            _ => Err(RelayUrlError::Port),
        }
    }
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "isi://{}", self.origin())
    }
}

// Addresses belong in no log.
impl fmt::Debug for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayUrl").finish_non_exhaustive()
    }
}

fn parse_host(host: &str) -> Result<String, RelayUrlError> {
    if let Some(literal) = host.strip_prefix('[') {
        let address = literal.strip_suffix(']').and_then(|literal| literal.parse::<Ipv6Addr>().ok());
        return address.map(|address| address.to_string()).ok_or(RelayUrlError::Host);
    }
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    if host.is_empty() || host.len() > 253 || !host.bytes().all(valid) {
        return Err(RelayUrlError::Host);
    }
    Ok(host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_give_their_origin() {
        for (text, origin) in [
            ("isi://Relay.example:4433", "relay.example:4433"),
            ("isi://127.0.0.1:1/", "127.0.0.1:1"),
            ("isi://[0:0::1]:443", "[::1]:443"),
        ] {
            let url: RelayUrl = text.parse().unwrap();
            assert_eq!(url.origin(), origin);
            assert_eq!(url.to_string().parse::<RelayUrl>().unwrap(), url);
        }
    }

    #[test]
    fn other_texts_say_what_is_missing() {
        for (text, error) in [
            ("https://relay:1", RelayUrlError::Scheme),
            ("isi://relay", RelayUrlError::Port),
            ("isi://relay:0", RelayUrlError::Port),
            ("isi://relay:70000", RelayUrlError::Port),
            ("isi://:4433", RelayUrlError::Host),
            ("isi://[::1:4433", RelayUrlError::Host),
            ("isi://a_b:4433", RelayUrlError::Host),
            ("isi://relay:1/room", RelayUrlError::Trailing),
        ] {
            assert_eq!(text.parse::<RelayUrl>(), Err(error), "{text}");
        }
    }
}

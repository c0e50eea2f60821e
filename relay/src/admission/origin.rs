use std::fmt;

/// A relay's origin as clients dial it: `host:port`, in lower case. The `aud` of tokens, and part of the join proof.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    host: String,
    port: u16,
}

/// Not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no origin: it is a host name or an address, a colon and a port, in lower case")]
pub struct OriginError(String);

impl Origin {
    /// Longest host name (RFC 1035 section 2.3.4).
    const HOST_BYTES_MAX: usize = 255;

    /// Reads `relay.example.org:4433`, `127.0.0.1:4433` or `[::1]:4433`. Port 0 stands for the port that the node
    /// binds, see [`with_bound_port`](Self::with_bound_port).
    ///
    /// # Errors
    /// [`OriginError`] when no client could have dialled it so.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let error = || OriginError(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(error)?;
        let canonical_port = port.parse().ok().filter(|number: &u16| number.to_string() == port);
        if host.len() > Self::HOST_BYTES_MAX || !is_host(host) {
            return Err(error());
        }
        Ok(Self { host: host.to_owned(), port: canonical_port.ok_or_else(error)? })
    }

    /// The origin with port 0 replaced by the port that was bound.
    #[must_use]
    pub fn with_bound_port(self, port: u16) -> Self {
        Self { port: if self.port == 0 { port } else { self.port }, ..self }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => {
            address.parse::<std::net::Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address)
        }
        None => {
            let allowed =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
            !host.is_empty() && host.bytes().all(allowed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_dials_is_an_origin() {
        for text in ["relay.example.org:4433", "localhost:0", "127.0.0.1:65535", "[::1]:443"] {
            assert_eq!(Origin::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Origin::parse("localhost:0").unwrap().with_bound_port(7).to_string(), "localhost:7");
        assert_eq!(Origin::parse("localhost:9").unwrap().with_bound_port(7).to_string(), "localhost:9");
    }

    #[test]
    fn two_spellings_of_one_origin_are_not_accepted() {
        for text in [
            "",
            "relay",
            ":1",
            "Relay:1",
            "relay:01",
            "relay:65536",
            "relay:+1",
            "::1:1",
            "[::01]:1",
            "isi://relay:1",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }
}

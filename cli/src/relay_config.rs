//! The relay's configuration as `isi certs` and the demo write it.

use std::net::SocketAddr;

/// Names of the files that a configuration refers to, relative to its folder.
pub const CERTIFICATE_FILE: &str = "relay.crt";
/// The relay's private TLS key.
pub const PRIVATE_KEY_FILE: &str = "relay.key";
/// The CA certificate that clients are given.
pub const CA_FILE: &str = "ca.pem";
/// The account's public keys.
pub const JWKS_FILE: &str = "jwks.json";

/// A configuration for a relay on `address` that clients dial as `origin`; `log` is a level and a file.
#[must_use]
pub fn render(
    address: SocketAddr,
    origin: &str,
    admin: Option<SocketAddr>,
    log: Option<(&str, &str)>,
) -> String {
    let mut text = format!(
        "[listen]\naddress = \"{address}\"\n\n\
         [tls]\ncertificate_file = \"{CERTIFICATE_FILE}\"\nprivate_key_file = \"{PRIVATE_KEY_FILE}\"\n\n\
         [admission]\norigins = [\"{origin}\"]\njwks_file = \"{JWKS_FILE}\"\n"
    );
    if let Some(admin) = admin {
        text += &format!("\n[admin]\naddress = \"{admin}\"\n");
    }
    if let Some((level, file)) = log {
        text += &format!("\n[log]\nlevel = \"{level}\"\nfile = \"{file}\"\n");
    }
    text
}

use crate::{ALPN, ConnectionNonce};

/// The bytes a client signs to prove the key its token names (`cnf`), so that a stolen token is worth nothing.
///
/// `"ISI 1.0 Join" || 0x00`, then each as `length u32 big-endian, bytes`: the origin the client dialled
/// (`host:port`), client nonce, relay nonce, the token's `jti`, the ALPN, and 32 bytes of the TLS exporter
/// with label `EXPORTER-isi-join` and empty context. Everything is length-prefixed, so no two inputs give
/// the same message.
#[must_use]
pub fn join_proof_message(
    origin: &str,
    client: &ConnectionNonce,
    relay: &ConnectionNonce,
    jti: &str,
    exporter: &[u8; 32],
) -> Vec<u8> {
    let mut out = b"ISI 1.0 Join\0".to_vec();
    for field in [origin.as_bytes(), &client.0, &relay.0, jti.as_bytes(), ALPN, exporter] {
        // Origins and ids are shorter than 4 GiB: they come from a token of at most 4 KiB or a person.
        out.extend_from_slice(&(field.len() as u32).to_be_bytes());
        out.extend_from_slice(field);
    }
    out
}

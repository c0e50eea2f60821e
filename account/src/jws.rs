use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
struct Header<'a> {
    typ: &'a str,
    alg: &'static str,
    kid: &'a str,
}

/// A compact JWS with `EdDSA` (RFC 7515 section 7.1, RFC 8037 section 3.1).
pub(crate) fn compact(key: &SigningKey, kid: &str, typ: &str, claims: &Value) -> String {
    let header = serde_json::json!(Header { typ, alg: "EdDSA", kid });
    let mut out = URL_SAFE_NO_PAD.encode(header.to_string());
    out.push('.');
    URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut out);
    let signature = key.sign(out.as_bytes());
    out.push('.');
    URL_SAFE_NO_PAD.encode_string(signature.to_bytes(), &mut out);
    out
}

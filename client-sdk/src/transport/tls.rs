//! TLS as the relay's counterpart: one explicit provider, X25519MLKEM768 and nothing else, ALPN `isi/1`.

use crate::options::TrustAnchors;
use quinn::crypto::rustls::QuicClientConfig;
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::sync::Arc;

/// Why no TLS configuration came of the trust anchors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The PEM holds no certificate.
    #[error("the CA file holds no PEM certificate; give the file that was made with the relay's certificate")]
    NoCertificate,
    /// A certificate in the PEM cannot be used as a trust anchor.
    #[error("a certificate in the CA file is damaged; get the file again")]
    Damaged,
    /// The operating system offers no certificates.
    #[error("the operating system has no CA certificates; install them (ca-certificates) or name a CA file")]
    NoSystemCertificates,
}

pub(super) fn client_crypto(trust: &TrustAnchors) -> Result<QuicClientConfig, TrustError> {
    let provider = CryptoProvider {
        kx_groups: vec![aws_lc_rs::kx_group::X25519MLKEM768],
        ..aws_lc_rs::default_provider()
    };
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| TrustError::Damaged)?
        .with_root_certificates(roots(trust)?)
        .with_no_client_auth();
    config.alpn_protocols = vec![isi_wire::ALPN.to_vec()];
    // No early data: a join proof needs the finished handshake's exporter.
    config.enable_early_data = false;
    QuicClientConfig::try_from(config).map_err(|_| TrustError::Damaged)
}

fn roots(trust: &TrustAnchors) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    match trust {
        TrustAnchors::Pem(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots.add(certificate.map_err(|_| TrustError::Damaged)?).map_err(|_| TrustError::Damaged)?;
            }
            if roots.is_empty() { Err(TrustError::NoCertificate) } else { Ok(roots) }
        }
        TrustAnchors::System => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() { Err(TrustError::NoSystemCertificates) } else { Ok(roots) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_without_certificates_says_so() {
        let refused = |pem: &[u8]| client_crypto(&TrustAnchors::Pem(pem.to_vec())).err();
        assert_eq!(refused(b""), Some(TrustError::NoCertificate));
        assert_eq!(
            refused(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            Some(TrustError::Damaged)
        );
    }
}

use super::SetUpError;
use isi_wire::ALPN;
use quinn::crypto::rustls::QuicClientConfig;
use rustls::RootCertStore;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::sync::Arc;

/// Whose certificates are believed.
#[derive(Clone, Debug)]
pub enum Trust {
    /// These CA certificates, PEM, and no others.
    Pem(String),
    /// Those of the operating system.
    System,
}

/// TLS as the SDK has it: X25519MLKEM768 and nothing else. Every client is somebody new, so no session is resumed.
pub(super) fn client_crypto(trust: &Trust) -> Result<QuicClientConfig, SetUpError> {
    let provider = CryptoProvider {
        kx_groups: vec![aws_lc_rs::kx_group::X25519MLKEM768],
        ..aws_lc_rs::default_provider()
    };
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots(trust)?)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    QuicClientConfig::try_from(config).map_err(|_| rustls::Error::General("no AES-128-GCM".to_owned()).into())
}

fn roots(trust: &Trust) -> Result<RootCertStore, SetUpError> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::Pem(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                roots
                    .add(certificate.map_err(|_| SetUpError::NoCertificate)?)
                    .map_err(|_| SetUpError::NoCertificate)?;
            }
            if roots.is_empty() { Err(SetUpError::NoCertificate) } else { Ok(roots) }
        }
        Trust::System => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() { Err(SetUpError::NoSystemCertificates) } else { Ok(roots) }
        }
    }
}

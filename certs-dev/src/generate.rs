use crate::{DEV_MARKER_OID, VALIDITY_S};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::time::{Duration, SystemTime};
use zeroize::Zeroizing;

/// Clocks of two local processes may differ by this much.
const BACKDATED_S: u64 = 3600;
/// DER of NULL.
const NULL: &[u8] = &[0x05, 0x00];
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A throw-away CA certificate with a server certificate and its key.
pub struct DevCertificates {
    ca: rcgen::Certificate,
    server: rcgen::Certificate,
    private_key: Zeroizing<Vec<u8>>,
    private_key_pem: Zeroizing<String>,
}

/// The system or the cryptography refused to make a certificate: nothing the caller did.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a throw-away certificate: {0}; does the system give random bytes?")]
pub struct GenerateError(#[from] rcgen::Error);

impl DevCertificates {
    /// New keys and certificates, valid for [`VALIDITY_S`] from now.
    ///
    /// # Errors
    /// [`GenerateError`].
    pub fn generate() -> Result<Self, GenerateError> {
        let now = SystemTime::now();
        let ca_key = Zeroizing::new(KeyPair::generate()?);
        let ca_params = ca_params(now);
        let ca = ca_params.self_signed(&*ca_key)?;
        let key = Zeroizing::new(KeyPair::generate()?);
        let server = server_params(now)?.signed_by(&*key, &Issuer::from_params(&ca_params, &*ca_key))?;
        let private_key = Zeroizing::new(key.serialize_der());
        let private_key_pem = Zeroizing::new(key.serialize_pem());
        Ok(Self { ca, server, private_key, private_key_pem })
    }

    /// What clients trust.
    #[must_use]
    pub fn ca_der(&self) -> CertificateDer<'static> {
        self.ca.der().clone()
    }

    /// What the relay presents: the server certificate alone, since clients have the CA.
    #[must_use]
    pub fn chain_der(&self) -> Vec<CertificateDer<'static>> {
        vec![self.server.der().clone()]
    }

    /// The server's private key (PKCS#8).
    #[must_use]
    pub fn private_key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.private_key.to_vec()))
    }

    /// [`ca_der`](Self::ca_der) as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        self.ca.pem()
    }

    /// [`chain_der`](Self::chain_der) as PEM.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        self.server.pem()
    }

    /// [`private_key_der`](Self::private_key_der) as PEM.
    #[must_use]
    pub fn private_key_pem(&self) -> &str {
        &self.private_key_pem
    }
}

impl std::fmt::Debug for DevCertificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DevCertificates").finish_non_exhaustive()
    }
}

fn ca_params(now: SystemTime) -> CertificateParams {
    let mut params = params(now, "ISI throw-away CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn server_params(now: SystemTime) -> Result<CertificateParams, GenerateError> {
    let mut params = params(now, "ISI throw-away relay");
    params.subject_alt_names = CertificateParams::new(NAMES.map(str::to_owned))?.subject_alt_names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn params(now: SystemTime, common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = (now - Duration::from_secs(BACKDATED_S)).into();
    params.not_after = (now + Duration::from_secs(VALIDITY_S)).into();
    params.custom_extensions = vec![CustomExtension::from_oid_content(DEV_MARKER_OID, NULL.to_vec())];
    params
}

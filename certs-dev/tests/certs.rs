//! Throw-away certificates as a TLS client, a relay and a file system see them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use isi_certs_dev::{DEV_MARKER_OID, DevCertificates, SaveError, VALIDITY_S};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::prelude::{FromDer, X509Certificate};

fn verify(
    trusted: &DevCertificates,
    shown: &DevCertificates,
    name: &str,
    after: Duration,
) -> Result<(), Error> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.ca_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + after;
    let name = ServerName::try_from(name).unwrap();
    verifier
        .verify_server_cert(&shown.chain_der()[0], &[], &name, &[], UnixTime::since_unix_epoch(now))
        .map(|_| ())
}

#[test]
fn a_client_with_the_ca_accepts_the_local_names_and_nothing_else() {
    let certificates = DevCertificates::generate().unwrap();
    for name in ["localhost", "127.0.0.1", "::1"] {
        verify(&certificates, &certificates, name, Duration::ZERO).unwrap();
    }
    assert!(verify(&certificates, &certificates, "relay.example.org", Duration::ZERO).is_err());
    let other = DevCertificates::generate().unwrap();
    assert!(verify(&other, &certificates, "localhost", Duration::ZERO).is_err());
}

#[test]
fn it_expires_after_a_week() {
    let certificates = DevCertificates::generate().unwrap();
    let at = |offset_s| verify(&certificates, &certificates, "localhost", Duration::from_secs(offset_s));
    at(VALIDITY_S - 60).unwrap();
    let Err(Error::InvalidCertificate(CertificateError::ExpiredContext { .. })) = at(VALIDITY_S + 60) else {
        panic!("valid for longer than it says");
    };
}

#[test]
fn both_certificates_carry_the_mark() {
    let certificates = DevCertificates::generate().unwrap();
    for der in [certificates.ca_der(), certificates.chain_der()[0].clone()] {
        let (_, parsed) = X509Certificate::from_der(&der).unwrap();
        let marks = parsed.extensions().iter().filter(|extension| {
            extension.oid.iter().is_some_and(|components| components.eq(DEV_MARKER_OID.iter().copied()))
        });
        assert_eq!(marks.count(), 1);
    }
}

#[test]
fn files_are_written_once_and_the_key_is_its_owners() {
    let folder = std::env::temp_dir().join(format!("isi-certs-{}", std::process::id()));
    let certificates = DevCertificates::generate().unwrap();
    let files = certificates.save(&folder).unwrap();
    assert_eq!(std::fs::read_to_string(&files.private_key).unwrap(), certificates.private_key_pem());
    assert_eq!(std::fs::read_to_string(&files.certificate).unwrap(), certificates.chain_pem());
    assert_eq!(std::fs::read_to_string(&files.ca).unwrap(), certificates.ca_pem());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&files.private_key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    std::fs::remove_file(&files.private_key).unwrap();
    let refused = DevCertificates::generate().unwrap().save(&folder).unwrap_err();
    assert!(matches!(refused, SaveError::Exists { path } if path == files.ca));
    assert!(!files.private_key.exists(), "nothing is written when one file is in the way");
    std::fs::remove_dir_all(&folder).unwrap();
}

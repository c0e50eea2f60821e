//! Certificates, and what a handshake ends with.

use crate::{Folder, set_mode};
use isi_certs_dev::DevCertificates;
use isi_relay::tls::{TlsConfig, TlsError, server_crypto};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider, kx_group};
use rustls::{CipherSuite, ClientConfig, ClientConnection, NamedGroup, RootCertStore, ServerConnection};
use std::net::SocketAddr;
use std::sync::Arc;

fn loopback() -> Vec<SocketAddr> {
    addresses(&["127.0.0.1:4433", "[::1]:4433"])
}

fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn in_memory(certificates: &DevCertificates) -> TlsConfig {
    TlsConfig::from_memory(certificates.chain_der(), certificates.private_key_der())
}

#[test]
fn a_throw_away_certificate_is_refused_unless_every_address_is_loopback() {
    let config = in_memory(&DevCertificates::generate().unwrap());
    server_crypto(&config, &loopback()).unwrap();
    server_crypto(&config, &addresses(&["127.8.0.1:0", "[::ffff:127.0.0.1]:1"])).unwrap();
    for exposed in
        ["0.0.0.0:4433", "[::]:4433", "192.0.2.1:4433", "[2001:db8::1]:4433", "[::ffff:192.0.2.1]:1"]
    {
        let bind = [loopback(), addresses(&[exposed])].concat();
        let error = server_crypto(&config, &bind).unwrap_err();
        assert!(
            matches!(error, TlsError::DevCertificate { address } if address == bind[2]),
            "{exposed}: {error}"
        );
    }
}

#[test]
fn a_marked_ca_in_the_chain_is_refused_as_well_and_an_unmarked_certificate_is_not() {
    let marked = DevCertificates::generate().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let plain =
        rcgen::CertificateParams::new(["relay.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    let private_key = || rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let everywhere = addresses(&["0.0.0.0:4433"]);
    server_crypto(&TlsConfig::from_memory(vec![plain.der().clone()], private_key()), &everywhere).unwrap();
    let chain = vec![plain.der().clone(), marked.ca_der()];
    let error = server_crypto(&TlsConfig::from_memory(chain, private_key()), &everywhere).unwrap_err();
    assert!(matches!(error, TlsError::DevCertificate { .. }));
}

#[test]
fn files_are_named_in_errors_with_their_key() {
    let folder = Folder::new();
    let files = DevCertificates::generate().unwrap().save(&folder.0).unwrap();
    let load = |certificate: &std::path::Path, key: &std::path::Path| {
        server_crypto(&TlsConfig::from_files(certificate.to_owned(), key.to_owned()), &loopback()).map(|_| ())
    };
    load(&files.certificate, &files.private_key).unwrap();
    let missing = load(&folder.0.join("none.crt"), &files.private_key).unwrap_err().to_string();
    assert!(missing.contains("tls.certificate_file") && missing.contains("none.crt"), "{missing}");
    let swapped = load(&files.private_key, &files.private_key).unwrap_err();
    assert!(matches!(swapped, TlsError::NoPem { key: "tls.certificate_file", .. }));
    set_mode(&files.certificate, 0o600);
    let swapped = load(&files.certificate, &files.certificate).unwrap_err();
    assert!(matches!(swapped, TlsError::NoPem { key: "tls.private_key_file", .. }));
    let other = DevCertificates::generate().unwrap().save(&folder.0.join("other")).unwrap();
    assert!(matches!(load(&files.certificate, &other.private_key), Err(TlsError::Unusable(_))));
    let garbage =
        folder.write("garbage.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert!(matches!(load(&garbage, &files.private_key), Err(TlsError::BadCertificate { position: 1 })));
}

#[test]
fn a_private_key_that_every_user_can_read_is_refused() {
    let folder = Folder::new();
    let files = DevCertificates::generate().unwrap().save(&folder.0).unwrap();
    let config = TlsConfig::from_files(files.certificate, files.private_key.clone());
    for mode in [0o644, 0o604] {
        set_mode(&files.private_key, mode);
        let error = server_crypto(&config, &loopback()).unwrap_err();
        assert!(matches!(error, TlsError::ExposedKey { mode: found, .. } if found == mode), "{error}");
    }
    for mode in [0o600, 0o640] {
        set_mode(&files.private_key, mode);
        server_crypto(&config, &loopback()).unwrap();
    }
}

/// Suite and group of a handshake with a client that prefers these.
fn handshake(provider: CryptoProvider) -> (CipherSuite, NamedGroup) {
    let certificates = DevCertificates::generate().unwrap();
    let server = server_crypto(&in_memory(&certificates), &loopback()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificates.ca_der()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets().unwrap();
    }
    let group = server.negotiated_key_exchange_group().unwrap().name();
    (server.negotiated_cipher_suite().unwrap().suite(), group)
}

#[test]
fn packets_are_aes_128_gcm_and_the_exchange_is_post_quantum_whatever_the_client_prefers() {
    let prefers_others = CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_AES_128_GCM_SHA256,
        ],
        ..default_provider()
    };
    let expected = (CipherSuite::TLS13_AES_128_GCM_SHA256, NamedGroup::X25519MLKEM768);
    assert_eq!(handshake(prefers_others), expected);
    assert_eq!(handshake(default_provider()), expected);
}

#[test]
fn a_client_without_post_quantum_exchange_is_served_as_browsers_may_have_none() {
    let classical = CryptoProvider { kx_groups: vec![kx_group::X25519], ..default_provider() };
    assert_eq!(handshake(classical).1, NamedGroup::X25519);
}

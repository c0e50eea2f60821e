//! A relay that does not agree on a key by X25519MLKEM768 gets nothing from this client.

use isi_account::Role;
use isi_certs_dev::DevCertificates;
use isi_client::{JoinError, Session, TrustAnchors};
use isi_testkit::{World, within};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, ServerConfig, VarInt};
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// What the client says to a relay that knows these groups, and ends each connection that comes about with code 9.
async fn joining_with(groups: &[&'static dyn SupportedKxGroup]) -> JoinError {
    let certificates = DevCertificates::generate().unwrap();
    let provider = CryptoProvider {
        kx_groups: groups.to_vec(),
        cipher_suites: vec![cipher_suite::TLS13_AES_128_GCM_SHA256],
        ..default_provider()
    };
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates.chain_der(), certificates.private_key_der())
        .unwrap();
    tls.alpn_protocols = vec![isi_wire::ALPN.to_vec()];
    let config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
    let server = Endpoint::server(config, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let address = server.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        while let Some(incoming) = server.accept().await {
            if let Ok(connection) = incoming.await {
                connection.close(VarInt::from_u32(9), b"");
            }
        }
    });
    let world = World::start();
    let mut options = world.options();
    options.trust = TrustAnchors::Pem(certificates.ca_pem().into_bytes());
    options.connect_addr = Some(address);
    let created = Session::create(options, world.credentials(Role::Organizer, "root"), world.issuers());
    let refused = within(created).await.unwrap_err();
    serving.abort();
    refused
}

#[tokio::test]
async fn a_relay_without_the_hybrid_key_exchange_is_refused_by_name() {
    let classical: &[&'static dyn SupportedKxGroup] = &[kx_group::X25519, kx_group::SECP256R1];
    let refused = joining_with(classical).await;
    assert!(matches!(refused, JoinError::Incompatible), "{refused:?}");
    assert!(refused.to_string().contains("X25519MLKEM768"), "{refused}");
}

/// The control: the same relay with it, AES-128-GCM alone, is talked to.
#[tokio::test]
async fn a_relay_with_nothing_else_is_talked_to() {
    let refused = joining_with(&[kx_group::X25519MLKEM768]).await;
    assert!(matches!(refused, JoinError::Refused(_)), "{refused:?}");
}

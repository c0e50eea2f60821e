use crate::tls::{TlsConfig, server_crypto};
use crate::transport;
use crate::workers::Workers;
use quinn::Connection;
use quinn::crypto::rustls::QuicClientConfig;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// Both ends of a connection with the node's own transport. The client does nothing by itself.
pub(super) async fn connected() -> (Connection, Connection) {
    let certificates = isi_certs_dev::DevCertificates::generate().unwrap();
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let tls = TlsConfig::from_memory(certificates.chain_der(), certificates.private_key_der());
    let tls = server_crypto(&tls, &[loopback]).unwrap();
    let bound = transport::bind(loopback, tls, &Workers::here()).unwrap();
    let (server, address) = (bound.endpoint, bound.local_addr);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificates.ca_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![isi_wire::ALPN.to_vec()];
    let mut client = quinn::Endpoint::client(loopback).unwrap();
    let config = QuicClientConfig::try_from(tls).unwrap();
    client.set_default_client_config(quinn::ClientConfig::new(Arc::new(config)));
    let connecting = client.connect(address, "localhost").unwrap();
    let accepted = async { server.accept().await.unwrap().await.unwrap() };
    let (receiver, relay) = tokio::join!(connecting, accepted);
    (relay, receiver.unwrap())
}

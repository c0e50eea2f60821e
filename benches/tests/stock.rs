//! The minimal forwarder by itself: it is only worth comparing with if it delivers what it takes.

#![expect(clippy::unwrap_used, reason = "in a test it is the failure")]

use isi_benches::duel::quic::Dialler;
use isi_benches::stock::{self, ROLE_PUBLISHER, ROLE_SUBSCRIBER};
use isi_certs_dev::DevCertificates;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connection, Endpoint, ReadToEndError, ServerConfig, VarInt};
use rustls::crypto::aws_lc_rs::default_provider;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// More than windows and chunks hold.
const FRAME_BYTES: usize = 3_000_000;

fn forwarder() -> Dialler {
    let certificates = DevCertificates::generate().unwrap();
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates.chain_der(), certificates.private_key_der())
        .unwrap();
    tls.alpn_protocols = vec![isi_wire::ALPN.to_vec()];
    let config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()));
    let endpoint = Endpoint::server(config, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    let dialler = Dialler::new(endpoint.local_addr().unwrap(), certificates.ca_der()).unwrap();
    tokio::spawn(stock::run(endpoint));
    dialler
}

async fn join(dialler: &Dialler, role: u8) -> Connection {
    let connection = dialler.dial().await.unwrap();
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&[role]).await.unwrap();
    let mut answer = [0];
    receive.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, [role]);
    connection
}

async fn send_frame(publisher: &Connection, frame: &[u8]) {
    let mut stream = publisher.open_uni().await.unwrap();
    stream.write_all(frame).await.unwrap();
    stream.finish().unwrap();
}

async fn next_frame(subscriber: &Connection) -> Result<Vec<u8>, ReadToEndError> {
    subscriber.accept_uni().await.unwrap().read_to_end(2 * FRAME_BYTES).await
}

#[tokio::test]
async fn every_subscriber_gets_every_byte_of_every_frame() {
    let dialler = forwarder();
    let (first, second) = (join(&dialler, ROLE_SUBSCRIBER).await, join(&dialler, ROLE_SUBSCRIBER).await);
    let publisher = join(&dialler, ROLE_PUBLISHER).await;
    for length in [1, 64, FRAME_BYTES] {
        let frame: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
        let ((), first, second) =
            tokio::join!(send_frame(&publisher, &frame), next_frame(&first), next_frame(&second));
        assert!(first.unwrap() == frame && second.unwrap() == frame, "of {length} bytes");
    }
}

#[tokio::test]
async fn a_frame_that_was_cut_does_not_look_whole() {
    let dialler = forwarder();
    let subscriber = join(&dialler, ROLE_SUBSCRIBER).await;
    let publisher = join(&dialler, ROLE_PUBLISHER).await;
    let mut stream = publisher.open_uni().await.unwrap();
    stream.write_all(&[7; 1000]).await.unwrap();
    let mut copy = subscriber.accept_uni().await.unwrap();
    stream.reset(VarInt::from_u32(0)).unwrap();
    assert!(matches!(copy.read_to_end(FRAME_BYTES).await, Err(ReadToEndError::Read(_))));
}

#[tokio::test]
async fn who_leaves_costs_the_others_nothing() {
    let dialler = forwarder();
    let (stays, leaves) = (join(&dialler, ROLE_SUBSCRIBER).await, join(&dialler, ROLE_SUBSCRIBER).await);
    let publisher = join(&dialler, ROLE_PUBLISHER).await;
    let mut stream = publisher.open_uni().await.unwrap();
    stream.write_all(&[1; 1000]).await.unwrap();
    let mut copy = stays.accept_uni().await.unwrap();
    leaves.close(VarInt::from_u32(0), b"");
    stream.write_all(&[2; 1000]).await.unwrap();
    stream.finish().unwrap();
    assert_eq!(copy.read_to_end(FRAME_BYTES).await.unwrap(), [[1; 1000], [2; 1000]].concat());
    send_frame(&publisher, b"next").await;
    assert_eq!(next_frame(&stays).await.unwrap(), b"next");
}

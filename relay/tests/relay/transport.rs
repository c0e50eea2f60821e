//! What the transport promises: suite and key exchange, and that no ciphertext stays.

use crate::forwarding::{media, shared_screen};
use isi_testkit::{Relay, group_stream, pattern, within};
use isi_wire::{ALPN, CloseCode};
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider, kx_group};
use rustls::pki_types::ServerName;
use rustls::{CipherSuite, ClientConnection, NamedGroup, ServerConnection};
use std::sync::Arc;

/// The node's own TLS configuration against a client that would rather have something else. quinn does not tell what was
/// agreed on, so the two sides talk through memory.
#[tokio::test]
async fn aes_128_packets_and_a_hybrid_key_exchange_are_chosen_whatever_the_client_prefers() {
    let relay = Relay::start();
    let mut provider = default_provider();
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(relay.client_tls(provider)), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(relay.server_tls())).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        pass(&mut client, &mut server);
    }
    assert_eq!(client.negotiated_cipher_suite().unwrap().suite(), CipherSuite::TLS13_AES_128_GCM_SHA256);
    assert_eq!(client.negotiated_key_exchange_group().unwrap().name(), NamedGroup::X25519MLKEM768);
}

fn pass(client: &mut ClientConnection, server: &mut ServerConnection) {
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    let mut unread = &bytes[..];
    while !unread.is_empty() {
        server.read_tls(&mut unread).unwrap();
        server.process_new_packets().unwrap();
    }
    let mut bytes = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut bytes).unwrap();
    }
    let mut unread = &bytes[..];
    while !unread.is_empty() {
        client.read_tls(&mut unread).unwrap();
        client.process_new_packets().unwrap();
    }
}

#[tokio::test]
async fn over_quic_a_client_that_takes_nothing_else_is_served() {
    let relay = Relay::start();
    let mut strict = default_provider();
    strict.cipher_suites = vec![cipher_suite::TLS13_AES_128_GCM_SHA256];
    strict.kx_groups = vec![kx_group::X25519MLKEM768];
    let connection = within(relay.dial_with(strict)).await.unwrap();
    let data =
        connection.handshake_data().unwrap().downcast::<quinn::crypto::rustls::HandshakeData>().unwrap();
    assert_eq!(data.protocol.as_deref(), Some(ALPN));
}

#[tokio::test]
async fn what_was_forwarded_and_acknowledged_is_gone() {
    let relay = Relay::start();
    let (sharer, alias, viewers) = shared_screen(&relay, 2).await;
    let (mut stream, head) = group_stream(&sharer.connection, media(alias, 1)).await;
    stream.write_all(&pattern(200_000)).await.unwrap();
    let mut groups = Vec::new();
    for viewer in &viewers {
        let mut group = viewer.next_group().await;
        group.read_at_least(head.len() + 1).await;
        groups.push(group);
    }
    stream.finish().unwrap();
    for group in groups {
        group.read_to_end().await.unwrap();
    }
    // Acknowledgements come with the connection's own timing; each turn of the relay's tasks may bring them.
    within(async {
        while relay.stats().residence.resident_bytes > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let residence = relay.stats().residence;
    assert_eq!(residence.received_bytes, 200_000);
    assert!((1..=200_000).contains(&residence.resident_bytes_max), "{residence:?}");
    assert!(residence.residence_ms_p50 > 0.0 && residence.residence_ms_p50 <= residence.residence_ms_max);
    assert_eq!(relay.stats().session_totals.resident_bytes, 0);
    assert_eq!(relay.stats().closed_with(CloseCode::Internal), 0);
}

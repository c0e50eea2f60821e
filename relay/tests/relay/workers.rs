//! A node with several threads: sessions spread over them, each stays on its own, and whoever moves is found again.

use crate::forwarding::{media, shared_screen};
use isi_account::Role;
use isi_relay::WorkerStats;
use isi_testkit::{Client, Connected, Incoming, Relay, group_stream, new_session, pattern, within};
use isi_wire::{Audience, CloseCode, DatagramHeader, DeliveryClass, RelayMessage, TrackAlias, TrackKind};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint};
use rustls::crypto::aws_lc_rs::default_provider;
use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use tokio::task::JoinSet;

fn relay_with(threads: usize) -> Relay {
    Relay::start_with(|config| config.threads = threads)
}

/// Waits until the workers' figures are as wanted: connections move with their next event.
async fn settled(relay: &Relay, wanted: impl Fn(&[WorkerStats]) -> bool) {
    within(async {
        while !wanted(&relay.stats().workers) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn forwards(sharer: &Client, alias: TrackAlias, group: u64, viewers: &[Client]) {
    let (mut stream, mut expected) = group_stream(&sharer.connection, media(alias, group)).await;
    stream.write_all(&pattern(200_000)).await.unwrap();
    stream.finish().unwrap();
    expected.extend_from_slice(&pattern(200_000));
    for viewer in viewers {
        let group = Incoming::accept(&viewer.connection).await;
        assert!(group.read_to_end().await.unwrap() == expected, "bytes were changed");
    }
}

#[tokio::test]
async fn two_sessions_are_on_two_workers_and_both_forward() {
    let relay = relay_with(2);
    let (first, second) = tokio::join!(shared_screen(&relay, 2), shared_screen(&relay, 2));
    for group in 1..4 {
        tokio::join!(
            forwards(&first.0, first.1, group, &first.2),
            forwards(&second.0, second.1, group, &second.2)
        );
    }
    settled(&relay, |workers| {
        workers.iter().all(|worker| (worker.sessions, worker.participants, worker.connections) == (1, 3, 3))
    })
    .await;
    relay.stop().await;
}

#[tokio::test]
async fn everything_of_a_session_runs_on_its_worker_and_nothing_of_it_elsewhere() {
    let relay = relay_with(3);
    // Four handshakes, on each worker in turn.
    let (sharer, alias, viewers) = shared_screen(&relay, 3).await;
    forwards(&sharer, alias, 1, &viewers).await;
    settled(&relay, |workers| {
        let (busy, idle): (Vec<_>, Vec<_>) = workers.iter().partition(|worker| worker.sessions == 1);
        // The session's deadlines, and a driver and at least a writer for each.
        let is_home = |worker: &&WorkerStats| worker.connections == 4 && worker.tasks >= 1 + 1 + 4 * 2;
        // One task is always there: it says that what was read has been seen.
        let alone = WorkerStats { tasks: 1, ..WorkerStats::default() };
        busy.iter().all(is_home) && busy.len() == 1 && idle.iter().all(|worker| **worker == alone)
    })
    .await;
}

#[tokio::test]
async fn a_client_whose_address_changes_stays_in_its_session() {
    let relay = relay_with(3);
    let (sharer, alias, _viewers) = shared_screen(&relay, 1).await;
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut endpoint = Endpoint::client(loopback).unwrap();
    let tls = QuicClientConfig::try_from(relay.client_tls(default_provider())).unwrap();
    endpoint.set_default_client_config(ClientConfig::new(Arc::new(tls)));
    let connection = endpoint.connect(relay.address, "localhost").unwrap().await.unwrap();
    let mut moves = Connected::over(connection).await.join(&relay, Role::Viewer, sharer.session).await;
    moves.subscribe(alias).await;
    let pointer = moves.publish(7, TrackKind::Pointer, DeliveryClass::Live, Audience::Everyone).await;
    let mut watches = relay.join(Role::Viewer, sharer.session).await;
    watches.subscribe(pointer).await;
    forwards(&sharer, alias, 1, std::slice::from_ref(&moves)).await;

    for group in 2..5 {
        let before = endpoint.local_addr().unwrap();
        endpoint.rebind(UdpSocket::bind(loopback).unwrap()).unwrap();
        assert_ne!(endpoint.local_addr().unwrap(), before);
        let datagram = DatagramHeader { alias: pointer }.encode(&pattern(100));
        moves.connection.send_datagram(datagram.clone()).unwrap();
        assert_eq!(within(watches.connection.read_datagram()).await.unwrap(), datagram);
        forwards(&sharer, alias, group, std::slice::from_ref(&moves)).await;
    }
    assert!(moves.connection.close_reason().is_none());
    assert_eq!(relay.stats().joins, 4, "nobody had to join again");
}

#[tokio::test]
async fn a_join_storm_lets_everybody_in_and_leaves_nothing_behind() {
    const SESSIONS: usize = 12;
    const EACH: usize = 10;
    let relay = Arc::new(relay_with(4));
    let mut joining = JoinSet::new();
    for session in [(); SESSIONS].map(|()| new_session()) {
        for _ in 0..EACH {
            let relay = Arc::clone(&relay);
            joining.spawn(async move { (session, relay.join(Role::Viewer, session).await) });
        }
    }
    let mut clients = within(joining.join_all()).await;
    let ids: HashSet<_> = clients.iter().map(|(_, client)| client.id()).collect();
    assert_eq!(ids.len(), SESSIONS * EACH);
    for (session, client) in &mut clients {
        let mut others: HashSet<_> = client.joined.participants.iter().copied().collect();
        while others.len() < EACH - 1 {
            others.insert(client.hear(joined).await);
        }
        assert!(others.is_subset(&ids) && !others.contains(&client.id()), "{session:?}");
    }
    let stats = relay.stats();
    assert_eq!((stats.sessions, stats.participants, stats.joins), (12, 120, 120));
    settled(&relay, |workers| workers.iter().map(|worker| worker.connections).sum::<u64>() == 120).await;
    settled(&relay, |workers| workers.iter().all(|worker| worker.connections == worker.participants)).await;
    assert!(relay.stats().workers.iter().all(|worker| worker.sessions > 0), "a worker was left out");

    drop(clients);
    settled(&relay, |workers| {
        workers.iter().all(|worker| worker.participants == 0 && worker.connections == 0)
    })
    .await;
    assert_eq!(relay.stats().closed_with(CloseCode::Internal), 0);
    Arc::into_inner(relay).unwrap().stop().await;
}

fn joined(message: RelayMessage) -> Option<isi_wire::ParticipantId> {
    match message {
        RelayMessage::ParticipantJoined { participant } => Some(participant),
        _ => None,
    }
}

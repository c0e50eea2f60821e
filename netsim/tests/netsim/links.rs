use crate::pair::{CLIENT, Pair, SERVER, network};
use isi_netsim::{Fate, Link, SEGMENTS_PER_TRANSMIT_MAX};
use quinn::udp::Transmit;
use std::io::{ErrorKind, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;

#[tokio::test(start_paused = true)]
async fn a_round_trip_takes_the_links_time_and_nothing_else() {
    let network = network();
    network.set_default(Link { delay: MS(40), ..Link::default() });
    let pair = Pair::over(network).await;
    let sent = pair.network.now();
    pair.client.send_datagram("ping".into()).unwrap();
    pair.server.read_datagram().await.unwrap();
    assert_eq!(pair.network.now() - sent, MS(40));
    pair.server.send_datagram("pong".into()).unwrap();
    pair.client.read_datagram().await.unwrap();
    assert_eq!(pair.network.now() - sent, MS(80));
}

#[tokio::test(start_paused = true)]
async fn an_upload_takes_what_the_bottleneck_allows() {
    let network = network();
    let link = Link { delay: MS(20), bits_per_second: Some(5_000_000), ..Link::default() };
    network.set_default(link);
    let pair = Pair::over(network).await;
    let began = pair.network.now();
    assert_eq!(pair.upload(vec![7; 2_000_000]).await.len(), 2_000_000);
    let took = pair.network.now() - began;
    assert!((link.transmission(2_000_000)..MS(4000)).contains(&took), "{took:?}");
    let stats = pair.network.stats(CLIENT, SERVER);
    assert!(stats.queued_bytes_max <= link.queue_bytes);
    assert_eq!(stats.sent_packets, stats.arriving_packets + stats.queue_full_packets, "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn a_partition_ends_and_what_was_sent_meanwhile_arrives() {
    let network = network();
    network.set_default(Link { delay: MS(20), ..Link::default() });
    let pair = Pair::over(network).await;
    pair.network.change(CLIENT, SERVER, |link| link.is_up = false);
    let heal = async {
        tokio::time::sleep(MS(3000)).await;
        pair.network.change(CLIENT, SERVER, |link| link.is_up = true);
    };
    let began = pair.network.now();
    let (uploaded, ()) = tokio::join!(pair.upload(vec![7; 10_000]), heal);
    assert_eq!(uploaded.len(), 10_000);
    assert!(pair.network.now() - began >= MS(3020));
    assert!(pair.network.stats(CLIENT, SERVER).down_packets > 0);
}

#[tokio::test(start_paused = true)]
async fn quinn_finds_the_mtu_of_the_path() {
    for (mtu_bytes, udp_bytes) in [(1280, 1252), (1500, 1452)] {
        let network = network();
        network.set_default(Link { delay: MS(5), mtu_bytes, ..Link::default() });
        let pair = Pair::over(network).await;
        pair.upload(vec![7; 1_000_000]).await;
        tokio::time::sleep(MS(5000)).await;
        // quinn's search ends when a step would be less than twenty bytes.
        let found = usize::from(pair.client.stats().path.current_mtu);
        assert!((udp_bytes - 40..=udp_bytes).contains(&found), "{found}");
        assert!(mtu_bytes == 1500 || pair.network.stats(CLIENT, SERVER).too_large_packets > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_moves_to_another_host_keeps_its_connection() {
    let network = network();
    network.set_default(Link { delay: MS(10), ..Link::default() });
    let pair = Pair::over(network).await;
    let elsewhere = Ipv4Addr::new(10, 9, 9, 9).into();
    let socket = pair.network.socket(SocketAddr::new(elsewhere, 0)).unwrap();
    pair.client_endpoint.rebind_abstract(socket).unwrap();
    assert_eq!(pair.upload(vec![7; 100_000]).await.len(), 100_000);
    assert_eq!(pair.server.remote_address().ip(), elsewhere);
    assert!(pair.network.stats(elsewhere, SERVER).arriving_bytes > 100_000);
}

#[tokio::test(start_paused = true)]
async fn a_transmit_of_several_datagrams_is_several_packets() {
    let network = network();
    let from = network.socket(SocketAddr::new(CLIENT, 1)).unwrap();
    let to = SocketAddr::new(SERVER, 1);
    let received = network.socket(to).unwrap();
    assert_eq!(from.max_transmit_segments(), SEGMENTS_PER_TRANSMIT_MAX);
    let contents = &[7; 2500];
    let transmit = Transmit { destination: to, ecn: None, contents, segment_size: Some(1200), src_ip: None };
    from.try_send(&transmit).unwrap();
    let mut buffers = [[0; 1500]; 4];
    let mut slices: Vec<_> = buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
    let mut metas = [quinn::udp::RecvMeta::default(); 4];
    let count = std::future::poll_fn(|cx| received.poll_recv(cx, &mut slices, &mut metas)).await.unwrap();
    let lengths: Vec<_> = metas[..count].iter().map(|meta| meta.len).collect();
    assert_eq!(lengths, [1200, 1200, 100]);
    assert_eq!(metas[0].addr, SocketAddr::new(CLIENT, 1));
}

#[tokio::test(start_paused = true)]
async fn an_address_is_taken_until_its_socket_is_dropped() {
    let network = network();
    let address = SocketAddr::new(CLIENT, 5);
    let socket = network.socket(address).unwrap();
    assert_eq!(network.socket(address).unwrap_err().kind(), ErrorKind::AddrInUse);
    drop(socket);
    network.socket(address).unwrap();
    let nowhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    assert_eq!(network.socket(nowhere).unwrap_err().kind(), ErrorKind::AddrNotAvailable);
}

#[tokio::test(start_paused = true)]
async fn an_observer_sees_every_packet_and_what_becomes_of_it() {
    let network = network();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seeing = Arc::clone(&seen);
    network.observe(move |packet| seeing.lock().unwrap().push(*packet));
    let from = network.socket(SocketAddr::new(CLIENT, 1)).unwrap();
    let to = SocketAddr::new(SERVER, 1);
    let send = |bytes| {
        let contents = &vec![7; bytes];
        let transmit = Transmit { destination: to, ecn: None, contents, segment_size: None, src_ip: None };
        from.try_send(&transmit).unwrap();
    };
    send(100);
    let _received = network.socket(to).unwrap();
    send(100);
    send(1473);
    let fates: Vec<_> = seen.lock().unwrap().iter().map(|packet| (packet.bytes, packet.fate)).collect();
    let arrives = Fate::Arrives { at: Duration::ZERO, again_at: None };
    assert_eq!(fates, [(128, Fate::Unheard), (128, arrives), (1501, Fate::TooLarge)]);
    let stats = network.stats(CLIENT, SERVER);
    assert_eq!((stats.sent_packets, stats.unheard_packets, stats.too_large_packets), (3, 1, 1));
}

use crate::pair::Pair;
use isi_netsim::{Link, Network, run};
use std::time::Duration;

/// Everything at once: bottleneck, jitter that reorders, loss, copies.
const BAD: Link = Link {
    delay: Duration::from_millis(30),
    jitter: Duration::from_millis(8),
    reorders: true,
    loss: 0.03,
    duplication: 0.01,
    bits_per_second: Some(10_000_000),
    queue_bytes: 64 * 1024,
    mtu_bytes: 1500,
    is_up: true,
};

/// The trace of an upload after a handshake over a good link, and how long it took.
fn upload(seed: u64) -> (u64, Duration) {
    run(async move {
        let network = Network::new(seed);
        let pair = Pair::over(network.clone()).await;
        // The end of the handshake is still under way.
        tokio::time::sleep(Duration::from_secs(1)).await;
        network.set_default(BAD);
        network.connect(crate::pair::CLIENT, crate::pair::SERVER, BAD);
        network.restart_trace();
        let began = network.now();
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|index| (index % 251) as u8).collect();
        assert!(pair.upload(bytes.clone()).await == bytes, "not what was sent");
        (network.trace_hash(), network.now() - began)
    })
}

#[test]
fn the_same_seed_gives_the_same_packets_at_the_same_times() {
    let seed = isi_netsim::seed_or(1);
    let first = upload(seed);
    println!("1 MB took {} ms of virtual time", first.1.as_millis());
    for _ in 0..3 {
        assert_eq!(upload(seed), first);
    }
    assert_ne!(upload(seed + 1).0, first.0, "a seed without effect");
}

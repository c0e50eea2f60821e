//! A UDP proxy in front of the relay that searches every payload it forwards.
//!
//! It stands where an observer on the network would. Each client gets a socket of its own towards the relay, so that
//! the relay sees as many peers as there are. Latency through it is worthless, so its phase reports none.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{net::UdpSocket, task::JoinSet};

use crate::search::Needles;

/// Clients that the proxy serves; datagrams of further ones are dropped.
const MAX_CLIENTS: usize = 64;
/// Largest UDP payload there is.
const MAX_PAYLOAD_BYTES: usize = 65_535;

/// What passed a proxy and what was found in it.
#[derive(Default)]
pub struct Observed {
    needles: Needles,
    payloads: u64,
    bytes: u64,
}

/// A running proxy; dropping it ends it.
pub struct UdpProxy {
    address: SocketAddr,
    observed: Arc<Mutex<Observed>>,
    task: tokio::task::JoinHandle<()>,
}

impl UdpProxy {
    /// Starts one on a free loopback port.
    ///
    /// # Errors
    /// When no UDP socket can be bound on loopback.
    pub async fn start(relay: SocketAddr) -> io::Result<Self> {
        let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
        let address = socket.local_addr()?;
        let observed = Arc::new(Mutex::new(Observed::default()));
        let task = tokio::spawn(forward_all(socket, relay, Arc::clone(&observed)));
        Ok(Self { address, observed, task })
    }

    /// Where clients connect to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Looks for this in every payload from now on.
    ///
    /// # Errors
    /// Too many needles.
    pub fn watch_for(&self, needle: &[u8]) -> Result<(), crate::search::TooManyNeedles> {
        self.lock().needles.add(needle)
    }

    /// Which needles were found so far, in the order of [`UdpProxy::watch_for`].
    #[must_use]
    pub fn found(&self) -> Vec<bool> {
        self.lock().needles.found().to_vec()
    }

    /// How many payloads and bytes were searched, both ways.
    #[must_use]
    pub fn searched(&self) -> (u64, u64) {
        let observed = self.lock();
        (observed.payloads, observed.bytes)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Observed> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UdpProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn search(observed: &Mutex<Observed>, payload: &[u8]) {
    let mut observed = observed.lock().unwrap_or_else(PoisonError::into_inner);
    observed.payloads += 1;
    observed.bytes += payload.len() as u64;
    observed.needles.scan(payload);
}

async fn forward_all(socket: Arc<UdpSocket>, relay: SocketAddr, observed: Arc<Mutex<Observed>>) {
    let mut upstreams: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut returns = JoinSet::new(); // aborted with this task
    let mut buffer = vec![0; MAX_PAYLOAD_BYTES];
    loop {
        // An error here is an ICMP answer to something sent before; the next datagram is none the worse.
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else { continue };
        let payload = &buffer[..length];
        search(&observed, payload);
        if !upstreams.contains_key(&client) && upstreams.len() < MAX_CLIENTS {
            let Ok(upstream) = open_upstream(relay).await else { continue };
            upstreams.insert(client, Arc::clone(&upstream));
            returns.spawn(forward_back(upstream, Arc::clone(&socket), client, Arc::clone(&observed)));
        }
        if let Some(upstream) = upstreams.get(&client) {
            drop(upstream.send(payload).await); // lost datagrams are QUIC's to repair
        }
    }
}

async fn open_upstream(relay: SocketAddr) -> io::Result<Arc<UdpSocket>> {
    let upstream = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    upstream.connect(relay).await?;
    Ok(Arc::new(upstream))
}

async fn forward_back(
    upstream: Arc<UdpSocket>,
    socket: Arc<UdpSocket>,
    client: SocketAddr,
    observed: Arc<Mutex<Observed>>,
) {
    let mut buffer = vec![0; MAX_PAYLOAD_BYTES];
    loop {
        let Ok(length) = upstream.recv(&mut buffer).await else { continue };
        search(&observed, &buffer[..length]);
        drop(socket.send_to(&buffer[..length], client).await); // lost datagrams are QUIC's to repair
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn socket_to(address: SocketAddr) -> UdpSocket {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        socket.connect(address).await.unwrap();
        socket
    }

    #[tokio::test]
    async fn forwards_both_ways_and_keeps_clients_apart() {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = UdpProxy::start(server.local_addr().unwrap()).await.unwrap();
        let clients = [socket_to(proxy.address()).await, socket_to(proxy.address()).await];
        let mut buffer = [0; 64];
        for (number, client) in clients.iter().enumerate() {
            client.send(&[number as u8]).await.unwrap();
            let (length, from) = server.recv_from(&mut buffer).await.unwrap();
            assert_eq!(buffer[..length], [number as u8]);
            server.send_to(&[number as u8 + 10], from).await.unwrap();
        }
        for (number, client) in clients.iter().enumerate() {
            let length = client.recv(&mut buffer).await.unwrap();
            assert_eq!(buffer[..length], [number as u8 + 10]);
        }
        assert_eq!(proxy.searched(), (4, 4));
    }

    #[tokio::test]
    async fn finds_what_it_watches_for_in_either_direction() {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = UdpProxy::start(server.local_addr().unwrap()).await.unwrap();
        for needle in ["going out", "coming back", "never sent"] {
            proxy.watch_for(needle.as_bytes()).unwrap();
        }
        let client = socket_to(proxy.address()).await;
        let mut buffer = [0; 64];
        client.send(b"..going out..").await.unwrap();
        let (_, from) = server.recv_from(&mut buffer).await.unwrap();
        assert_eq!(proxy.found(), [true, false, false]);
        server.send_to(b"..coming back..", from).await.unwrap();
        client.recv(&mut buffer).await.unwrap();
        assert_eq!(proxy.found(), [true, true, false]);
    }
}

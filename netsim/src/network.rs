use crate::link::{Link, packet_bytes};
use crate::packet::{Fate, LinkStats, Packet, Trace};
use crate::queue::Queue;
use crate::runtime::SimRuntime;
use crate::socket::Socket;
use quinn::udp::EcnCodepoint;
use quinn::{AsyncUdpSocket, Endpoint, EndpointConfig, ServerConfig};
use std::cmp::{Ordering, Reverse};
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;
use std::{fmt, io};
use tokio::time::Instant;

/// What may be under way to one socket or wait there to be read. Beyond it datagrams are dropped and counted as unheard; more
/// than a gigabit over a quarter of a second is no link that this is for.
const INBOX_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Ports that are handed out where port 0 was asked for.
const FIRST_FREE_PORT: u16 = 49_152;

/// Hosts, the links between them, and the sockets on them. Clones are the same network.
///
/// A host is an IP address, and needs no declaration. Order of things: [`new`](Self::new) within the runtime, links as wanted
/// ([`set_default`](Self::set_default), [`connect`](Self::connect), [`set_link`](Self::set_link)), then
/// [`endpoint`](Self::endpoint) or [`socket`](Self::socket); links may be changed at any time.
#[derive(Clone)]
pub struct Network {
    seed: u64,
    start: Instant,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    default_link: Link,
    links: BTreeMap<(IpAddr, IpAddr), Queue>,
    inboxes: BTreeMap<SocketAddr, Inbox>,
    trace: Trace,
    observer: Option<Observer>,
    next_number: u64,
}

type Observer = Box<dyn FnMut(&Packet) + Send>;

/// What is under way to a socket and what it has not read.
#[derive(Default)]
struct Inbox {
    arrivals: BinaryHeap<Reverse<Arrival>>,
    bytes: usize,
    waker: Option<Waker>,
}

struct Arrival {
    at: Duration,
    number: u64,
    received: Received,
}

impl Arrival {
    /// By time, then by when it was sent.
    fn order(&self) -> (Duration, u64) {
        (self.at, self.number)
    }
}

impl Ord for Arrival {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Arrival {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Arrival {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Arrival {}

/// A datagram that has arrived.
#[derive(Clone)]
pub(crate) struct Received {
    pub(crate) from: SocketAddr,
    pub(crate) ecn: Option<EcnCodepoint>,
    pub(crate) contents: Arc<[u8]>,
}

impl Network {
    /// A network without sockets, whose clock begins now. All chance in it comes from the seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, start: Instant::now(), state: Arc::default() }
    }

    /// How long the network has been there, in virtual time.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// The link between any two hosts that have none of their own, in both directions. Those that were used already keep
    /// theirs.
    pub fn set_default(&self, link: Link) {
        self.state().default_link = link;
    }

    /// The same link in both directions.
    pub fn connect(&self, one: IpAddr, other: IpAddr, link: Link) {
        self.set_link(one, other, link);
        self.set_link(other, one, link);
    }

    /// The link in one direction. What waits in its queue goes on at the new rate, what is under way arrives.
    pub fn set_link(&self, from: IpAddr, to: IpAddr, link: Link) {
        let now = self.now();
        self.state().queue(self.seed, from, to).set_link(now, link);
    }

    /// Changes something of a link in both directions, and leaves the rest.
    pub fn change(&self, one: IpAddr, other: IpAddr, change: impl Fn(&mut Link)) {
        for (from, to) in [(one, other), (other, one)] {
            let mut link = self.link(from, to);
            change(&mut link);
            self.set_link(from, to, link);
        }
    }

    /// The link as it is now.
    #[must_use]
    pub fn link(&self, from: IpAddr, to: IpAddr) -> Link {
        self.state().queue(self.seed, from, to).link()
    }

    /// What happened on a link so far.
    #[must_use]
    pub fn stats(&self, from: IpAddr, to: IpAddr) -> LinkStats {
        self.state().queue(self.seed, from, to).stats
    }

    /// Has every packet shown to `observer` at the moment it is sent, with its fate, in place of an earlier observer. It must
    /// not use the network.
    pub fn observe(&self, observer: impl FnMut(&Packet) + Send + 'static) {
        self.state().observer = Some(Box::new(observer));
    }

    /// All packets since the network was made, or since [`restart_trace`](Self::restart_trace), in one number: who sent how
    /// much to whom at which time, and what became of it. Contents do not count.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.state().trace.hash()
    }

    /// Begins the trace anew: after the handshake, whose sizes are not all the seed's.
    pub fn restart_trace(&self) {
        self.state().trace = Trace::default();
    }

    /// A socket for quinn's `Endpoint::new_with_abstract_socket` or `rebind_abstract`. Port 0 is replaced by a free one.
    ///
    /// # Errors
    /// [`io::ErrorKind::AddrInUse`] while another socket has the address, [`io::ErrorKind::AddrNotAvailable`] for an
    /// unspecified address (a host has to be named) or without a free port.
    pub fn socket(&self, address: SocketAddr) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let address = self.state().take(address)?;
        Ok(Arc::new(Socket::new(self.clone(), address)))
    }

    /// quinn's configuration with a seed that is the network's and the address's.
    #[must_use]
    pub fn endpoint_config(&self, address: SocketAddr) -> EndpointConfig {
        let mut seed = [0; 32];
        let hash = mix(self.seed, &[address.to_string().as_bytes()]);
        seed[..8].copy_from_slice(&hash.to_le_bytes());
        let mut config = EndpointConfig::default();
        config.rng_seed(Some(seed));
        config
    }

    /// A quinn endpoint at the address, in virtual time. Needs a tokio runtime whose clock is paused.
    ///
    /// # Errors
    /// As [`socket`](Self::socket).
    pub fn endpoint(&self, address: SocketAddr, server: Option<ServerConfig>) -> io::Result<Endpoint> {
        let socket = self.socket(address)?;
        let config = self.endpoint_config(socket.local_addr()?);
        Endpoint::new_with_abstract_socket(config, server, socket, Arc::new(SimRuntime))
    }

    pub(crate) fn send(&self, from: SocketAddr, to: SocketAddr, ecn: Option<EcnCodepoint>, contents: &[u8]) {
        let sent_at = self.now();
        let woken =
            self.state().send(self.seed, sent_at, to, Received { from, ecn, contents: contents.into() });
        if let Some(waker) = woken {
            waker.wake();
        }
    }

    /// The next datagram that is there.
    pub(crate) fn receive(&self, at: SocketAddr) -> Option<Received> {
        let now = self.now();
        self.state().inboxes.get_mut(&at)?.receive(now)
    }

    /// When the next datagram will be there. The task is woken when an earlier one is sent.
    pub(crate) fn next_arrival(&self, at: SocketAddr, waker: &Waker) -> Option<Instant> {
        let mut state = self.state();
        let inbox = state.inboxes.get_mut(&at)?;
        inbox.waker = Some(waker.clone());
        inbox.next_at().map(|at| self.start + at)
    }

    pub(crate) fn release(&self, address: SocketAddr) {
        self.state().inboxes.remove(&address);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl State {
    fn queue(&mut self, seed: u64, from: IpAddr, to: IpAddr) -> &mut Queue {
        let link = self.default_link;
        self.links.entry((from, to)).or_insert_with(|| {
            Queue::new(link, mix(seed, &[from.to_string().as_bytes(), b" to ", to.to_string().as_bytes()]))
        })
    }

    /// Returns whom to wake.
    fn send(&mut self, seed: u64, sent_at: Duration, to: SocketAddr, received: Received) -> Option<Waker> {
        let from = received.from;
        let bytes = packet_bytes(to.ip(), received.contents.len());
        let is_heard = self.inboxes.get(&to).is_some_and(|inbox| inbox.bytes + 2 * bytes <= INBOX_BYTES_MAX);
        let queue = self.queue(seed, from.ip(), to.ip());
        let carried = queue.carry(sent_at, bytes);
        let fate = match carried {
            Fate::Arrives { .. } if !is_heard => Fate::Unheard,
            other => other,
        };
        let packet = Packet { sent_at, from, to, bytes, fate };
        queue.stats.count(&packet);
        self.trace.add(&packet);
        if let Some(observer) = &mut self.observer {
            observer(&packet);
        }
        let Fate::Arrives { at, again_at } = fate else { return None };
        let inbox = self.inboxes.get_mut(&to)?;
        let mut woken = None;
        for at in [Some(at), again_at].into_iter().flatten() {
            self.next_number += 1;
            woken =
                inbox.deliver(Arrival { at, number: self.next_number, received: received.clone() }).or(woken);
        }
        woken
    }

    fn take(&mut self, address: SocketAddr) -> io::Result<SocketAddr> {
        if address.ip().is_unspecified() {
            return Err(io::Error::new(
                io::ErrorKind::AddrNotAvailable,
                "name the host: it is what links have",
            ));
        }
        let free = match address.port() {
            0 => self.free_port(address.ip()).ok_or(io::ErrorKind::AddrNotAvailable)?,
            _ if self.inboxes.contains_key(&address) => return Err(io::ErrorKind::AddrInUse.into()),
            _ => address,
        };
        self.inboxes.insert(free, Inbox::default());
        Ok(free)
    }

    fn free_port(&self, host: IpAddr) -> Option<SocketAddr> {
        let mut candidates = (FIRST_FREE_PORT..=u16::MAX).map(|port| SocketAddr::new(host, port));
        candidates.find(|address| !self.inboxes.contains_key(address))
    }
}

impl Inbox {
    /// Returns whom to wake: only if this one comes before all others.
    fn deliver(&mut self, arrival: Arrival) -> Option<Waker> {
        let is_next = self.next_at().is_none_or(|next| arrival.at < next);
        self.bytes += arrival.received.contents.len();
        self.arrivals.push(Reverse(arrival));
        self.waker.take_if(|_| is_next)
    }

    fn receive(&mut self, now: Duration) -> Option<Received> {
        let Reverse(arrival) = self.arrivals.peek_mut().filter(|next| next.0.at <= now).map(PeekMut::pop)?;
        self.bytes -= arrival.received.contents.len();
        Some(arrival.received)
    }

    fn next_at(&self) -> Option<Duration> {
        self.arrivals.peek().map(|Reverse(next)| next.at)
    }
}

/// A number from several, the same on every machine and in every version.
fn mix(seed: u64, parts: &[&[u8]]) -> u64 {
    let mut trace = Trace::default();
    trace.add_bytes(&seed.to_le_bytes());
    parts.iter().for_each(|part| trace.add_bytes(part));
    trace.hash()
}

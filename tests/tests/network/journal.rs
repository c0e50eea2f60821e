use isi_netsim::Network;
use isi_wire::{DeliveryClass, GroupHeader, ObjectBuffer, ResetCode, StreamType, TrackAlias};
use quinn::{Connection, ReadError, RecvStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Time and number at the front of each object.
pub(crate) const STAMP_BYTES: usize = 16;

/// An object of so many bytes that says when it was sent and which one it is.
pub(crate) fn stamped(now: Duration, number: u64, bytes: usize) -> Vec<u8> {
    let mut object = vec![0; bytes.max(STAMP_BYTES)];
    object[..8].copy_from_slice(&(now.as_micros() as u64).to_be_bytes());
    object[8..16].copy_from_slice(&number.to_be_bytes());
    for (index, byte) in object.iter_mut().enumerate().skip(STAMP_BYTES) {
        *byte = filler(number, index);
    }
    object
}

/// So that nothing can be swapped unnoticed.
fn filler(number: u64, index: usize) -> u8 {
    (number.wrapping_mul(31) ^ index as u64).wrapping_mul(2_654_435_761).to_be_bytes()[4]
}

/// What a receiver got, in the order in which it got it.
#[derive(Clone)]
pub(crate) struct Journal {
    network: Network,
    entries: Arc<Mutex<Vec<Delivery>>>,
    ends: Arc<Mutex<Vec<GroupEnd>>>,
}

/// One object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    pub(crate) header: GroupHeader,
    pub(crate) number: u64,
    pub(crate) sent: Duration,
    pub(crate) received: Duration,
}

/// How a group ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupEnd {
    pub(crate) header: GroupHeader,
    pub(crate) is_whole: bool,
    /// With what it was cut off.
    pub(crate) code: Option<ResetCode>,
}

impl Delivery {
    pub(crate) fn latency(&self) -> Duration {
        self.received - self.sent
    }
}

impl Journal {
    /// Reads everything that comes on a connection, until it ends.
    pub(crate) fn keep(network: &Network, connection: &Connection) -> Self {
        Self::keep_if(network, connection, true)
    }

    /// Reads nothing, if it is not to.
    pub(crate) fn keep_if(network: &Network, connection: &Connection, reads: bool) -> Self {
        let journal = Self { network: network.clone(), entries: Arc::default(), ends: Arc::default() };
        if !reads {
            return journal;
        }
        let (reading, connection) = (journal.clone(), connection.clone());
        tokio::spawn(async move {
            while let Ok(stream) = connection.accept_uni().await {
                tokio::spawn(reading.clone().read(stream));
            }
        });
        journal
    }

    /// Objects of a track so far.
    pub(crate) fn of(&self, alias: TrackAlias) -> Vec<Delivery> {
        let entries = self.entries.lock().unwrap();
        entries.iter().filter(|entry| entry.header.alias == alias).copied().collect()
    }

    /// Groups of a track that have ended so far.
    pub(crate) fn ends_of(&self, alias: TrackAlias) -> Vec<GroupEnd> {
        let ends = self.ends.lock().unwrap();
        ends.iter().filter(|end| end.header.alias == alias).copied().collect()
    }

    async fn read(self, mut stream: RecvStream) {
        let (mut header, mut head, mut objects) = (None, Vec::new(), ObjectBuffer::default());
        let cut = loop {
            match stream.read_chunk(usize::MAX, true).await {
                Ok(Some(chunk)) if header.is_some() => objects.push(&chunk.bytes),
                Ok(Some(chunk)) => {
                    head.extend_from_slice(&chunk.bytes);
                    if let Some((found, rest)) = parse(&head) {
                        header = Some(found);
                        objects.push(&rest);
                    }
                }
                Ok(None) => break None,
                Err(ReadError::Reset(code)) => break Some(code.into_inner()),
                Err(ReadError::ConnectionLost(_)) => return,
                Err(error) => panic!("{error}"),
            }
            while let (Some(header), Some(object)) = (header, objects.next_object().unwrap()) {
                self.enter(header, &object);
            }
        };
        let Some(header) = header else { return };
        let is_whole = cut.is_none();
        assert!(!is_whole || objects.is_empty(), "a cut group looks whole");
        self.ends.lock().unwrap().push(GroupEnd {
            header,
            is_whole,
            code: cut.and_then(ResetCode::from_code),
        });
    }

    fn enter(&self, header: GroupHeader, object: &[u8]) {
        let number = u64::from_be_bytes(object[8..16].try_into().unwrap());
        let sent_us = u64::from_be_bytes(object[..8].try_into().unwrap());
        let intact = (STAMP_BYTES..object.len()).all(|index| object[index] == filler(number, index));
        assert!(intact, "an object was changed");
        self.entries.lock().unwrap().push(Delivery {
            header,
            number,
            sent: Duration::from_micros(sent_us),
            received: self.network.now(),
        });
    }
}

/// Header and what follows, once it is there. The log's stream never has one.
fn parse(head: &[u8]) -> Option<(GroupHeader, bytes::Bytes)> {
    let mut rest = bytes::Bytes::copy_from_slice(head);
    match StreamType::decode(&mut rest).ok()? {
        StreamType::Group => Some((GroupHeader::decode(&mut rest).ok()?, rest)),
        StreamType::Log => None,
    }
}

/// Exact percentiles of what was measured.
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn of(deliveries: &[Delivery]) -> Self {
        let mut all: Vec<_> = deliveries.iter().map(Delivery::latency).collect();
        all.sort();
        assert!(!all.is_empty(), "nothing arrived");
        Self(all)
    }

    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        self.0[(self.0.len() - 1) * percent / 100]
    }

    pub(crate) fn show(&self, what: &str) {
        let [p50, p99, max] = [50, 99, 100].map(|percent| self.percentile(percent).as_millis());
        println!("{what}: {} arrived, p50 {p50} ms, p99 {p99} ms, max {max} ms", self.0.len());
    }
}

pub(crate) const fn header(alias: TrackAlias, class: DeliveryClass, group: u64) -> GroupHeader {
    GroupHeader { alias, group, class, offset: 0 }
}

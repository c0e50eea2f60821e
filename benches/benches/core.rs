//! Core forwarding without I/O: one 64 KiB frame in 45 chunks, from its first chunk in to its last decision out, for 1 to
//! 512 receivers, in batches as QUIC delivers them (10 packets at a time) and all at once. Throughput counts delivered
//! bytes, so a flat line over receivers means that each costs the same.

#![expect(clippy::expect_used, reason = "a bench that cannot go on has nothing to report")]

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use isi_relay_core::{
    Controls, Grants, JoinParams, KindSet, PushOutcome, Session, SessionLimits, SubjectId, Timestamp, Wake,
    WriteRoom,
};
use isi_wire::{
    Audience, ClientMessage, DeliveryClass, GroupHeader, Incarnation, ParticipantId, RelayMessage, RequestId,
    TrackAlias, TrackId, TrackKind,
};
use std::collections::VecDeque;

const FRAME_BYTES: usize = 64 * 1024;
/// A packet's worth of stream data: 45 of them to a frame.
const CHUNK_BYTES: usize = 1457;
const CHUNKS_PER_FRAME: usize = FRAME_BYTES.div_ceil(CHUNK_BYTES);
const PUBLISHER: ParticipantId = ParticipantId(0);

struct Bench {
    session: Session,
    alias: TrackAlias,
    now: Timestamp,
    next_group: u64,
    wakes: Vec<Wake>,
    incoming: VecDeque<Bytes>,
    outgoing: Vec<Bytes>,
}

impl Bench {
    fn new(receivers: u64) -> Self {
        let mut bench = Self {
            session: Session::new(Incarnation([1; 16]), SessionLimits::default()),
            alias: TrackAlias(0),
            now: Timestamp(0),
            next_group: 0,
            wakes: Vec::new(),
            incoming: VecDeque::new(),
            outgoing: Vec::new(),
        };
        for participant in 0..=receivers {
            bench.join(ParticipantId(participant));
        }
        bench.control(
            PUBLISHER,
            ClientMessage::Publish {
                request: RequestId(1),
                track: TrackId(1),
                kind: TrackKind::Screen,
                class: DeliveryClass::Media,
                audience: Audience::Everyone,
            },
        );
        bench.alias = bench.published();
        for receiver in 1..=receivers {
            let subscribe = ClientMessage::Subscribe { request: RequestId(1), alias: bench.alias };
            bench.control(ParticipantId(receiver), subscribe);
        }
        bench.serve();
        bench
    }

    fn join(&mut self, participant: ParticipantId) {
        let grants = Grants {
            publish: KindSet::all(),
            subscribe: KindSet::all(),
            controls: Controls::ALL,
            tracks_max: 8,
            bits_per_second_max: None,
        };
        let subject = SubjectId([participant.0.to_be_bytes()[7]; 32]);
        let params = JoinParams { participant, subject, grants, expires_in_s: 600, resume: None };
        self.session.join(self.now, params).expect("the session has room");
    }

    fn control(&mut self, from: ParticipantId, message: ClientMessage) {
        self.session.handle_control(self.now, from, message).expect("the message is allowed");
    }

    fn published(&mut self) -> TrackAlias {
        std::iter::from_fn(|| {
            self.session.next_write(self.now, PUBLISHER, WriteRoom::ALL, &mut self.outgoing)
        })
        .find_map(|write| match write {
            isi_relay_core::Write::Control(RelayMessage::Published { alias, .. }) => Some(alias),
            _ => None,
        })
        .expect("the track is accepted")
    }

    /// What a writer per receiver does: pull until there is nothing.
    fn serve(&mut self) -> usize {
        self.session.drain_wakeups(&mut self.wakes);
        let mut writes = 0;
        for wake in self.wakes.drain(..) {
            let Wake::Writer(to) = wake else { continue };
            while let Some(write) = self.session.next_write(self.now, to, WriteRoom::ALL, &mut self.outgoing)
            {
                let _write = std::hint::black_box((write, &self.outgoing));
                writes += 1;
            }
        }
        writes
    }

    fn forward(&mut self, chunks: &[Bytes], batch: usize) -> usize {
        self.now = self.now.plus_ms(33);
        let header =
            GroupHeader { alias: self.alias, group: self.next_group, class: DeliveryClass::Media, offset: 0 };
        self.next_group += 1;
        let header_bytes = Bytes::from_static(b"header");
        let ingress =
            self.session.open_group(self.now, PUBLISHER, header, header_bytes).expect("the group is next");
        let mut writes = 0;
        for chunks in chunks.chunks(batch) {
            self.incoming.extend(chunks.iter().cloned());
            let outcome = self.session.push_chunks(self.now, ingress, &mut self.incoming);
            assert_eq!(outcome, PushOutcome::Accepted);
            writes += self.serve();
        }
        self.session.finish_group(self.now, ingress);
        writes + self.serve()
    }
}

fn forwarding(c: &mut Criterion) {
    let frame = Bytes::from(vec![0x5a; FRAME_BYTES]);
    let chunks: Vec<_> = (0..FRAME_BYTES)
        .step_by(CHUNK_BYTES)
        .map(|at| frame.slice(at..FRAME_BYTES.min(at + CHUNK_BYTES)))
        .collect();
    for (name, batch) in [("by_10", 10), ("at_once", CHUNKS_PER_FRAME)] {
        let mut group = c.benchmark_group(format!("core/forward_64KiB_{name}"));
        for receivers in [1, 8, 64, 512] {
            let mut bench = Bench::new(receivers);
            group.throughput(Throughput::Bytes(receivers * FRAME_BYTES as u64));
            group.bench_function(BenchmarkId::from_parameter(receivers), |b| {
                b.iter(|| bench.forward(&chunks, batch));
            });
            assert_eq!(bench.session.stats().resident_bytes, 0, "a chunk was kept after everyone had it");
        }
        group.finish();
    }
}

criterion_group!(benches, forwarding);
criterion_main!(benches);

//! Core forwarding without I/O: one 64 KiB frame from its first chunk in to its last decision out, for 1, 8, 32 and 256
//! receivers. Throughput counts delivered bytes, so a flat line over receivers means linear cost.

#![expect(clippy::expect_used, reason = "a bench that cannot go on has nothing to report")]

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use isi_relay_core::{
    ChunkOutcome, Controls, Grants, JoinParams, KindSet, Session, SessionLimits, SubjectId, Timestamp, Wake,
    WriteRoom,
};
use isi_wire::{
    Audience, ClientMessage, DeliveryClass, GroupHeader, Incarnation, ParticipantId, RelayMessage, RequestId,
    TrackAlias, TrackId, TrackKind,
};

const FRAME_BYTES: usize = 64 * 1024;
/// What quinn hands out at once: a datagram's worth of stream data, several when they wait.
const CHUNK_BYTES: usize = 4 * 1400;
const PUBLISHER: ParticipantId = ParticipantId(0);

struct Bench {
    session: Session,
    alias: TrackAlias,
    now: Timestamp,
    next_group: u64,
    wakes: Vec<Wake>,
}

impl Bench {
    fn new(receivers: u64) -> Self {
        let mut bench = Self {
            session: Session::new(Incarnation([1; 16]), SessionLimits::default()),
            alias: TrackAlias(0),
            now: Timestamp(0),
            next_group: 0,
            wakes: Vec::new(),
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
        std::iter::from_fn(|| self.session.next_write(self.now, PUBLISHER, WriteRoom::ALL))
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
            while let Some(write) = self.session.next_write(self.now, to, WriteRoom::ALL) {
                let _write = std::hint::black_box(write);
                writes += 1;
            }
        }
        writes
    }

    fn forward(&mut self, frame: &Bytes) -> usize {
        self.now = self.now.plus_ms(33);
        let header =
            GroupHeader { alias: self.alias, group: self.next_group, class: DeliveryClass::Media, offset: 0 };
        self.next_group += 1;
        let header_bytes = Bytes::from_static(b"header");
        let ingress =
            self.session.open_group(self.now, PUBLISHER, header, header_bytes).expect("the group is next");
        let mut writes = 0;
        for at in (0..frame.len()).step_by(CHUNK_BYTES) {
            let chunk = frame.slice(at..frame.len().min(at + CHUNK_BYTES));
            assert_eq!(self.session.push_chunk(self.now, ingress, chunk), ChunkOutcome::Accepted);
            writes += self.serve();
        }
        self.session.finish_group(self.now, ingress);
        writes + self.serve()
    }
}

fn forwarding(c: &mut Criterion) {
    let frame = Bytes::from(vec![0x5a; FRAME_BYTES]);
    let mut group = c.benchmark_group("core/forward_64KiB");
    for receivers in [1, 8, 32, 256] {
        let mut bench = Bench::new(receivers);
        group.throughput(Throughput::Bytes(receivers * FRAME_BYTES as u64));
        group.bench_function(BenchmarkId::from_parameter(receivers), |b| b.iter(|| bench.forward(&frame)));
        assert_eq!(bench.session.stats().resident_bytes, 0, "a chunk was kept after everyone had it");
    }
    group.finish();
}

criterion_group!(benches, forwarding);
criterion_main!(benches);

//! Encoding and decoding what crosses the wire: control messages, group and object headers, log entries.

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use isi_wire::{
    Audience, ClientMessage, DatagramHeader, DeliveryClass, EntryKind, FrameBuffer, GroupHeader, LogEntry,
    ObjectHeader, ParticipantId, RequestId, SframeHeader, StreamType, TrackAlias, TrackId, TrackKind, limits,
};
use std::hint::black_box;

fn control(c: &mut Criterion) {
    let message = ClientMessage::Publish {
        request: RequestId(7),
        track: TrackId(1),
        kind: TrackKind::Input,
        class: DeliveryClass::Input,
        audience: Audience::One(ParticipantId(9)),
    };
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    c.bench_function("wire/control/encode", |b| {
        b.iter(|| {
            let mut out = Vec::with_capacity(64);
            black_box(&message).encode(&mut out);
            out
        });
    });
    c.bench_function("wire/control/decode", |b| {
        let mut buffer = FrameBuffer::new(limits::CONTROL_MESSAGE_BYTES_MAX);
        b.iter(|| {
            buffer.push(black_box(&bytes));
            buffer.next_frame().map(|frame| frame.map(ClientMessage::decode))
        });
    });
}

fn headers(c: &mut Criterion) {
    let group = GroupHeader { alias: TrackAlias(300), group: 70_000, class: DeliveryClass::Media, offset: 0 };
    let mut bytes = Vec::new();
    group.encode(&mut bytes);
    let bytes = Bytes::from(bytes);
    c.bench_function("wire/group_header/decode", |b| {
        b.iter(|| {
            let mut input = black_box(&bytes).clone();
            StreamType::decode(&mut input).and_then(|_| GroupHeader::decode(&mut input))
        });
    });
    let object = ObjectHeader {
        sframe: SframeHeader { key_id: SframeHeader::compose_key_id(TrackId(1), 2, 65_539), counter: 70_000 },
        kind: TrackKind::Screen,
        keyframe: true,
        private: false,
        padded: false,
        group: 500,
        index: 3,
    };
    let mut bytes = Vec::new();
    object.encode(&mut bytes);
    let bytes = Bytes::from(bytes);
    c.bench_function("wire/object_header/encode", |b| {
        b.iter(|| {
            let mut out = Vec::with_capacity(64);
            black_box(&object).encode(&mut out);
            out
        });
    });
    c.bench_function("wire/object_header/decode", |b| {
        b.iter(|| ObjectHeader::decode(&mut black_box(&bytes).clone()));
    });
    let datagram = DatagramHeader { alias: TrackAlias(300) }.encode(&[0x5a; 160]);
    c.bench_function("wire/datagram/decode", |b| {
        b.iter(|| DatagramHeader::decode(black_box(&datagram).clone()));
    });
}

fn log(c: &mut Criterion) {
    let mut group = c.benchmark_group("wire/log_entry");
    for payload_bytes in [256, 16 * 1024] {
        let entry = LogEntry {
            sequence: 70_000,
            sender: ParticipantId(9),
            kind: EntryKind::Message,
            last_handshake: 64,
            directed: false,
            payload: vec![0x5a; payload_bytes].into(),
        };
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        group.throughput(Throughput::Bytes(payload_bytes as u64));
        group.bench_function(format!("encode/{payload_bytes}"), |b| {
            b.iter(|| {
                let mut out = Vec::new();
                black_box(&entry).encode(&mut out);
                out
            });
        });
        group.bench_function(format!("decode/{payload_bytes}"), |b| {
            let mut buffer = FrameBuffer::new(limits::LOG_ITEM_BYTES_MAX);
            b.iter(|| {
                buffer.push(black_box(&bytes));
                buffer.next_frame().map(|frame| frame.map(LogEntry::decode))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, control, headers, log);
criterion_main!(benches);

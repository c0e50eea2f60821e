//! Framing allocates nothing per item: heads are read in place, frames and objects share the buffer they arrived in.

use allocation_counter::measure;
use bytes::Bytes;
use isi_wire::*;

fn allocations(work: impl FnOnce()) -> u64 {
    measure(work).count_total
}

/// Bytes whose reference count exists already: the first clone of some makes it.
fn shared(bytes: Vec<u8>) -> Bytes {
    let bytes = Bytes::from(bytes);
    drop(bytes.clone());
    bytes
}

#[test]
fn heads_of_streams_datagrams_and_objects_are_read_and_written_in_place() {
    let group =
        GroupHeader { alias: TrackAlias(300), group: 70_000, class: DeliveryClass::Bulk, offset: 1 << 40 };
    let object = ObjectHeader {
        sframe: SframeHeader { key_id: SframeHeader::compose_key_id(TrackId(1), 2, 3), counter: 70_000 },
        kind: TrackKind::Screen,
        keyframe: true,
        private: false,
        padded: false,
        group: 70_000,
        index: 3,
    };
    let mut out = Vec::with_capacity(256);
    assert_eq!(allocations(|| group.encode(&mut out)), 0);
    let stream = shared(out.clone());
    let read = || {
        let mut input = stream.clone();
        assert_eq!(StreamType::decode(&mut input), Ok(StreamType::Group));
        assert_eq!(GroupHeader::decode(&mut input), Ok(group));
    };
    assert_eq!(allocations(read), 0);

    let datagram = shared(DatagramHeader { alias: TrackAlias(300) }.encode(&[7; 1_000]).to_vec());
    assert_eq!(allocations(|| drop(DatagramHeader::decode(datagram.clone()).unwrap())), 0);

    out.clear();
    assert_eq!(allocations(|| object.encode(&mut out)), 0);
    let sealed = shared(out);
    assert_eq!(allocations(|| assert_eq!(ObjectHeader::decode(&mut sealed.clone()), Ok(object))), 0);
}

#[test]
fn frames_and_control_messages_without_lists_allocate_nothing_each() {
    let mut stream = Vec::new();
    for alias in 0..100 {
        RelayMessage::KeyframeWanted { alias: TrackAlias(alias) }.encode(&mut stream);
    }
    let mut buffer = FrameBuffer::new(limits::CONTROL_MESSAGE_BYTES_MAX);
    let mut read = || {
        let mut count = 0;
        buffer.push(&stream);
        while let Some(frame) = buffer.next_frame().unwrap() {
            assert!(matches!(RelayMessage::decode(frame), Ok(RelayMessage::KeyframeWanted { .. })));
            count += 1;
        }
        assert_eq!(count, 100);
    };
    // The buffer grows once and is used again from then on.
    read();
    assert_eq!(allocations(read), 0);
}

#[test]
fn objects_that_are_kept_share_one_buffer_per_push() {
    let mut stream = Vec::new();
    for _ in 0..20 {
        write_object_length(&mut stream, 1_000);
        stream.extend([7; 1_000]);
    }
    let mut buffer = ObjectBuffer::default();
    let mut kept = Vec::with_capacity(100);
    let mut read = || {
        buffer.push(&stream);
        while let Some(object) = buffer.next_object().unwrap() {
            kept.push(object);
        }
    };
    read();
    // New memory and its reference count, for twenty objects.
    assert!(allocations(&mut read) <= 2);
    assert_eq!(kept.len(), 40);
}

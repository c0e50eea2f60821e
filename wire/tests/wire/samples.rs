//! One message of every type, and every decoder behind one name: shared by the vector and the hostile tests.

use bytes::Bytes;
use isi_wire::*;

/// A decoder seen from outside: bytes in, re-encoded bytes or the refusal out.
pub(crate) type Decoder = fn(Bytes) -> Result<Vec<u8>, DecodeError>;

/// Every decoder of the crate by the name that vectors.json uses.
pub(crate) const DECODERS: &[(&str, Decoder)] = &[
    ("client_message", |bytes| {
        frame(bytes).and_then(ClientMessage::decode).map(|m| encoded(|out| m.encode(out)))
    }),
    ("relay_message", |bytes| {
        frame(bytes).and_then(RelayMessage::decode).map(|m| encoded(|out| m.encode(out)))
    }),
    ("log_upload", |bytes| frame(bytes).and_then(LogUpload::decode).map(|m| encoded(|out| m.encode(out)))),
    ("log_entry", |bytes| frame(bytes).and_then(LogEntry::decode).map(|m| encoded(|out| m.encode(out)))),
    ("group_stream", group_stream),
    ("datagram", |bytes| {
        DatagramHeader::decode(bytes).map(|(header, object)| header.encode(&object).to_vec())
    }),
    ("object_header", object_header),
];

/// A named message, the decoder it belongs to, and its encoding.
pub(crate) struct Sample {
    pub(crate) codec: &'static str,
    pub(crate) name: &'static str,
    pub(crate) debug: String,
    pub(crate) bytes: Vec<u8>,
}

/// At least one message of every type the wire has.
pub(crate) fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for (name, message) in client_messages() {
        samples.push(Sample {
            codec: "client_message",
            name,
            debug: format!("{message:?}"),
            bytes: encoded(|out| message.encode(out)),
        });
    }
    for (name, message) in relay_messages() {
        samples.push(Sample {
            codec: "relay_message",
            name,
            debug: format!("{message:?}"),
            bytes: encoded(|out| message.encode(out)),
        });
    }
    samples.extend(log_samples());
    samples.extend(data_samples());
    samples
}

fn encoded(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out);
    out
}

fn frame(bytes: Bytes) -> Result<Frame, DecodeError> {
    let mut buffer = FrameBuffer::new(limits::LOG_ITEM_BYTES_MAX);
    buffer.push(&bytes);
    let frame = buffer.next_frame()?.ok_or(DecodeError::Truncated)?;
    if buffer.is_empty() { Ok(frame) } else { Err(DecodeError::TrailingBytes(1)) }
}

fn group_stream(mut bytes: Bytes) -> Result<Vec<u8>, DecodeError> {
    match StreamType::decode(&mut bytes)? {
        StreamType::Log => Ok([encoded(|out| StreamType::Log.encode(out)), bytes.to_vec()].concat()),
        StreamType::Group => {
            let header = GroupHeader::decode(&mut bytes)?;
            let mut out = encoded(|out| header.encode(out));
            let mut objects = ObjectBuffer::default();
            objects.push(&bytes);
            while let Some(object) = objects.next_object()? {
                write_object_length(&mut out, object.len());
                out.extend_from_slice(&object);
            }
            if objects.is_empty() { Ok(out) } else { Err(DecodeError::Truncated) }
        }
    }
}

fn object_header(mut bytes: Bytes) -> Result<Vec<u8>, DecodeError> {
    let header = ObjectHeader::decode(&mut bytes)?;
    let mut out = encoded(|out| header.encode(out));
    out.extend_from_slice(&bytes);
    Ok(out)
}

fn client_messages() -> Vec<(&'static str, ClientMessage)> {
    let (request, alias) = (RequestId(7), TrackAlias(300));
    let token = Bytes::from_static(b"header.claims.signature");
    vec![
        ("hello", ClientMessage::Hello { nonce: ConnectionNonce([0xa1; 32]) }),
        (
            "join",
            ClientMessage::Join { token: token.clone(), public_key: [2; 32], proof: [3; 64], resume: None },
        ),
        (
            "join_resume",
            ClientMessage::Join {
                token: token.clone(),
                public_key: [2; 32],
                proof: [3; 64],
                resume: Some((Incarnation([4; 16]), 1_000_000)),
            },
        ),
        ("refresh", ClientMessage::Refresh { request, token }),
        (
            "publish_screen",
            ClientMessage::Publish {
                request,
                track: TrackId(1),
                kind: TrackKind::Screen,
                class: DeliveryClass::Media,
                audience: Audience::Everyone,
            },
        ),
        (
            "publish_input",
            ClientMessage::Publish {
                request,
                track: TrackId(u32::MAX),
                kind: TrackKind::Input,
                class: DeliveryClass::Input,
                audience: Audience::One(ParticipantId(0x0102_0304_0506_0708)),
            },
        ),
        ("unpublish", ClientMessage::Unpublish { alias }),
        ("subscribe", ClientMessage::Subscribe { request, alias }),
        ("unsubscribe", ClientMessage::Unsubscribe { alias }),
        ("request_keyframe", ClientMessage::RequestKeyframe { alias }),
        ("acknowledge_welcome", ClientMessage::AcknowledgeWelcome { sequence: 16_384 }),
        ("kick", ClientMessage::Kick { request, participant: ParticipantId(9) }),
        ("close_session", ClientMessage::CloseSession { request }),
        ("leave", ClientMessage::Leave),
    ]
}

fn relay_messages() -> Vec<(&'static str, RelayMessage)> {
    let (request, alias, participant) = (RequestId(7), TrackAlias(300), ParticipantId(0x1122_3344_5566_7788));
    let position = LogPosition { incarnation: Incarnation([5; 16]), last_handshake: 12 };
    let track = TrackInfo {
        alias,
        participant,
        track: TrackId(1),
        kind: TrackKind::Screen,
        class: DeliveryClass::Media,
        directed: false,
    };
    let joined = Joined {
        participant,
        position,
        next_sequence: 13,
        expires_in_s: 600,
        participants: vec![ParticipantId(1), ParticipantId(2)],
        tracks: vec![track],
    };
    let slow =
        ReceiverReport { participant, rate_bps: 5_000_000, rtt_us: 48_000, loss_permille: 20, dropped: 3 };
    let lost = ReceiverReport {
        participant: ParticipantId(2),
        rate_bps: VARINT_MAX,
        rtt_us: u32::MAX,
        loss_permille: 1_000,
        dropped: 0,
    };
    let report = |slowest| RelayMessage::TrackReport(TrackReport { alias, receivers: 40, slowest });
    vec![
        ("challenge", RelayMessage::Challenge { nonce: ConnectionNonce([0xb2; 32]) }),
        ("joined", RelayMessage::Joined(joined)),
        ("done", RelayMessage::Done { request }),
        ("refused", RelayMessage::Refused { request, reason: RefuseReason::Forbidden, position: None }),
        (
            "refused_commit",
            RelayMessage::Refused { request, reason: RefuseReason::Conflict, position: Some(position) },
        ),
        ("published", RelayMessage::Published { request, alias }),
        ("appended", RelayMessage::Appended { request, sequence: 70_000 }),
        ("participant_joined", RelayMessage::ParticipantJoined { participant }),
        ("participant_left", RelayMessage::ParticipantLeft { participant, reason: LeaveReason::Kicked }),
        ("track_added", RelayMessage::TrackAdded(track)),
        ("track_removed", RelayMessage::TrackRemoved { alias, reason: TrackEndReason::OverBudget }),
        ("keyframe_wanted", RelayMessage::KeyframeWanted { alias }),
        ("log_gap", RelayMessage::LogGap { first: 3, last: 9 }),
        ("dropped", RelayMessage::Dropped { alias, count: 17 }),
        ("track_report", report(vec![slow])),
        ("track_report_of_paths_not_measured", report(Vec::new())),
        ("track_report_at_its_bounds", report(vec![lost; limits::REPORTED_RECEIVERS_MAX])),
    ]
}

fn log_samples() -> Vec<Sample> {
    let expected = LogPosition { incarnation: Incarnation([5; 16]), last_handshake: 0 };
    let uploads = [
        (
            "append",
            LogUpload::Append {
                request: RequestId(1),
                kind: EntryKind::Message,
                audience: Audience::Everyone,
                payload: Bytes::from_static(b"sealed"),
            },
        ),
        (
            "commit",
            LogUpload::Commit {
                request: RequestId(2),
                expected,
                commit: Bytes::from_static(b"commit"),
                welcome: Some(Welcome {
                    participants: vec![ParticipantId(9), ParticipantId(10)],
                    payload: Bytes::from_static(b"welcome"),
                }),
            },
        ),
    ];
    let entry = LogEntry {
        sequence: 65,
        sender: ParticipantId(9),
        kind: EntryKind::Welcome,
        last_handshake: 64,
        directed: true,
        payload: Bytes::from_static(b"welcome"),
    };
    let mut samples: Vec<_> = uploads
        .into_iter()
        .map(|(name, upload)| Sample {
            codec: "log_upload",
            name,
            debug: format!("{upload:?}"),
            bytes: encoded(|out| upload.encode(out)),
        })
        .collect();
    samples.push(Sample {
        codec: "log_entry",
        name: "welcome",
        debug: format!("{entry:?}"),
        bytes: encoded(|out| entry.encode(out)),
    });
    samples
}

fn data_samples() -> Vec<Sample> {
    let group = GroupHeader { alias: TrackAlias(300), group: 70_000, class: DeliveryClass::Media, offset: 0 };
    let bulk = GroupHeader { class: DeliveryClass::Bulk, offset: 1_048_576, ..group };
    let header = ObjectHeader {
        sframe: SframeHeader { key_id: SframeHeader::compose_key_id(TrackId(1), 2, 65_539), counter: 300 },
        kind: TrackKind::Screen,
        keyframe: true,
        private: false,
        padded: false,
        group: 5,
        index: 0,
    };
    let group_bytes = |header: &GroupHeader| {
        let mut bytes = encoded(|out| header.encode(out));
        write_object_length(&mut bytes, 6);
        bytes.extend_from_slice(b"sealed");
        bytes
    };
    vec![
        Sample {
            codec: "group_stream",
            name: "media_group",
            debug: format!("{group:?}"),
            bytes: group_bytes(&group),
        },
        Sample {
            codec: "group_stream",
            name: "bulk_from_offset",
            debug: format!("{bulk:?}"),
            bytes: group_bytes(&bulk),
        },
        Sample {
            codec: "group_stream",
            name: "log_stream",
            debug: "StreamType::Log".into(),
            bytes: encoded(|out| StreamType::Log.encode(out)),
        },
        Sample {
            codec: "datagram",
            name: "live",
            debug: "DatagramHeader { alias: TrackAlias(300) }".into(),
            bytes: DatagramHeader { alias: TrackAlias(300) }.encode(b"sealed").to_vec(),
        },
        Sample {
            codec: "object_header",
            name: "keyframe",
            debug: format!("{header:?}"),
            bytes: encoded(|out| header.encode(out)),
        },
    ]
}

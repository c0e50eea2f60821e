//! Peers that break the rules, and peers that do not read: nobody pays for it but themselves.

use crate::forwarding::{media, shared_screen};
use isi_account::Role;
use isi_testkit::{Client, Connected, Relay, close_code, group_stream, new_session, pattern, send, within};
use isi_wire::{
    Audience, ClientMessage, CloseCode, ConnectionNonce, DeliveryClass, Frame, GroupHeader, LeaveReason,
    RelayMessage, StreamType, TrackAlias, TrackKind,
};

/// What one peer does, and what it is closed with.
async fn is_closed(relay: &Relay, code: CloseCode, what: &str, act: impl AsyncFnOnce(&mut Client)) {
    let session = new_session();
    let mut bystander = relay.join(Role::Organizer, session).await;
    let mut hostile = relay.join(Role::Participant, session).await;
    act(&mut hostile).await;
    assert_eq!(close_code(&hostile.connection).await, code, "{what}");
    let (id, reason) = bystander
        .hear(|message| match message {
            RelayMessage::ParticipantLeft { participant, reason } => Some((participant, reason)),
            _ => None,
        })
        .await;
    assert_eq!((id, reason), (hostile.id(), LeaveReason::Violation), "{what}");
    bystander.publish(1, TrackKind::Screen, DeliveryClass::Media, Audience::Everyone).await;
}

#[tokio::test]
async fn a_violation_closes_only_its_peer_with_the_code_of_the_spec() {
    let relay = Relay::start();
    is_closed(&relay, CloseCode::Malformed, "an unknown message", async |client| {
        let mut bytes = Vec::new();
        Frame::encode(0x3f, b"?", &mut bytes);
        client.control.write_all(&bytes).await.unwrap();
    })
    .await;
    is_closed(&relay, CloseCode::Malformed, "a frame longer than any", async |client| {
        client.control.write_all(&[0x04, 0x80, 0x02, 0x00, 0x00]).await.unwrap();
    })
    .await;
    is_closed(&relay, CloseCode::Malformed, "half a frame", async |client| {
        client.control.write_all(&[0x04, 0x10]).await.unwrap();
        client.control.finish().unwrap();
    })
    .await;
    is_closed(&relay, CloseCode::ProtocolViolation, "a second hello", async |client| {
        client.say(&ClientMessage::Hello { nonce: ConnectionNonce([0; 32]) }).await;
    })
    .await;
    is_closed(&relay, CloseCode::ProtocolViolation, "a finished control stream", async |client| {
        client.control.finish().unwrap();
    })
    .await;
    is_closed(&relay, CloseCode::ProtocolViolation, "a reset control stream", async |client| {
        client.control.reset(quinn::VarInt::from_u32(1)).unwrap();
    })
    .await;
}

#[tokio::test]
async fn streams_and_datagrams_that_cannot_be_close_their_peer() {
    let relay = Relay::start();
    is_closed(&relay, CloseCode::Malformed, "an unknown stream type", async |client| {
        client.connection.open_uni().await.unwrap().write_all(&[0x3f]).await.unwrap();
    })
    .await;
    is_closed(&relay, CloseCode::Malformed, "an empty stream", async |client| {
        client.connection.open_uni().await.unwrap().finish().unwrap();
    })
    .await;
    is_closed(&relay, CloseCode::ProtocolViolation, "a second log", async |client| {
        for _ in 0..2 {
            let mut first = Vec::new();
            StreamType::Log.encode(&mut first);
            client.connection.open_uni().await.unwrap().write_all(&first).await.unwrap();
        }
    })
    .await;
    is_closed(&relay, CloseCode::ProtocolViolation, "a group of a track that never was", async |client| {
        let header = GroupHeader { alias: TrackAlias(77), group: 1, class: DeliveryClass::Media, offset: 0 };
        group_stream(&client.connection, header).await;
    })
    .await;
    is_closed(&relay, CloseCode::Malformed, "a datagram without object", async |client| {
        client.connection.send_datagram(vec![1].into()).unwrap();
    })
    .await;
    is_closed(&relay, CloseCode::ProtocolViolation, "its log stopped", async |client| {
        // Something has to be on its way for the relay to notice.
        client.log.stop();
        let request = client.request();
        let upload = isi_wire::LogUpload::Append {
            request,
            kind: isi_wire::EntryKind::Message,
            audience: Audience::Everyone,
            payload: pattern(60_000).into(),
        };
        client.upload(&upload).await;
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_messages_closes_its_peer() {
    let relay = Relay::start();
    is_closed(&relay, CloseCode::Flood, "requests without end", async |client| {
        let mut requests = Vec::new();
        (0..100).for_each(|sequence| ClientMessage::AcknowledgeWelcome { sequence }.encode(&mut requests));
        while client.control.write_all(&requests).await.is_ok() {}
    })
    .await;
}

#[tokio::test]
async fn before_the_join_the_rules_hold_too() {
    let relay = Relay::start();
    let mut early = Connected::dial(&relay).await;
    send(&mut early.control, &ClientMessage::Leave).await;
    assert_eq!(close_code(&early.connection).await, CloseCode::ProtocolViolation);
    let mut garbled = Connected::dial(&relay).await;
    garbled.control.write_all(&[0x40, 0x01, 0x00]).await.unwrap();
    assert_eq!(close_code(&garbled.connection).await, CloseCode::Malformed);
    assert_eq!(relay.stats().participants, 0);
}

#[tokio::test]
async fn a_receiver_that_stops_reading_costs_the_others_nothing() {
    const GROUPS: u64 = 60;
    const GROUP_BYTES: usize = 256 * 1024;
    const MEDIA_BYTES_MAX: usize = 1024 * 1024;
    /// What quinn may hold per receiver.
    const SEND_WINDOW_BYTES: usize = 1024 * 1024;
    let relay = Relay::start_with(|config| config.session.media.bytes_max = MEDIA_BYTES_MAX);
    let (sharer, alias, viewers) = shared_screen(&relay, 2).await;
    let stopped = Connected::over(relay.dial_narrow(300_000).await).await;
    let mut stopped = stopped.join(&relay, Role::Viewer, sharer.session).await;
    stopped.subscribe(alias).await;
    let body = pattern(GROUP_BYTES);
    for number in 1..=GROUPS {
        let (mut stream, head) = group_stream(&sharer.connection, media(alias, number)).await;
        let send = async {
            stream.write_all(&body).await.unwrap();
            stream.finish().unwrap();
        };
        let receive = async {
            for viewer in &viewers {
                let group = viewer.next_group().await;
                assert_eq!(group.header.group, number, "no group is missing");
                assert_eq!(group.read_to_end().await.unwrap().len(), head.len() + GROUP_BYTES);
            }
        };
        within(async { tokio::join!(send, receive) }).await;
    }
    let stats = relay.stats();
    // Its backlog, what quinn holds for each of the three, and a group that is just passing.
    let bound = MEDIA_BYTES_MAX + 3 * SEND_WINDOW_BYTES + GROUP_BYTES;
    let most = stats.residence.resident_bytes_max as usize;
    assert!(most <= bound, "{most} bytes were resident, of {bound}");
    assert!(stats.session_totals.groups_reset > 0, "the one that does not read loses groups");
    assert!(stopped.connection.close_reason().is_none(), "and may come back");
}

#[tokio::test]
async fn whoever_is_kicked_in_the_middle_of_a_group_does_not_see_it_whole() {
    let relay = Relay::start();
    let (mut sharer, alias, mut viewers) = shared_screen(&relay, 1).await;
    let kicked = viewers.pop().unwrap();
    let (mut stream, head) = group_stream(&sharer.connection, media(alias, 1)).await;
    stream.write_all(&pattern(10_000)).await.unwrap();
    let mut group = kicked.next_group().await;
    group.read_at_least(head.len() + 10_000).await;
    let request = sharer.request();
    sharer.say(&ClientMessage::Kick { request, participant: kicked.id() }).await;
    assert_eq!(close_code(&kicked.connection).await, CloseCode::Kicked);
    group.read_to_end().await.unwrap_err();
}

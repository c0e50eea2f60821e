//! Groups, input and datagrams, from one client to others.

use bytes::Bytes;
use isi_account::Role;
use isi_testkit::{Client, Relay, group_stream, new_session, pattern, within};
use isi_wire::{
    Audience, DatagramHeader, DeliveryClass, GroupHeader, RelayMessage, TrackAlias, TrackKind,
    write_object_length,
};

pub(crate) fn media(alias: TrackAlias, group: u64) -> GroupHeader {
    GroupHeader { alias, group, class: DeliveryClass::Media, offset: 0 }
}

pub(crate) async fn shared_screen(relay: &Relay, viewers: usize) -> (Client, TrackAlias, Vec<Client>) {
    let session = new_session();
    let mut sharer = relay.join(Role::Organizer, session).await;
    let alias = sharer.publish(1, TrackKind::Screen, DeliveryClass::Media, Audience::Everyone).await;
    let mut joined = Vec::new();
    for _ in 0..viewers {
        let mut viewer = relay.join(Role::Viewer, session).await;
        assert_eq!(viewer.joined.tracks.iter().map(|track| track.alias).collect::<Vec<_>>(), [alias]);
        viewer.subscribe(alias).await;
        joined.push(viewer);
    }
    (sharer, alias, joined)
}

#[tokio::test]
async fn a_group_reaches_two_receivers_byte_for_byte_before_its_sender_has_finished_it() {
    let relay = Relay::start();
    let (sharer, alias, viewers) = shared_screen(&relay, 2).await;
    let object = pattern(300_000);
    let mut sent = Vec::new();
    write_object_length(&mut sent, object.len());
    sent.extend_from_slice(&object);

    let (mut stream, mut expected) = group_stream(&sharer.connection, media(alias, 1)).await;
    stream.write_all(&sent[..1000]).await.unwrap();
    expected.extend_from_slice(&sent);
    let mut groups = Vec::new();
    for viewer in &viewers {
        // Cut-through: the sender holds the rest back until both have the beginning.
        let mut group = viewer.next_group().await;
        group.read_at_least(expected.len() - sent.len() + 1000).await;
        groups.push(group);
    }
    stream.write_all(&sent[1000..]).await.unwrap();
    stream.finish().unwrap();
    for group in groups {
        assert_eq!(group.header, media(alias, 1));
        assert!(group.read_to_end().await.unwrap() == expected, "bytes were changed");
    }
    relay.stop().await;
}

#[tokio::test]
async fn a_reset_group_is_reset_at_its_receivers_and_never_looks_whole() {
    let relay = Relay::start();
    let (sharer, alias, viewers) = shared_screen(&relay, 1).await;
    let (mut stream, head) = group_stream(&sharer.connection, media(alias, 1)).await;
    stream.write_all(&pattern(5000)).await.unwrap();
    let mut group = viewers[0].next_group().await;
    group.read_at_least(head.len() + 1).await;
    stream.reset(quinn::VarInt::from_u32(isi_wire::ResetCode::Cancelled as u32)).unwrap();
    match group.read_to_end().await {
        Err(quinn::ReadError::Reset(code)) => {
            assert_eq!(code.into_inner(), isi_wire::ResetCode::Cancelled as u64)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_receiver_that_stops_a_group_gets_the_next_one() {
    let relay = Relay::start();
    let (sharer, alias, viewers) = shared_screen(&relay, 2).await;
    let (mut first, head) = group_stream(&sharer.connection, media(alias, 1)).await;
    first.write_all(&pattern(2000)).await.unwrap();
    let mut unwanted = viewers[0].next_group().await;
    unwanted.read_at_least(head.len() + 2000).await;
    unwanted.stream.stop(quinn::VarInt::from_u32(isi_wire::ResetCode::Unsubscribed as u32)).unwrap();
    let kept = viewers[1].next_group().await;
    first.write_all(&pattern(70_000)).await.unwrap();
    first.finish().unwrap();
    assert_eq!(kept.read_to_end().await.unwrap().len(), head.len() + 72_000);

    let (mut second, mut expected) = group_stream(&sharer.connection, media(alias, 2)).await;
    second.write_all(&pattern(10)).await.unwrap();
    second.finish().unwrap();
    expected.extend_from_slice(&pattern(10));
    for viewer in &viewers {
        assert_eq!(viewer.next_group().await.read_to_end().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn input_reaches_the_driven_one_alone_and_without_subscription() {
    let relay = Relay::start();
    let session = new_session();
    let mut driven = relay.join(Role::Organizer, session).await;
    let mut other = relay.join(Role::Viewer, session).await;
    let mut driver = relay.join(Role::Viewer, session).await;
    let alias = driver.publish(9, TrackKind::Input, DeliveryClass::Input, Audience::One(driven.id())).await;
    let track = driven.hear(|message| match message {
        RelayMessage::TrackAdded(track) => Some(track),
        _ => None,
    });
    let track = track.await;
    assert_eq!((track.alias, track.participant, track.directed), (alias, driver.id(), true));

    let header = GroupHeader { alias, group: 1, class: DeliveryClass::Input, offset: 0 };
    let (mut keys, head) = group_stream(&driver.connection, header).await;
    let mut arriving = None;
    let mut expected = head;
    for event in 0..20_u8 {
        // One at a time, over one long stream.
        keys.write_all(&[1, event]).await.unwrap();
        expected.extend_from_slice(&[1, event]);
        if arriving.is_none() {
            arriving = Some(driven.next_group().await);
        }
        arriving.as_mut().unwrap().read_at_least(expected.len()).await;
    }
    assert_eq!(arriving.unwrap().bytes, expected);
    // Whatever the relay told the other one stands before the answer to this.
    let request = other.request();
    other.say(&isi_wire::ClientMessage::Subscribe { request, alias }).await;
    other
        .hear(|message| match message {
            RelayMessage::TrackAdded(track) => panic!("told of {track:?}"),
            RelayMessage::Refused { request: answered, .. } if answered == request => Some(()),
            _ => None,
        })
        .await;
}

#[tokio::test]
async fn a_datagram_arrives_unchanged_and_nobody_hears_an_echo() {
    let relay = Relay::start();
    let session = new_session();
    let mut pointing = relay.join(Role::Viewer, session).await;
    let alias = pointing.publish(3, TrackKind::Pointer, DeliveryClass::Live, Audience::Everyone).await;
    let mut watching = relay.join(Role::Viewer, session).await;
    watching.subscribe(alias).await;
    for length in [1, 64, 1120] {
        let datagram = DatagramHeader { alias }.encode(&pattern(length));
        pointing.connection.send_datagram(datagram.clone()).unwrap();
        let received: Bytes = within(watching.connection.read_datagram()).await.unwrap();
        assert_eq!(received, datagram);
    }
}

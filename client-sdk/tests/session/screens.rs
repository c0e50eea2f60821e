//! Frames from one to others, and datagrams.

use crate::support::{Person, World, within};
use bytes::Bytes;
use isi_account::Role;
use isi_client::payload::ScreenFrame;
use isi_client::{Event, RemoteTrack, Sent, SubscribeError, TrackKind, TrackSendError};

fn frame(number: u64, keyframe: bool) -> ScreenFrame {
    let data = Bytes::from(vec![number as u8; 3000]);
    ScreenFrame { captured_at_us: number, keyframe, data }
}

async fn track(person: &mut Person) -> RemoteTrack {
    person
        .hear(|event| match event {
            Event::TrackAvailable(track) => Some(*track),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn frames_arrive_in_order_and_whole() {
    let world = World::start();
    let (root, [mut one, mut two]) = world.people().await;
    let mut screen = root.session.publish_screen().await.unwrap();
    let mut receivers = Vec::new();
    for person in [&mut one, &mut two] {
        let track = track(person).await;
        assert_eq!((track.kind(), track.member()), (TrackKind::Screen, person.member("root").await));
        receivers.push(person.session.subscribe_screen(track).await.unwrap());
    }
    for number in 0..30 {
        assert_eq!(screen.send(&frame(number, number % 10 == 0)).await, Ok(Sent::Sent));
    }
    for receiver in &mut receivers {
        for number in 0..30 {
            let received = within(receiver.next()).await.unwrap();
            assert_eq!(received.frame, frame(number, number % 10 == 0));
            assert_eq!((received.group, received.index), (1 + number / 10, number % 10));
        }
    }
    drop(screen);
    for receiver in &mut receivers {
        assert_eq!(within(receiver.next()).await, None);
    }
}

#[tokio::test]
async fn a_late_viewer_makes_the_sharer_send_a_keyframe() {
    let world = World::start();
    let (mut root, [mut one]) = world.people().await;
    let mut screen = root.session.publish_screen().await.unwrap();
    assert!(screen.keyframe_wanted());
    assert_eq!(screen.send(&frame(0, false)).await, Ok(Sent::Dropped));
    assert_eq!(screen.send(&frame(1, true)).await, Ok(Sent::Sent));
    assert_eq!(screen.send(&frame(2, false)).await, Ok(Sent::Sent));
    let track = track(&mut one).await;
    let mut receiver = one.session.subscribe_screen(track).await.unwrap();
    within(screen.keyframe_request()).await;
    root.hear(|event| matches!(event, Event::KeyframeRequested(TrackKind::Screen)).then_some(())).await;
    assert_eq!(screen.send(&frame(3, true)).await, Ok(Sent::Sent));
    let received = within(receiver.next()).await.unwrap();
    assert_eq!((received.frame, received.group), (frame(3, true), 2));
    assert!(!screen.keyframe_wanted());
    receiver.request_keyframe();
    within(screen.keyframe_request()).await;
}

#[tokio::test]
async fn a_track_is_received_once_and_only_as_what_it_is() {
    let world = World::start();
    let (root, [mut one]) = world.people().await;
    let screen = root.session.publish_screen().await.unwrap();
    let track = track(&mut one).await;
    let receiver = one.session.subscribe_screen(track).await.unwrap();
    assert_eq!(one.session.subscribe_screen(track).await.unwrap_err(), SubscribeError::AlreadySubscribed);
    assert_eq!(one.session.subscribe_live(track).await.unwrap_err(), SubscribeError::NoSuchTrack);
    drop(receiver);
    let again = one.session.subscribe_screen(track).await;
    assert!(again.is_ok(), "{again:?}");
    drop(screen);
    one.hear(|event| matches!(event, Event::TrackEnded(ended) if *ended == track).then_some(())).await;
    drop(again);
    assert_eq!(one.session.subscribe_screen(track).await.unwrap_err(), SubscribeError::NoSuchTrack);
}

#[tokio::test]
async fn somebody_who_joins_later_sees_a_screen_that_is_shared_already() {
    let world = World::start();
    let root = world.create().await;
    let mut screen = root.session.publish_screen().await.unwrap();
    let invitation = root.session.invite().await.unwrap();
    let mut late = world.join(Role::Viewer, "late", &invitation).await;
    let track = track(&mut late).await;
    let mut receiver = late.session.subscribe_screen(track).await.unwrap();
    within(screen.keyframe_request()).await;
    assert_eq!(screen.send(&frame(7, true)).await, Ok(Sent::Sent));
    assert_eq!(within(receiver.next()).await.unwrap().frame, frame(7, true));
}

#[tokio::test]
async fn a_pointer_travels_in_datagrams() {
    let world = World::start();
    let (mut root, [one]) = world.people().await;
    let mut pointer = one.session.publish_live(TrackKind::Pointer).await.unwrap();
    let track = track(&mut root).await;
    let mut receiver = root.session.subscribe_live(track).await.unwrap();
    pointer.send(b"here").unwrap();
    assert_eq!(&within(receiver.next()).await.unwrap().data[..], b"here");
    assert_eq!(pointer.send(&[0; 1120]), Err(TrackSendError::TooLarge));
    pointer.send(&[1; 900]).unwrap();
    assert_eq!(within(receiver.next()).await.unwrap().data.len(), 900);
}

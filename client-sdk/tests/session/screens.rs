//! Frames from one to others, and datagrams.

use bytes::Bytes;
use isi_account::Role;
use isi_client::payload::ScreenFrame;
use isi_client::{
    Event, RemoteTrack, ScreenPublisher, ScreenReceiver, Sent, SubscribeError, TrackKind, TrackSendError,
};
use isi_testkit::{Person, World, within};

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

/// Sends keyframes on request until each viewer has seen the newest; gives its group. Those who have just come cannot open
/// what was sealed for those who were there before, and ask again.
async fn until_seen(screen: &mut ScreenPublisher, receivers: &mut [ScreenReceiver]) -> u64 {
    let mut newest = 1000;
    let mut seen = vec![(0, 0); receivers.len()];
    assert_eq!(screen.send(&frame(newest, true)).await, Ok(Sent::Sent));
    while let Some(behind) = seen.iter().position(|(number, _)| *number != newest) {
        tokio::select! {
            received = within(receivers[behind].next()) => {
                let received = received.unwrap();
                seen[behind] = (received.frame.captured_at_us, received.group);
            }
            () = screen.keyframe_request() => {
                newest += 1;
                assert_eq!(screen.send(&frame(newest, true)).await, Ok(Sent::Sent));
            }
        }
    }
    seen[0].1
}

#[tokio::test]
async fn frames_arrive_in_order_and_whole() {
    let world = World::start();
    let (root, [mut one, mut two]) = world.people([Role::Participant; 2]).await;
    let mut screen = root.session.publish_screen().await.unwrap();
    let mut receivers = Vec::new();
    for person in [&mut one, &mut two] {
        let track = track(person).await;
        assert_eq!((track.kind(), track.member()), (TrackKind::Screen, person.member("root").await));
        receivers.push(person.session.subscribe_screen(track).await.unwrap());
    }
    let first = until_seen(&mut screen, &mut receivers).await;
    for number in 0..30 {
        assert_eq!(screen.send(&frame(number, number % 10 == 0)).await, Ok(Sent::Sent));
        for receiver in &mut receivers {
            let received = within(receiver.next()).await.unwrap();
            assert!(received.frame == frame(number, number % 10 == 0));
            assert_eq!((received.group, received.index), (first + 1 + number / 10, number % 10));
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
    let (mut root, [mut one, mut late]) = world.people([Role::Participant; 2]).await;
    let mut screen = root.session.publish_screen().await.unwrap();
    assert!(screen.keyframe_wanted());
    assert_eq!(screen.send(&frame(0, false)).await, Ok(Sent::Dropped));
    let seen = track(&mut one).await;
    let mut first = one.session.subscribe_screen(seen).await.unwrap();
    until_seen(&mut screen, std::slice::from_mut(&mut first)).await;
    // The relay has passed on all there is: whoever comes now needs more.
    let seen = track(&mut late).await;
    let mut receiver = late.session.subscribe_screen(seen).await.unwrap();
    within(screen.keyframe_request()).await;
    root.hear(|event| matches!(event, Event::KeyframeRequested(TrackKind::Screen)).then_some(())).await;
    until_seen(&mut screen, std::slice::from_mut(&mut receiver)).await;
    assert!(!screen.keyframe_wanted());
    receiver.request_keyframe();
    within(screen.keyframe_request()).await;
}

#[tokio::test]
async fn a_track_is_received_once_and_only_as_what_it_is() {
    let world = World::start();
    let (root, [mut one]) = world.people([Role::Participant; 1]).await;
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
    until_seen(&mut screen, std::slice::from_mut(&mut receiver)).await;
}

#[tokio::test]
async fn a_pointer_travels_in_datagrams() {
    let world = World::start();
    let (mut root, [one]) = world.people([Role::Participant; 1]).await;
    let mut pointer = one.session.publish_live(TrackKind::Pointer).await.unwrap();
    let track = track(&mut root).await;
    let mut receiver = root.session.subscribe_live(track).await.unwrap();
    pointer.send(b"here").unwrap();
    assert_eq!(&within(receiver.next()).await.unwrap().data[..], b"here");
    assert_eq!(pointer.send(&[0; 1120]), Err(TrackSendError::TooLarge));
    pointer.send(&[1; 900]).unwrap();
    assert_eq!(within(receiver.next()).await.unwrap().data.len(), 900);
}

//! A relay that lets input through when it suits it.

use crate::liar::Liar;
use crate::scene::{KEYS, key};
use isi_account::Role;
use isi_client::payload::InputEvent;
use isi_client::{Event, InputToApply};
use isi_testkit::within;
use std::time::Duration;
use tokio::time::sleep;

/// The driver clicks on what it sees. The relay keeps the click until something else is there.
#[tokio::test(start_paused = true)]
async fn held_back_click() {
    let liar = Liar::start();
    let (mut root, [mut driver]) = liar.people([Role::Viewer]).await;
    let to = root.member("person-0").await;
    let mut receiver = root.session.grant_lease(to, KEYS, Duration::from_secs(600)).await.unwrap();
    let lease = driver
        .hear(|event| match event {
            Event::LeaseGranted(lease) => Some(*lease),
            _ => None,
        })
        .await;
    let mut sender = driver.session.drive(&lease).await.unwrap();
    let mut applied = async || within(receiver.next()).await;
    // Some events tell the driven side how long their way is.
    for x in 0..5 {
        let moved = InputEvent::PointerMove { x, y: 0 };
        sender.send(moved, 0).await.unwrap();
        assert_eq!(applied().await, Some(InputToApply::Event { event: moved, at_us: 0 }));
        sleep(Duration::from_millis(150)).await;
    }
    sender.send(key(0x61, true), 0).await.unwrap();
    assert_eq!(applied().await, Some(InputToApply::Event { event: key(0x61, true), at_us: 0 }));

    liar.lies.halt_streams("root");
    let click = |pressed| InputEvent::Button { button: 1, pressed };
    sender.send(click(true), 0).await.unwrap();
    sender.send(click(false), 0).await.unwrap();
    sender.send(key(0x61, false), 0).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    liar.lies.resume_streams();
    // What is down comes up; the click does not happen.
    assert_eq!(applied().await, Some(InputToApply::Event { event: key(0x61, false), at_us: 0 }));
    for person in [&mut root, &mut driver] {
        let held_back = |event: &Event| match event {
            Event::InputHeldBack { events, .. } => Some(*events),
            _ => None,
        };
        assert_eq!(person.hear(held_back).await, 2);
    }
}

//! Leases: who may drive, until when, and what happens to held keys.

use isi_account::Role;
use isi_client::payload::InputEvent;
use isi_client::{
    DriveError, Event, GrantError, InputReceiver, InputSendError, InputSender, InputToApply, LeaseEndReason,
    LeaseScope, Refused,
};
use isi_testkit::{Person, World, within};
use std::time::Duration;

const KEYS: LeaseScope = LeaseScope { pointer: true, keyboard: true, clipboard: false, rectangle: None };
const LONG: Duration = Duration::from_secs(600);

const fn key(keysym: u32, pressed: bool) -> InputEvent {
    InputEvent::Key { keysym, pressed }
}

async fn ended(person: &mut Person) -> LeaseEndReason {
    person
        .hear(|event| match event {
            Event::LeaseEnded { reason, .. } => Some(*reason),
            _ => None,
        })
        .await
}

/// The driver asks, the driven one grants.
async fn drive(
    driven: &mut Person,
    driver: &mut Person,
    scope: LeaseScope,
    duration: Duration,
) -> (InputReceiver, InputSender) {
    driver.session.request_lease(driver.member("root").await).await.unwrap();
    let asks = driven
        .hear(|event| match event {
            Event::LeaseRequested(member) => Some(*member),
            _ => None,
        })
        .await;
    let receiver = driven.session.grant_lease(asks, scope, duration).await.unwrap();
    let lease = driver.hear_granted().await;
    assert_eq!((lease.driver, lease.scope(), lease.duration()), (driver.id(), scope, duration));
    let sender = driver.session.drive(&lease).await.unwrap();
    (receiver, sender)
}

async fn applied(receiver: &mut InputReceiver) -> Option<InputToApply> {
    within(receiver.next()).await
}

#[tokio::test]
async fn the_driver_types_and_what_it_held_is_released_when_it_gives_up() {
    let world = World::start();
    let (mut root, [mut one, mut two]) = world.people([Role::Participant; 2]).await;
    let (mut receiver, mut sender) = drive(&mut root, &mut one, KEYS, LONG).await;
    let seen = two.hear_granted().await;
    assert_eq!((seen.driver, seen.driven), (two.member("person-0").await, two.member("root").await));
    let events = [
        InputEvent::PointerMove { x: 3, y: 4 },
        InputEvent::Button { button: 1, pressed: true },
        InputEvent::Button { button: 1, pressed: false },
        key(0x61, true),
        key(0xffe1, true),
    ];
    for (at_us, event) in events.into_iter().enumerate() {
        sender.send(event, at_us as u64).await.unwrap();
    }
    for (at_us, event) in events.into_iter().enumerate() {
        assert_eq!(applied(&mut receiver).await, Some(InputToApply::Event { event, at_us: at_us as u64 }));
    }
    drop(sender);
    assert_eq!(applied(&mut receiver).await, Some(InputToApply::Release(key(0xffe1, false))));
    assert_eq!(applied(&mut receiver).await, Some(InputToApply::Release(key(0x61, false))));
    assert_eq!(applied(&mut receiver).await, None);
    assert_eq!(receiver.ended(), Some(LeaseEndReason::Released));
    assert_eq!(ended(&mut two).await, LeaseEndReason::Released);
}

#[tokio::test]
async fn a_lease_that_expires_releases_and_takes_nothing_more() {
    let world = World::start();
    let (mut root, [mut one]) = world.people([Role::Participant; 1]).await;
    let (mut receiver, mut sender) = drive(&mut root, &mut one, KEYS, Duration::from_secs(2)).await;
    sender.send(key(0x61, true), 0).await.unwrap();
    assert!(matches!(applied(&mut receiver).await, Some(InputToApply::Event { .. })));
    assert_eq!(applied(&mut receiver).await, Some(InputToApply::Release(key(0x61, false))));
    assert_eq!(applied(&mut receiver).await, None);
    assert_eq!(receiver.ended(), Some(LeaseEndReason::Expired));
    assert_eq!(ended(&mut one).await, LeaseEndReason::Expired);
    assert_eq!(sender.send(key(0x61, false), 1).await, Err(InputSendError::LeaseEnded));
    let lease = *sender.lease();
    assert_eq!(one.session.drive(&lease).await.unwrap_err(), DriveError::NoLease);
}

#[tokio::test]
async fn the_driven_one_takes_the_lease_back_at_once() {
    let world = World::start();
    let (mut root, [mut one]) = world.people([Role::Participant; 1]).await;
    let (mut receiver, mut sender) = drive(&mut root, &mut one, KEYS, LONG).await;
    sender.send(InputEvent::Button { button: 3, pressed: true }, 0).await.unwrap();
    assert!(matches!(applied(&mut receiver).await, Some(InputToApply::Event { .. })));
    root.session.end_lease().await.unwrap();
    let release = InputEvent::Button { button: 3, pressed: false };
    assert_eq!(applied(&mut receiver).await, Some(InputToApply::Release(release)));
    assert_eq!(applied(&mut receiver).await, None);
    assert_eq!(ended(&mut one).await, LeaseEndReason::Revoked);
}

#[tokio::test]
async fn a_driver_that_is_gone_leaves_no_key_down() {
    let world = World::start();
    let (mut root, [mut one]) = world.people([Role::Participant; 1]).await;
    let (mut receiver, mut sender) = drive(&mut root, &mut one, KEYS, LONG).await;
    sender.send(key(0x61, true), 0).await.unwrap();
    assert!(matches!(applied(&mut receiver).await, Some(InputToApply::Event { .. })));
    root.session.remove(root.member("person-0").await).await.unwrap();
    assert_eq!(applied(&mut receiver).await, Some(InputToApply::Release(key(0x61, false))));
    assert_eq!(applied(&mut receiver).await, None);
    assert_eq!(receiver.ended(), Some(LeaseEndReason::DriverGone));
}

#[tokio::test]
async fn a_new_lease_ends_the_one_before() {
    let world = World::start();
    let (mut root, [mut one, mut two]) = world.people([Role::Participant; 2]).await;
    let (mut first, mut sender) = drive(&mut root, &mut one, KEYS, LONG).await;
    sender.send(key(0x61, true), 0).await.unwrap();
    assert!(matches!(applied(&mut first).await, Some(InputToApply::Event { .. })));
    let _ = two.hear_granted().await;
    let (mut second, mut other) = drive(&mut root, &mut two, KEYS, LONG).await;
    assert_eq!(applied(&mut first).await, Some(InputToApply::Release(key(0x61, false))));
    assert_eq!(applied(&mut first).await, None);
    assert_eq!(first.ended(), Some(LeaseEndReason::Superseded));
    other.send(key(0x62, true), 1).await.unwrap();
    assert_eq!(applied(&mut second).await, Some(InputToApply::Event { event: key(0x62, true), at_us: 1 }));
}

#[tokio::test]
async fn timers_of_other_things_end_no_lease() {
    let world = World::start();
    let (mut root, [mut one]) = world.people([Role::Participant; 1]).await;
    let (mut receiver, mut sender) = drive(&mut root, &mut one, KEYS, LONG).await;
    // Join requests are collected for a while: that one is let in means that a timer of the driven one has run out.
    let invitation = root.session.invite().await.unwrap();
    let _late = world.join(Role::Participant, "late", &invitation).await;
    sender.send(key(0x61, true), 0).await.unwrap();
    assert_eq!(applied(&mut receiver).await, Some(InputToApply::Event { event: key(0x61, true), at_us: 0 }));
    root.session.end_lease().await.unwrap();
    assert_eq!(applied(&mut receiver).await, Some(InputToApply::Release(key(0x61, false))));
    assert_eq!(receiver.ended(), Some(LeaseEndReason::Revoked));
}

#[tokio::test]
async fn what_the_scope_leaves_out_is_not_applied() {
    let world = World::start();
    let (mut root, [mut one]) = world.people([Role::Participant; 1]).await;
    let rectangle = isi_client::Rectangle { x: 10, y: 10, width: 5, height: 5 };
    let scope = LeaseScope { pointer: true, keyboard: false, clipboard: false, rectangle: Some(rectangle) };
    let (mut receiver, mut sender) = drive(&mut root, &mut one, scope, LONG).await;
    // The driver's own client says so for what it can tell...
    assert_eq!(sender.send(key(0x61, true), 0).await, Err(InputSendError::OutOfScope));
    // ...and the driven side decides about the rest.
    sender.send(InputEvent::PointerMove { x: 9, y: 10 }, 1).await.unwrap();
    let inside = InputEvent::PointerMove { x: 12, y: 12 };
    sender.send(inside, 2).await.unwrap();
    assert_eq!(applied(&mut receiver).await, Some(InputToApply::Event { event: inside, at_us: 2 }));
    root.hear(|event| matches!(event, Event::Refused { why: Refused::Input(_), .. }).then_some(())).await;
}

#[tokio::test]
async fn driving_goes_on_when_the_membership_changes() {
    let world = World::start();
    let (mut root, [mut one]) = world.people([Role::Participant; 1]).await;
    let (mut receiver, mut sender) = drive(&mut root, &mut one, KEYS, LONG).await;
    let mut epoch = root.session.session_code().await.unwrap().epoch;
    for round in 0..4 {
        sender.send(key(round, true), 0).await.unwrap();
        assert_eq!(
            applied(&mut receiver).await,
            Some(InputToApply::Event { event: key(round, true), at_us: 0 })
        );
        root.session.rotate().await.unwrap();
        // Typed while the driver may or may not know the new epoch.
        sender.send(key(round, false), 1).await.unwrap();
        assert_eq!(
            applied(&mut receiver).await,
            Some(InputToApply::Event { event: key(round, false), at_us: 1 })
        );
        epoch += 1;
        assert_eq!(root.session.session_code().await.unwrap().epoch, epoch);
    }
}

#[tokio::test]
async fn a_lease_is_for_its_driver_alone_and_has_bounds() {
    let world = World::start();
    let (mut root, [mut one, mut two]) = world.people([Role::Participant; 2]).await;
    let (_receiver, _sender) = drive(&mut root, &mut one, KEYS, LONG).await;
    let lease = two.hear_granted().await;
    assert_eq!(two.session.drive(&lease).await.unwrap_err(), DriveError::NoLease);
    let two_at_root = root.member("person-1").await;
    for duration in [Duration::ZERO, Duration::from_secs(3601)] {
        let refused = root.session.grant_lease(two_at_root, KEYS, duration).await.unwrap_err();
        assert_eq!(refused, GrantError::Duration);
    }
    assert!(root.session.grant_lease(root.id(), KEYS, LONG).await.is_err());
}

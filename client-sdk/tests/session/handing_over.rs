//! Before and after a lease: refusing one, passing it on, and the key that ends it.

use isi_account::Role;
use isi_client::payload::InputEvent;
use isi_client::{
    Event, GrantError, InputReceiver, InputSender, InputToApply, LeaseEndReason, LeaseRefusal, LeaseScope,
};
use isi_testkit::{Person, World, within};
use std::time::Duration;

const KEYS: LeaseScope = LeaseScope { pointer: false, keyboard: true, clipboard: false, rectangle: None };
const LONG: Duration = Duration::from_secs(600);

const fn key(keysym: u32, pressed: bool) -> InputEvent {
    InputEvent::Key { keysym, pressed }
}

async fn lend(driven: &Person, driver: &mut Person, subject: &str) -> (InputReceiver, InputSender) {
    let receiver = driven.session.grant_lease(driven.member(subject).await, KEYS, LONG).await.unwrap();
    let lease = driver.hear_granted().await;
    let sender = driver.session.drive(&lease).await.unwrap();
    (receiver, sender)
}

async fn applied(receiver: &mut InputReceiver) -> Option<InputToApply> {
    within(receiver.next()).await
}

async fn type_one(sender: &mut InputSender, receiver: &mut InputReceiver, event: InputEvent) {
    sender.send(event, 5).await.unwrap();
    assert_eq!(applied(receiver).await, Some(InputToApply::Event { event, at_us: 5 }));
}

#[tokio::test]
async fn who_asks_in_vain_hears_why() {
    let world = World::start();
    let (mut root, [mut one]) = world.people([Role::Participant; 1]).await;
    one.session.request_lease(one.member("root").await).await.unwrap();
    let asks = root
        .hear(|event| match event {
            Event::LeaseRequested(member) => Some(*member),
            _ => None,
        })
        .await;
    root.session.refuse_lease(asks, LeaseRefusal::Declined).await.unwrap();
    let refused = one
        .hear(|event| match event {
            Event::LeaseRefused { from, reason } => Some((*from, *reason)),
            _ => None,
        })
        .await;
    assert_eq!(refused, (one.member("root").await, LeaseRefusal::Declined));
}

#[tokio::test]
async fn a_driver_passes_the_lease_on_if_the_driven_one_agrees() {
    let world = World::start();
    let (mut root, [mut one, mut two]) = world.people([Role::Participant; 2]).await;
    let (mut first, mut sender) = lend(&root, &mut one, "person-0").await;
    let lease = two.hear_granted().await;
    type_one(&mut sender, &mut first, key(0x61, true)).await;
    one.session.request_hand_over(sender.lease(), one.member("person-1").await).await.unwrap();
    let wanted = root
        .hear(|event| match event {
            Event::LeaseHandOverRequested { lease, to } => Some((lease.id, *to)),
            _ => None,
        })
        .await;
    assert_eq!(wanted, (lease.id, root.member("person-1").await));
    let mut second = root.session.hand_over_lease(wanted.1).await.unwrap();
    assert_eq!(applied(&mut first).await, Some(InputToApply::Release(key(0x61, false))));
    assert_eq!((applied(&mut first).await, first.ended()), (None, Some(LeaseEndReason::Superseded)));
    let passed_on = two.hear_granted().await;
    assert_eq!((passed_on.driver, passed_on.scope()), (two.id(), KEYS));
    assert!(passed_on.duration() <= LONG && passed_on.duration() > LONG / 2);
    let mut sender = two.session.drive(&passed_on).await.unwrap();
    type_one(&mut sender, &mut second, key(0x62, true)).await;
}

#[tokio::test]
async fn nobody_but_the_driver_passes_a_lease_on_and_none_that_has_ended() {
    let world = World::start();
    let (root, [mut one, mut two]) = world.people([Role::Participant; 2]).await;
    let (_receiver, sender) = lend(&root, &mut one, "person-0").await;
    let lease = two.hear_granted().await;
    assert!(two.session.request_hand_over(&lease, two.id()).await.is_err());
    let nobody = root.id();
    assert!(one.session.request_hand_over(sender.lease(), nobody).await.is_err());
    root.session.end_lease().await.unwrap();
    let to = root.member("person-1").await;
    assert_eq!(root.session.hand_over_lease(to).await.unwrap_err(), GrantError::NoLease);
}

#[tokio::test]
async fn the_panic_key_needs_nobody() {
    let world = World::start();
    let (root, [mut one]) = world.people([Role::Participant; 1]).await;
    let (mut receiver, mut sender) = lend(&root, &mut one, "person-0").await;
    type_one(&mut sender, &mut receiver, key(0x61, true)).await;
    let (of_session, of_lease) = (root.session.panic_switch(), receiver.panic_switch());
    // Sent before, so perhaps arrived; but never handed out.
    sender.send(key(0x62, true), 6).await.unwrap();
    // On a thread of its own, without a runtime: as a keyboard hook does.
    let taken_back = std::thread::spawn(move || of_session.press()).join().unwrap().unwrap();
    assert_eq!(taken_back.releases, [key(0x61, false)]);
    assert_eq!(taken_back.report.accepted_after_take_back, Duration::ZERO);
    assert_eq!(of_lease.press(), None);
    assert_eq!(applied(&mut receiver).await, Some(InputToApply::Release(key(0x61, false))));
    assert_eq!((applied(&mut receiver).await, receiver.ended()), (None, Some(LeaseEndReason::Revoked)));
    assert_eq!(receiver.report().accepted, 1);
    // The others hear it too.
    one.hear(|event| matches!(event, Event::LeaseEnded { .. }).then_some(())).await;
}

#[tokio::test]
async fn the_switch_of_a_lease_that_was_replaced_leaves_the_next_one_alone() {
    let world = World::start();
    let (root, [mut one]) = world.people([Role::Participant; 1]).await;
    let (first, _) = lend(&root, &mut one, "person-0").await;
    let old = first.panic_switch();
    let (mut second, mut sender) = lend(&root, &mut one, "person-0").await;
    assert_eq!(old.press(), None);
    type_one(&mut sender, &mut second, key(0x63, true)).await;
    root.session.leave().await;
    assert_eq!(applied(&mut second).await, Some(InputToApply::Release(key(0x63, false))));
    assert_eq!((applied(&mut second).await, second.ended()), (None, Some(LeaseEndReason::DriverGone)));
}

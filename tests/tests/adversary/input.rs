//! Input without a lease, and with one that says something else.

use crate::rogue::{NOW, PERSON_0, ROOT, Rogue};
use crate::scene::{Driving, KEYS, applied, input_meta, key, lend, open, private, put, seal_input};
use isi_account::Role;
use isi_client::payload::InputEvent;
use isi_client::{DriveError, LeaseEndReason, LeaseScope, Refused};
use isi_e2ee::{InputRefused, LeafIndex, LeaseError, LeaseTerms, Sealer};
use isi_testkit::{World, within};
use isi_wire::{Audience, DeliveryClass, TrackKind};
use std::time::Duration;

const NO_STREAM: Refused = Refused::UnexpectedStream;
const MOVE: InputEvent = InputEvent::PointerMove { x: 5, y: 6 };

/// Everything that a driver would send by this lease, on a track of the rogue's own.
async fn drive_anyway(rogue: &mut Rogue, track: u32, lease: &LeaseTerms) {
    let audience = Audience::One(rogue.organizer);
    let alias = rogue.client.publish(track, TrackKind::Input, DeliveryClass::Input, audience).await;
    let mut stream = open(&rogue.client, alias, DeliveryClass::Input, lease.generation).await;
    let (prologue, keys) = rogue.agree(lease, rogue.leaf());
    let track = isi_wire::TrackId(track);
    let mut prologues = Sealer::new(&rogue.keyring, track, TrackKind::Input).unwrap();
    let prologue = prologues.seal(NOW, input_meta(lease.generation), &prologue).unwrap();
    let mut sealer = Sealer::private(&rogue.keyring, track, TrackKind::Input, keys).unwrap();
    // The other side may stop the stream at any time: that is what is tested.
    for object in [prologue, seal_input(&mut sealer, lease.generation, 0, key(0x78, true))] {
        let mut bytes = Vec::new();
        isi_wire::write_object_length(&mut bytes, object.len());
        bytes.extend_from_slice(&object);
        let _ = stream.write_all(&bytes).await;
    }
    let _ = stream.finish();
}

/// What a lease to `driver` would say; `public_key` is any.
fn made_up(driver: LeafIndex) -> LeaseTerms {
    let public_key = isi_e2ee::PrivateReceiver::generate().public_key();
    LeaseTerms {
        id: [9; 16],
        generation: 1,
        driver,
        driven: ROOT,
        scope: KEYS,
        duration_ms: 60_000,
        public_key,
    }
}

#[tokio::test]
async fn a_viewer_without_a_lease() {
    let world = World::start();
    let (mut root, [mut driver, mut viewer]) = world.people([Role::Viewer; 2]).await;
    let invitation = root.session.invite().await.unwrap();
    let mut rogue = Rogue::join(&world, Role::Viewer, "rogue", &invitation).await;
    root.until_online(4).await;
    let rogue_at_root = root.member("rogue").await;

    // Nobody drives.
    let lease = made_up(rogue.leaf());
    drive_anyway(&mut rogue, 7, &lease).await;
    assert_eq!(root.hear_refused().await, (Some(rogue_at_root), NO_STREAM));

    // Another drives: its lease is no use to the SDK, nor to a client without its rules.
    let driver_at_root = root.member("person-0").await;
    let long = Duration::from_secs(600);
    let mut receiver = root.session.grant_lease(driver_at_root, KEYS, long).await.unwrap();
    let lease = viewer.hear_granted().await;
    assert_eq!(viewer.session.drive(&lease).await.unwrap_err(), DriveError::NoLease);
    let signed = rogue.next_signal(ROOT, 4).await;
    let terms = rogue.keyring.verify_lease(&signed, ROOT, NOW).unwrap();
    drive_anyway(&mut rogue, 8, &terms).await;
    assert_eq!(root.hear_refused().await, (Some(rogue_at_root), NO_STREAM));

    let lease = driver.hear_granted().await;
    let mut sender = driver.session.drive(&lease).await.unwrap();
    sender.send(key(0x61, true), 0).await.unwrap();
    assert_eq!(applied(&mut receiver).await, Some(key(0x61, true)), "and nothing before it");
}

#[tokio::test]
async fn a_lease_that_its_driver_has_made() {
    let world = World::start();
    let (mut root, [mut other]) = world.people([Role::Participant]).await;
    let invitation = root.session.invite().await.unwrap();
    let mut rogue = Rogue::join(&world, Role::Viewer, "rogue", &invitation).await;
    root.until_online(3).await;
    let lease = made_up(rogue.leaf());
    let signed = rogue.keyring_as(ROOT).sign_lease(&lease).unwrap();
    rogue.say(&[&[4][..], &signed].concat()).await;
    for person in [&mut root, &mut other] {
        let from = person.member("rogue").await;
        let forged = Refused::Lease(LeaseError::WrongMember);
        assert_eq!(person.hear_refused().await, (Some(from), forged));
    }
    // Whoever hears it from root would check root's signature.
    assert_eq!(rogue.keyring.verify_lease(&signed, ROOT, NOW), Err(LeaseError::BadSignature));
    drive_anyway(&mut rogue, 7, &lease).await;
    assert_eq!(root.hear_refused().await, (Some(root.member("rogue").await), NO_STREAM));
    root.session.send("still here").await.unwrap();
    other.hear_text("still here").await;
}

#[tokio::test]
async fn a_lease_after_its_end() {
    let world = World::start();
    let mut driving = Driving::start(&world, KEYS).await;
    driving.send(0, key(0x61, true)).await;
    driving.assert_applied(key(0x61, true)).await;
    let driver = driving.root.member("person-0").await;
    driving.root.session.end_lease().await.unwrap();
    // Its events stand in the stream already; the lease's end comes first.
    let late = driving.seal(1, key(0x62, true));
    let _ = driving.stream.write_all(&late).await;
    let mut handed_out = Vec::new();
    while let Some(input) = within(driving.receiver.next()).await {
        handed_out.push(input);
    }
    let release = isi_client::InputToApply::Release(key(0x61, false));
    assert_eq!((handed_out, driving.receiver.ended()), (vec![release], Some(LeaseEndReason::Revoked)));

    let ended = driving.lease;
    drive_anyway(&mut driving.driver, 8, &ended).await;
    assert_eq!(driving.root.hear_refused().await, (Some(driver), NO_STREAM));

    // With a lease of today, the one of yesterday is no more worth: neither as a stream, nor inside of one.
    let (mut receiver, lease) = lend(&driving.root, &mut driving.driver, KEYS).await;
    drive_anyway(&mut driving.driver, 9, &ended).await;
    let mut stream =
        open(&driving.driver.client, driving.alias, DeliveryClass::Input, lease.generation).await;
    let (old, _) = driving.driver.agree(&ended, PERSON_0);
    let (new, keys) = driving.driver.agree(&lease, PERSON_0);
    for prologue in [old, new] {
        let object = driving.prologues.seal(NOW, input_meta(lease.generation), &prologue).unwrap();
        put(&mut stream, &object).await;
    }
    let mut sealer = private(&driving.driver.keyring, keys);
    put(&mut stream, &seal_input(&mut sealer, lease.generation, 0, MOVE)).await;
    assert_eq!(applied(&mut receiver).await, Some(MOVE));
    let mut refused = [driving.root.hear_refused().await, driving.root.hear_refused().await];
    // Two streams: the relay may deliver them in any order.
    refused.sort_by_key(|(_, why)| *why != NO_STREAM);
    let no_lease = Refused::Input(InputRefused::NoLease);
    assert_eq!(refused, [(Some(driver), NO_STREAM), (Some(driver), no_lease)]);
}

#[tokio::test]
async fn a_lease_beyond_its_scope() {
    let world = World::start();
    let scope = LeaseScope { keyboard: false, ..KEYS };
    let mut driving = Driving::start(&world, scope).await;
    let driver = driving.root.member("person-0").await;
    driving.send(0, key(0x61, true)).await;
    driving.send(1, InputEvent::Button { button: 1, pressed: false }).await;
    driving.send(2, MOVE).await;
    driving.assert_applied(MOVE).await;
    for why in [InputRefused::OutOfScope, InputRefused::NotHeld] {
        assert_eq!(driving.root.hear_refused().await, (Some(driver), Refused::Input(why)));
    }
}

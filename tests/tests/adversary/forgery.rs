//! A member that has all of the group's symmetric keys speaks for another. Only the other's signature is missing.

use crate::rogue::{MESSAGE_META, MESSAGES, NOW, PERSON_0, Rogue};
use crate::scene::{
    Driving, KEYS, Sharing, TRACK, frame, input_meta, key, private, put, seal_frame, seal_input, text,
};
use isi_account::Role;
use isi_client::Refused;
use isi_e2ee::{Mismatch, OpenError, Sealer};
use isi_testkit::World;
use isi_wire::{Audience, DeliveryClass, TrackKind};

const BAD_SIGNATURE: Refused = Refused::Object(OpenError::BadSignature);

#[tokio::test]
async fn a_message_under_anothers_name() {
    let world = World::start();
    let (mut root, [victim, mut other]) = world.people([Role::Participant; 2]).await;
    let invitation = root.session.invite().await.unwrap();
    let mut forger = Rogue::join(&world, Role::Participant, "forger", &invitation).await;
    let mut forging = Sealer::new(&forger.keyring_as(PERSON_0), MESSAGES, TrackKind::Message).unwrap();
    let forged = forging.seal(NOW, MESSAGE_META, &text("I quit")).unwrap();
    forger.post(forged).await;
    for person in [&mut root, &mut other] {
        let victim = person.member("person-0").await;
        assert_eq!(person.hear_refused().await, (Some(victim), BAD_SIGNATURE));
    }
    victim.session.send("I stay").await.unwrap();
    for person in [&mut root, &mut other] {
        assert_eq!(person.hear_text("I stay").await, person.member("person-0").await);
    }
}

#[tokio::test]
async fn a_screen_frame_under_anothers_name() {
    let world = World::start();
    let mut sharing = Sharing::start(&world).await;
    let invitation = sharing.root.session.invite().await.unwrap();
    let mut forger = Rogue::join(&world, Role::Participant, "forger", &invitation).await;
    sharing.sharer.follow_commit().await;
    let mut forging = Sealer::new(&forger.keyring_as(PERSON_0), TRACK, TrackKind::Screen).unwrap();
    let forged = seal_frame(&mut forging, 1, 66);

    // On a track of its own it is another's object...
    let everyone = Audience::Everyone;
    let alias = forger.client.publish(TRACK.0, TrackKind::Screen, DeliveryClass::Media, everyone).await;
    let track = sharing.root.hear_track().await;
    let mut receiver = sharing.root.session.subscribe_screen(track).await.unwrap();
    let mut own = crate::scene::open(&forger.client, alias, DeliveryClass::Media, 1).await;
    put(&mut own, &forged).await;
    let mut sealer = Sealer::new(&forger.keyring, TRACK, TrackKind::Screen).unwrap();
    put(&mut own, &seal_frame(&mut sealer, 1, 1)).await;
    assert!(isi_testkit::within(receiver.next()).await.unwrap().frame == frame(1));
    let misplaced = Refused::Object(OpenError::WrongContext(Mismatch::Sender));
    assert_eq!(sharing.root.hear_refused().await, (Some(track.member()), misplaced));

    // ...and where a relay puts it on the sharer's track, it lacks the sharer's signature.
    let mut group = sharing.group(1).await;
    put(&mut group, &forged).await;
    let honest = sharing.seal(1, 2);
    put(&mut group, &honest).await;
    assert!(sharing.received().await.frame == frame(2));
    let sharer = sharing.root.member("person-0").await;
    assert_eq!(sharing.root.hear_refused().await, (Some(sharer), BAD_SIGNATURE));
}

#[tokio::test]
async fn input_under_the_drivers_name() {
    let world = World::start();
    let (mut driving, forger) = Driving::start_watched(&world, KEYS).await;
    driving.send(0, key(0x61, true)).await;
    driving.assert_applied(key(0x61, true)).await;

    // Any member can agree on keys in the driver's name, since the lease's public key is known to all...
    let (lease, as_driver) = (driving.lease, forger.keyring_as(PERSON_0));
    let (prologue, keys) = forger.agree(&lease, PERSON_0);
    let mut prologues = Sealer::new(&as_driver, TRACK, TrackKind::Input).unwrap();
    let mut events = private(&as_driver, keys);
    let forged = prologues.seal(NOW, input_meta(lease.generation), &prologue).unwrap();
    // ...and the relay could put all of it on the driver's stream.
    put(&mut driving.stream, &forged).await;
    put(&mut driving.stream, &seal_input(&mut events, lease.generation, 1, key(0x62, true))).await;

    driving.send(1, key(0x61, false)).await;
    driving.assert_applied(key(0x61, false)).await;
    let driver = driving.root.member("person-0").await;
    for _ in 0..2 {
        assert_eq!(driving.root.hear_refused().await, (Some(driver), BAD_SIGNATURE));
    }
}

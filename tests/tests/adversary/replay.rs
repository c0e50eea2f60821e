//! What was sent once comes again: in its place, in another, by another.

use crate::rogue::{NOW, Rogue};
use crate::scene::{Driving, KEYS, Sharing, frame, key, open, put, seal_frame};
use isi_account::Role;
use isi_client::{MemberId, Refused};
use isi_e2ee::{Mismatch, OpenError, SealMeta, Sealer};
use isi_testkit::{Person, World, within};
use isi_wire::{Audience, DatagramHeader, DeliveryClass, TrackId, TrackKind};

async fn assert_refused(person: &mut Person, from: MemberId, why: OpenError) {
    assert_eq!(person.hear_refused().await, (Some(from), Refused::Object(why)));
}

#[tokio::test]
async fn a_message_again() {
    let world = World::start();
    let (mut root, [victim]) = world.people([Role::Participant]).await;
    let invitation = root.session.invite().await.unwrap();
    let mut rogue = Rogue::join(&world, Role::Viewer, "rogue", &invitation).await;
    victim.session.send("pay once").await.unwrap();
    let from = root.hear_text("pay once").await;
    // The last of them is the text; each was seen before.
    let mut captured = rogue.next_message().await;
    while captured.directed {
        captured = rogue.next_message().await;
    }
    rogue.post(captured.payload).await;
    let (whose, why) = root.hear_refused().await;
    assert_eq!(why, Refused::Object(OpenError::Replayed));
    assert!(whose.is_some());
    victim.session.send("and on").await.unwrap();
    assert_eq!(root.hear_text("and on").await, from);
}

#[tokio::test]
async fn a_frame_again_in_its_group_in_another_and_on_another_track() {
    let world = World::start();
    let mut sharing = Sharing::start(&world).await;
    let sharer = sharing.root.member("person-0").await;
    let (first, second) = (sharing.seal(1, 1), sharing.seal(1, 2));
    let mut group = sharing.group(1).await;
    for object in [&first, &first, &second] {
        put(&mut group, object).await;
    }
    for number in [1, 2] {
        assert!(sharing.received().await.frame == frame(number));
    }
    assert_refused(&mut sharing.root, sharer, OpenError::Replayed).await;

    let third = sharing.seal(2, 3);
    let mut group = sharing.group(2).await;
    for object in [&first, &third] {
        put(&mut group, object).await;
    }
    assert!(sharing.received().await.frame == frame(3));
    assert_refused(&mut sharing.root, sharer, OpenError::WrongContext(Mismatch::Group)).await;

    let (everyone, client) = (Audience::Everyone, &mut sharing.sharer.client);
    let alias = client.publish(8, TrackKind::Screen, DeliveryClass::Media, everyone).await;
    let track = sharing.root.hear_track().await;
    let mut receiver = sharing.root.session.subscribe_screen(track).await.unwrap();
    let mut sealer = Sealer::new(&sharing.sharer.keyring, TrackId(8), TrackKind::Screen).unwrap();
    let mut group = open(&sharing.sharer.client, alias, DeliveryClass::Media, 1).await;
    for object in [first, seal_frame(&mut sealer, 1, 4)] {
        put(&mut group, &object).await;
    }
    assert!(within(receiver.next()).await.unwrap().frame == frame(4));
    assert_refused(&mut sharing.root, sharer, OpenError::WrongContext(Mismatch::Track)).await;
}

#[tokio::test]
async fn a_keystroke_again() {
    let world = World::start();
    let mut driving = Driving::start(&world, KEYS).await;
    let typed = driving.seal(0, key(0x61, true));
    for _ in 0..2 {
        put(&mut driving.stream, &typed).await;
    }
    driving.send(1, key(0x61, false)).await;
    driving.assert_applied(key(0x61, true)).await;
    driving.assert_applied(key(0x61, false)).await;
    let driver = driving.root.member("person-0").await;
    assert_refused(&mut driving.root, driver, OpenError::Replayed).await;
}

#[tokio::test]
async fn a_datagram_again() {
    let world = World::start();
    let mut root = world.create().await;
    let invitation = root.session.invite().await.unwrap();
    let mut rogue = Rogue::join(&world, Role::Viewer, "rogue", &invitation).await;
    let everyone = Audience::Everyone;
    let alias = rogue.client.publish(9, TrackKind::Pointer, DeliveryClass::Live, everyone).await;
    let track = root.hear_track().await;
    let mut receiver = root.session.subscribe_live(track).await.unwrap();
    let mut sealer = Sealer::new(&rogue.keyring, TrackId(9), TrackKind::Pointer).unwrap();
    let mut seal = |what: &[u8]| sealer.seal(NOW, SealMeta { group: 0, keyframe: false }, what).unwrap();
    let (here, there) = (seal(b"here"), seal(b"there"));
    // One at a time: datagrams have no order.
    for (object, arrives) in [(&here, true), (&here, false), (&there, true)] {
        rogue.client.connection.send_datagram(DatagramHeader { alias }.encode(object)).unwrap();
        if arrives {
            within(receiver.next()).await.unwrap();
        }
    }
    assert_refused(&mut root, track.member(), OpenError::Replayed).await;
}

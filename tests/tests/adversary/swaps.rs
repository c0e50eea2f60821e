//! Genuine objects of one place in another: the relay moves them and writes into their headers what fits there. It has no key,
//! and needs none for this.

use crate::damage::{key_id, relabelled};
use crate::rogue::{NOW, Rogue};
use crate::scene::{Sharing, TRACK, frame, open, put, seal_frame};
use bytes::Bytes;
use isi_account::Role;
use isi_client::Refused;
use isi_e2ee::{OpenError, SealMeta, Sealer};
use isi_testkit::World;
use isi_wire::{Audience, DeliveryClass, TrackId, TrackKind};
use quinn::SendStream;

/// The relay puts these on the sharer's stream, and then what the sharer sealed for it: frame 1.
async fn assert_refused(sharing: &mut Sharing, mut stream: SendStream, swapped: &[Bytes], honest: Bytes) {
    for object in swapped.iter().chain([&honest]) {
        put(&mut stream, object).await;
    }
    assert!(sharing.received().await.frame == frame(1));
    let sharer = sharing.root.member("person-0").await;
    for _ in swapped {
        let forged = Refused::Object(OpenError::BadSignature);
        assert_eq!(sharing.root.hear_refused().await, (Some(sharer), forged));
    }
}

#[tokio::test]
async fn epoch_swap() {
    let world = World::start();
    let mut sharing = Sharing::start(&world).await;
    let before = sharing.seal(1, 7);
    let invitation = sharing.root.session.invite().await.unwrap();
    let _new = Rogue::join(&world, Role::Viewer, "person-1", &invitation).await;
    sharing.sharer.follow_commit().await;
    let (leaf, epoch) = (sharing.sharer.leaf(), sharing.sharer.epoch());
    let today = relabelled(&before, key_id(TRACK, leaf, epoch));
    let (group, honest) = (sharing.group(1).await, sharing.seal(1, 1));
    assert_refused(&mut sharing, group, &[today], honest).await;
}

#[tokio::test]
async fn counter_swap() {
    let world = World::start();
    let mut sharing = Sharing::start(&world).await;
    let (first, second) = (sharing.seal(1, 7), sharing.seal(1, 8));
    let swapped = [(first, 1), (second, 0)]
        .map(|(object, counter)| relabelled(&object, |header| header.sframe.counter = counter));
    let (group, honest) = (sharing.group(1).await, sharing.seal(1, 1));
    assert_refused(&mut sharing, group, &swapped, honest).await;
}

#[tokio::test]
async fn track_swap() {
    let world = World::start();
    let mut sharing = Sharing::start(&world).await;
    let (everyone, client) = (Audience::Everyone, &mut sharing.sharer.client);
    let alias = client.publish(8, TrackKind::Screen, DeliveryClass::Media, everyone).await;
    let track = sharing.root.hear_track().await;
    let of_the_other = sharing.seal(1, 7);
    sharing.receiver = sharing.root.session.subscribe_screen(track).await.unwrap();
    let mut sealer = Sealer::new(&sharing.sharer.keyring, TrackId(8), TrackKind::Screen).unwrap();
    let group = open(&sharing.sharer.client, alias, DeliveryClass::Media, 1).await;
    let (leaf, epoch) = (sharing.sharer.leaf(), sharing.sharer.epoch());
    let swapped = relabelled(&of_the_other, key_id(TrackId(8), leaf, epoch));
    let honest = seal_frame(&mut sealer, 1, 1);
    assert_refused(&mut sharing, group, &[swapped], honest).await;
}

#[tokio::test]
async fn media_group_swap() {
    let world = World::start();
    let mut sharing = Sharing::start(&world).await;
    let yesterday = sharing.seal(1, 7);
    let swapped = relabelled(&yesterday, |header| header.group = 2);
    let (group, honest) = (sharing.group(2).await, sharing.seal(2, 1));
    assert_refused(&mut sharing, group, &[swapped], honest).await;
}

/// A receiver that begins with an object that builds on others shows what nobody has sent.
#[tokio::test]
async fn false_keyframe() {
    let world = World::start();
    let mut sharing = Sharing::start(&world).await;
    let delta = isi_client::payload::ScreenFrame { keyframe: false, ..frame(7) };
    let meta = SealMeta { group: 1, keyframe: false };
    let delta = sharing.sealer.seal(NOW, meta, &delta.encode()).unwrap();
    let swapped = relabelled(&delta, |header| header.keyframe = true);
    let (group, honest) = (sharing.group(1).await, sharing.seal(1, 1));
    assert_refused(&mut sharing, group, &[swapped], honest).await;
}

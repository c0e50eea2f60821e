//! Objects that were cut or changed on the way.

use crate::rogue::{MESSAGES, Rogue};
use crate::scene::{Sharing, TRACK, frame, put, seal_frame};
use bytes::Bytes;
use isi_account::Role;
use isi_client::Refused;
use isi_e2ee::{LeafIndex, Mismatch, OpenError, Sealer};
use isi_testkit::World;
use isi_wire::{DecodeError, ObjectHeader, SframeHeader, TrackId, TrackKind};
use zeroize::Zeroizing;

/// Tag and signature.
const TAIL_BYTES: usize = 16 + 64;

pub(crate) fn header_bytes(object: &Bytes) -> usize {
    let mut rest = object.clone();
    ObjectHeader::decode(&mut rest).unwrap();
    object.len() - rest.len()
}

/// The object under a header that says something else.
pub(crate) fn relabelled(object: &Bytes, change: impl FnOnce(&mut ObjectHeader)) -> Bytes {
    let mut rest = object.clone();
    let mut header = ObjectHeader::decode(&mut rest).unwrap();
    change(&mut header);
    let mut bytes = Vec::new();
    header.encode(&mut bytes);
    bytes.extend_from_slice(&rest);
    bytes.into()
}

fn flipped(object: &Bytes, position: usize, bits: u8) -> Bytes {
    let mut bytes = object.to_vec();
    bytes[position] ^= bits;
    bytes.into()
}

pub(crate) fn key_id(track: TrackId, leaf: LeafIndex, epoch: u64) -> impl FnOnce(&mut ObjectHeader) {
    move |header| header.sframe.key_id = SframeHeader::compose_key_id(track, leaf.0, epoch)
}

/// What a man in the middle makes of one object, and what the receiver says to it.
fn damaged(object: &Bytes, leaf: LeafIndex) -> Vec<(&'static str, Bytes, OpenError)> {
    let (header, end) = (header_bytes(object), object.len());
    let flags = header - 3;
    let misplaced = OpenError::WrongContext;
    let no_flags = DecodeError::InvalidValue { field: "object flags", value: 0x81 };
    let epoch = 1;
    vec![
        ("cut in the header", object.slice(..3), OpenError::Malformed(DecodeError::Truncated)),
        ("cut behind the header", object.slice(..header), OpenError::Truncated(header)),
        (
            "cut in the tag",
            object.slice(..header + TAIL_BYTES - 1),
            OpenError::Truncated(header + TAIL_BYTES - 1),
        ),
        ("cut by a byte", object.slice(..end - 1), OpenError::BadSignature),
        ("longer by a byte", [object, &[0][..]].concat().into(), OpenError::BadSignature),
        ("a flag that is none", flipped(object, flags, 0x80), OpenError::Malformed(no_flags)),
        ("a bit of the ciphertext", flipped(object, header, 1), OpenError::BadSignature),
        ("a bit of the tag", flipped(object, end - TAIL_BYTES, 0x80), OpenError::BadSignature),
        ("a bit of the signature", flipped(object, end - 64, 4), OpenError::BadSignature),
        ("no keyframe", relabelled(object, |header| header.keyframe = false), OpenError::BadSignature),
        ("another index", relabelled(object, |header| header.index += 1), OpenError::BadSignature),
        ("another counter", relabelled(object, |header| header.sframe.counter += 1), OpenError::BadSignature),
        (
            "another kind",
            relabelled(object, |header| header.kind = TrackKind::Video),
            misplaced(Mismatch::Kind),
        ),
        ("another group", relabelled(object, |header| header.group += 1), misplaced(Mismatch::Group)),
        ("private", relabelled(object, |header| header.private = true), misplaced(Mismatch::Privacy)),
        (
            "another sender",
            relabelled(object, key_id(TRACK, LeafIndex(0), epoch)),
            misplaced(Mismatch::Sender),
        ),
        ("another track", relabelled(object, key_id(TrackId(8), leaf, epoch)), misplaced(Mismatch::Track)),
        ("an epoch that is over", relabelled(object, key_id(TRACK, leaf, 0xffff)), OpenError::OldEpoch),
        ("an epoch to come", relabelled(object, key_id(TRACK, leaf, epoch + 1)), OpenError::UnknownEpoch),
    ]
}

#[tokio::test]
async fn every_damage_has_its_own_error_and_the_object_itself_still_opens() {
    let world = World::start();
    let mut sharing = Sharing::start(&world).await;
    let mut group = sharing.group(1).await;
    let before = sharing.seal(1, 0);
    put(&mut group, &before).await;
    assert!(sharing.received().await.frame == frame(0));
    let object = sharing.seal(1, 1);
    let mut damaged = damaged(&object, sharing.sharer.leaf());
    let odd = sharing.sharer.keyring_with(|input| input.base = Zeroizing::new([9; 32]));
    let mut odd = Sealer::new(&odd, TRACK, TrackKind::Screen).unwrap();
    damaged.push(("signed, with another key", seal_frame(&mut odd, 1, 66), OpenError::BadTag));
    for (_, bytes, _) in &damaged {
        put(&mut group, bytes).await;
    }
    put(&mut group, &object).await;
    assert!(sharing.received().await.frame == frame(1));
    let sharer = sharing.root.member("person-0").await;
    for (what, _, why) in damaged {
        assert_eq!(sharing.root.hear_refused().await, (Some(sharer), Refused::Object(why)), "{what}");
    }
}

#[tokio::test]
async fn a_message_that_somebody_changes_on_the_way() {
    let world = World::start();
    let (mut root, [victim]) = world.people([Role::Participant]).await;
    let invitation = root.session.invite().await.unwrap();
    let mut rogue = Rogue::join(&world, Role::Viewer, "rogue", &invitation).await;
    root.until_online(3).await;
    victim.session.send("the 7th").await.unwrap();
    let from = root.hear_text("the 7th").await;
    let object = loop {
        let entry = rogue.next_message().await;
        if !entry.directed {
            break entry.payload;
        }
    };
    let (header, nobody) = (header_bytes(&object), LeafIndex(500));
    let elsewhere = relabelled(&object, key_id(MESSAGES, nobody, 2));
    for (bytes, whose, why) in [
        (object.slice(..2), None, OpenError::Malformed(DecodeError::Truncated)),
        (object.slice(..header + 10), Some(from), OpenError::Truncated(header + 10)),
        (flipped(&object, header, 1), Some(from), OpenError::BadSignature),
        (elsewhere, None, OpenError::NotAMember(nobody)),
    ] {
        rogue.post(bytes).await;
        assert_eq!(root.hear_refused().await, (whose, Refused::Object(why)));
    }
    victim.session.send("the 8th").await.unwrap();
    assert_eq!(root.hear_text("the 8th").await, from);
}

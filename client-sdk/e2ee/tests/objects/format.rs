//! The object format: what opens, and that nothing changed, cut, forged or misrouted does.

use crate::world::*;
use bytes::Bytes;
use ed25519_dalek::SigningKey;
use isi_e2ee::{
    EpochSwitch, Expected, Keyring, Mismatch, OBJECT_OVERHEAD_BYTES_MAX, OpenError, Opener, SealError,
    SealMeta, Sealer, SealerError, Transport,
};
use isi_wire::limits::OBJECT_BYTES_MAX;
use isi_wire::{TrackId, TrackKind, VARINT_MAX};

#[test]
fn every_kind_opens_on_every_transport_as_it_was_sealed() {
    for &kind in TrackKind::ALL {
        for transport in TRANSPORTS {
            let mut pair = Pair::new(kind, transport);
            for (group, keyframe, index) in [(3, true, 0), (3, false, 1), (9, true, 0)] {
                let plaintext = vec![kind as u8; 100 * index as usize];
                let object = pair.sealer.seal(at(0), SealMeta { group, keyframe }, &plaintext).unwrap();
                let expected = Expected { group: Some(group), transport };
                let opened = pair.opener.open(at(0), expected, object).unwrap();
                assert_eq!((opened.leaf, opened.track, opened.kind), (ALICE, TRACK, kind));
                assert_eq!((opened.group, opened.index, opened.keyframe), (group, index, keyframe));
                assert_eq!((opened.epoch, opened.private), (FIRST_EPOCH, false));
                assert_eq!(opened.plaintext, plaintext);
            }
        }
    }
}

#[test]
fn ciphertext_hides_the_plaintext_and_is_never_the_same_twice() {
    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    let plaintext = [0x5a; 64];
    let objects = [(); 2].map(|()| pair.sealer.seal(at(0), meta(1), &plaintext).unwrap());
    for object in &objects {
        assert!(!object.windows(8).any(|window| window == &plaintext[..8]));
    }
    let tail = |object: &Bytes| object[object.len() - 144..object.len() - 80].to_vec();
    assert_ne!(tail(&objects[0]), tail(&objects[1]));
}

/// Which error a changed byte leads to depends on where it is: header fields are compared first, all other
/// changes break the signature. Tag and ciphertext are under the signature, so they never get as far as the tag.
#[test]
fn a_flip_of_any_bit_is_refused() {
    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    let object = pair.seal(0, 1);
    let header_len = object.len() - b"plaintext".len() - 16 - 64;
    for position in 0..object.len() {
        for bit in 0..8 {
            let mut changed = object.to_vec();
            changed[position] ^= 1 << bit;
            let error = pair.open(0, &changed.into()).unwrap_err();
            let allowed = match error {
                OpenError::Malformed(_)
                | OpenError::WrongContext(_)
                | OpenError::UnknownEpoch
                | OpenError::OldEpoch => position < header_len,
                OpenError::BadSignature => true,
                _ => false,
            };
            assert!(allowed, "byte {position} bit {bit}: {error}");
        }
    }
    assert!(pair.open(0, &object).is_ok(), "the refused ones changed nothing");
}

#[test]
fn every_truncation_and_every_tail_is_refused() {
    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    let object = pair.seal(0, 1);
    let shortest = object.len() - b"plaintext".len();
    for len in 0..object.len() {
        let error = pair.open(0, &object.slice(..len)).unwrap_err();
        let allowed = match error {
            OpenError::Malformed(_) | OpenError::Truncated(_) => len < shortest,
            OpenError::BadSignature => len >= shortest,
            _ => false,
        };
        assert!(allowed, "{len} bytes: {error}");
    }
    for tail in [1, 16, 64, 80, 1000] {
        let longer = [object.to_vec(), vec![0; tail]].concat();
        assert_eq!(pair.open(0, &longer.into()), Err(OpenError::BadSignature), "{tail} bytes more");
    }
    let huge = vec![0; OBJECT_BYTES_MAX + 1];
    assert_eq!(pair.open(0, &huge.into()), Err(OpenError::TooLarge(OBJECT_BYTES_MAX + 1)));
    assert!(pair.open(0, &object).is_ok());
}

/// Carol has all of the group's symmetric keys, so only the signature stands between her and Alice's keys.
#[test]
fn a_member_who_knows_the_keys_cannot_speak_for_another() {
    let mut pair = Pair::new(TrackKind::Input, Transport::Stream);
    let mallory = Keyring::new();
    let mut input = epoch_input(FIRST_EPOCH, ALICE, &[ALICE, BOB, CAROL], EpochSwitch::First);
    input.own_media_key = media_key(FIRST_EPOCH, CAROL);
    mallory.install(input, at(0));
    let mut forger = Sealer::new(&mallory, TRACK, TrackKind::Input).unwrap();
    let forged = forger.seal(at(0), meta(1), b"rm -rf").unwrap();
    assert_eq!(pair.open(0, &forged), Err(OpenError::BadSignature));
    let genuine = pair.seal(0, 1);
    assert!(pair.open(0, &genuine).is_ok(), "the forged one did not take its place");
}

/// The signature is right, but the key is another: a member that signs what it did not encrypt.
#[test]
fn a_right_signature_over_a_wrong_key_is_a_bad_tag() {
    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    let odd = Keyring::new();
    let mut input = epoch_input(FIRST_EPOCH, ALICE, &[ALICE, BOB], EpochSwitch::First);
    input.base = base(99);
    odd.install(input, at(0));
    let object = Sealer::new(&odd, TRACK, TrackKind::Screen).unwrap().seal(at(0), meta(1), b"x").unwrap();
    assert_eq!(pair.open(0, &object), Err(OpenError::BadTag));
}

/// Everything that is bound but that the header does not say: a signature over one never fits the other.
#[test]
fn group_id_and_full_epoch_are_bound() {
    for (group_id, epoch) in
        [(&b"another group id"[..], FIRST_EPOCH), (b"sixteen byte gid", FIRST_EPOCH + 0x1_0000)]
    {
        let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
        let elsewhere = Keyring::new();
        let mut input = epoch_input(FIRST_EPOCH, ALICE, &[ALICE, BOB], EpochSwitch::First);
        input.group_id = group_id.to_vec();
        input.epoch = epoch;
        elsewhere.install(input, at(0));
        let mut sealer = Sealer::new(&elsewhere, TRACK, TrackKind::Screen).unwrap();
        let object = sealer.seal(at(0), meta(1), b"x").unwrap();
        assert_eq!(pair.open(0, &object), Err(OpenError::BadSignature));
    }
}

#[test]
fn an_object_opens_only_where_it_belongs() {
    let bob = keyring(BOB);
    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    let object = pair.seal(0, 1);
    let stream = expect(Transport::Stream);
    let wrong = [
        (Opener::new(&bob, CAROL, TRACK, TrackKind::Screen), stream, Mismatch::Sender),
        (Opener::new(&bob, ALICE, TrackId(8), TrackKind::Screen), stream, Mismatch::Track),
        (Opener::new(&bob, ALICE, TRACK, TrackKind::Input), stream, Mismatch::Kind),
        (
            Opener::new(&bob, ALICE, TRACK, TrackKind::Screen),
            Expected { group: Some(2), ..stream },
            Mismatch::Group,
        ),
    ];
    for (mut opener, expected, mismatch) in wrong {
        let refused = opener.open(at(0), expected, object.clone());
        assert_eq!(refused, Err(OpenError::WrongContext(mismatch)));
    }
    assert!(pair.open(0, &object).is_ok());
}

#[test]
fn leaves_and_media_keys_that_are_none_are_refused() {
    let bob = Keyring::new();
    let mut input = epoch_input(FIRST_EPOCH, BOB, &[BOB], EpochSwitch::First);
    // y = 2 is on no point of the curve.
    let no_point = std::array::from_fn(|index| if index == 0 { 2 } else { 0 });
    input.media_keys.push((CAROL, no_point));
    bob.install(input, at(0));
    for (leaf, error) in [(ALICE, OpenError::NotAMember(ALICE)), (CAROL, OpenError::BadMediaKey(CAROL))] {
        let mut sealer = Sealer::new(&keyring(leaf), TRACK, TrackKind::Screen).unwrap();
        let object = sealer.seal(at(0), meta(1), b"x").unwrap();
        let mut opener = Opener::new(&bob, leaf, TRACK, TrackKind::Screen);
        assert_eq!(opener.open(at(0), expect(Transport::Stream), object), Err(error));
    }
}

/// A key of small order verifies many messages under plain Ed25519; `verify_strict` takes none.
#[test]
fn a_weak_media_key_signs_nothing() {
    let bob = Keyring::new();
    let mut input = epoch_input(FIRST_EPOCH, BOB, &[BOB], EpochSwitch::First);
    let identity = std::array::from_fn(|index| u8::from(index == 0));
    input.media_keys.push((ALICE, identity));
    bob.install(input, at(0));
    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    let mut object = pair.seal(0, 1).to_vec();
    // R = identity, s = 0: right for every message under the identity as key.
    let signature = object.len() - 64;
    object[signature..].copy_from_slice(&std::array::from_fn::<u8, 64, _>(|index| u8::from(index == 0)));
    let mut opener = Opener::new(&bob, ALICE, TRACK, TrackKind::Screen);
    assert_eq!(opener.open(at(0), expect(Transport::Stream), object.into()), Err(OpenError::BadSignature));
}

#[test]
fn a_track_has_one_sealer_in_the_life_of_a_group() {
    let alice = keyring(ALICE);
    let sealer = Sealer::new(&alice, TRACK, TrackKind::Screen).unwrap();
    drop(sealer);
    let again = Sealer::new(&alice.clone(), TRACK, TrackKind::Audio).unwrap_err();
    assert_eq!(again, SealerError::TrackUsed(TRACK));
    advance(&alice, ALICE, FIRST_EPOCH + 1, EpochSwitch::Other, at(0));
    assert_eq!(Sealer::new(&alice, TRACK, TrackKind::Screen).unwrap_err(), SealerError::TrackUsed(TRACK));
    assert!(Sealer::new(&alice, TrackId(8), TrackKind::Screen).is_ok());
}

#[test]
fn refused_seals_say_why_and_use_nothing_up() {
    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    let max = OBJECT_BYTES_MAX - OBJECT_OVERHEAD_BYTES_MAX;
    let first = pair.seal(0, 5);
    for (group, len, error) in [
        (5, max + 1, SealError::TooLarge { len: max + 1, max }),
        (4, 0, SealError::GroupWentBack { current: 5, asked: 4 }),
        (VARINT_MAX + 1, 0, SealError::GroupTooLarge(VARINT_MAX + 1)),
    ] {
        assert_eq!(pair.sealer.seal(at(0), meta(group), &vec![0; len]), Err(error));
    }
    let second = pair.sealer.seal(at(0), meta(5), &vec![0; max]).unwrap();
    assert!(second.len() <= OBJECT_BYTES_MAX);
    assert_eq!(pair.open(0, &first).unwrap().index, 0);
    assert_eq!(pair.open(0, &second).unwrap().index, 1);
}

#[test]
fn a_closed_keyring_seals_and_opens_nothing() {
    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    let object = pair.seal(0, 1);
    pair.alice.close();
    pair.bob.close();
    assert_eq!(pair.sealer.seal(at(0), meta(1), b""), Err(SealError::Closed));
    assert_eq!(pair.open(0, &object), Err(OpenError::Closed));
    assert_eq!(Sealer::new(&pair.alice, TrackId(9), TrackKind::Screen).unwrap_err(), SealerError::Closed);
    assert_eq!(pair.bob.epoch(), None);
}

#[test]
fn no_key_and_no_plaintext_is_ever_printed() {
    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    let object = pair.sealer.seal(at(0), meta(1), &[77; 8]).unwrap();
    let opened = pair.open(0, &object).unwrap();
    let input = epoch_input(FIRST_EPOCH, BOB, &[BOB], EpochSwitch::First);
    let printed = format!("{:?}{:?}{:?}{opened:?}{input:?}", pair.alice, pair.sealer, pair.opener);
    let seed = SigningKey::from_bytes(&media_key(FIRST_EPOCH, BOB).to_bytes());
    for secret in [&[77; 8][..], &base(FIRST_EPOCH)[8..], &seed.to_bytes()[10..]] {
        assert!(!printed.contains(&format!("{secret:?}")[1..20]), "{printed}");
    }
}

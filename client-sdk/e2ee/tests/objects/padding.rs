//! Padding: lengths on the wire, and what a sender that pads wrongly gets.

use crate::world::*;
use bytes::Bytes;
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use ed25519_dalek::Signer;
use isi_e2ee::{
    BUCKET_BYTES_MIN, Expected, OBJECT_OVERHEAD_BYTES_MAX, OpenError, Padding, SUITE_ID, SealError, Sealer,
    Transport, sframe,
};
use isi_wire::limits::{DATAGRAM_OBJECT_BYTES_MAX, OBJECT_BYTES_MAX};
use isi_wire::{ObjectHeader, SframeHeader, TrackId, TrackKind, put_varint};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

fn padded_pair() -> Pair {
    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    pair.sealer.set_padding(Padding::Buckets);
    pair
}

#[test]
fn lengths_are_buckets_and_the_plaintexts_come_back() {
    let mut pair = padded_pair();
    let mut lengths = BTreeSet::new();
    // Header fields grow meanwhile.
    for len in (0..3_000).chain([65_536, 1_000_000]) {
        let plaintext = vec![if len % 2 == 0 { 0 } else { 0x80 }; len];
        let object = pair.sealer.seal(at(0), meta(1), &plaintext).unwrap();
        lengths.insert(object.len());
        let added = object.len() - len;
        assert!(
            object.len() == BUCKET_BYTES_MIN || added <= OBJECT_OVERHEAD_BYTES_MAX + object.len() / 16 + 1
        );
        assert_eq!(pair.open(0, &object).unwrap().plaintext, plaintext);
    }
    // 256 and eight steps of 16, 32 and 64 up to each power of two, the datagram's bound, and the two large ones.
    assert_eq!(lengths.first(), Some(&BUCKET_BYTES_MIN));
    assert!(lengths.contains(&DATAGRAM_OBJECT_BYTES_MAX));
    assert!(lengths.len() < 64, "{} lengths", lengths.len());
}

#[test]
fn short_objects_have_one_length_whatever_they_say() {
    let mut pair = padded_pair();
    let lengths: BTreeSet<_> =
        (0..140).map(|len| pair.sealer.seal(at(0), meta(1), &vec![1; len]).unwrap().len()).collect();
    assert_eq!(lengths, BTreeSet::from([BUCKET_BYTES_MIN]));
}

#[test]
fn the_longest_plaintext_has_room_for_its_padding() {
    let mut pair = padded_pair();
    let max = OBJECT_BYTES_MAX - OBJECT_OVERHEAD_BYTES_MAX - 1;
    let longest = pair.sealer.seal(at(0), meta(1), &vec![7; max]).unwrap();
    assert_eq!(longest.len(), OBJECT_BYTES_MAX);
    assert_eq!(pair.open(0, &longest).unwrap().plaintext, vec![7; max]);
    let refused = pair.sealer.seal(at(0), meta(1), &vec![7; max + 1]);
    assert_eq!(refused, Err(SealError::TooLarge { len: max + 1, max }));
}

#[test]
fn a_track_may_begin_and_stop_to_pad() {
    let mut pair = Pair::new(TrackKind::Message, Transport::Log);
    for padding in [Padding::None, Padding::Buckets, Padding::None] {
        pair.sealer.set_padding(padding);
        let object = pair.seal(0, 1);
        assert_eq!(object.len() == BUCKET_BYTES_MIN, padding == Padding::Buckets);
        assert_eq!(pair.open(0, &object).unwrap().plaintext, b"plaintext");
    }
}

#[test]
fn the_keyring_decides_for_sealers_made_later() {
    let keyring = keyring(ALICE);
    let mut before = Sealer::new(&keyring, TRACK, TrackKind::Screen).unwrap();
    keyring.set_padding(Padding::Buckets);
    let mut after = Sealer::new(&keyring, TrackId(8), TrackKind::Screen).unwrap();
    assert!(before.seal(at(0), meta(1), b"x").unwrap().len() < BUCKET_BYTES_MIN);
    assert_eq!(after.seal(at(0), meta(1), b"x").unwrap().len(), BUCKET_BYTES_MIN);
}

/// Alice's object by hand, from SPEC.md section 9: says that it is padded, and seals `plaintext` as it is.
fn by_hand(index: u64, plaintext: &[u8]) -> Bytes {
    let key_id = SframeHeader::compose_key_id(TRACK, ALICE.0, FIRST_EPOCH);
    let header = ObjectHeader {
        sframe: SframeHeader { key_id, counter: index },
        kind: TrackKind::Screen,
        keyframe: false,
        private: false,
        padded: true,
        group: 1,
        index,
    };
    let mut object = Vec::new();
    header.encode(&mut object);
    let mut bound = Vec::new();
    for field in [
        &b"sixteen byte gid"[..],
        &FIRST_EPOCH.to_be_bytes(),
        &ALICE.0.to_be_bytes(),
        &TRACK.0.to_be_bytes(),
        &[TrackKind::Screen as u8],
        &1_u64.to_be_bytes(),
        &index.to_be_bytes(),
        &[0],
        &[],
        &index.to_be_bytes(),
        &object,
    ] {
        put_varint(&mut bound, field.len() as u64);
        bound.extend_from_slice(field);
    }
    let (mut key, mut salt) = ([0; 32], [0; sframe::NONCE_BYTES]);
    sframe::derive(&*base(FIRST_EPOCH), key_id, SUITE_ID, &mut key, &mut salt);
    let aead = ChaCha20Poly1305::new(&key.into());
    let mut data = plaintext.to_vec();
    let nonce = sframe::nonce(&salt, index).into();
    let tag = aead.encrypt_inout_detached(&nonce, &bound, data.as_mut_slice().into()).unwrap();
    object.extend_from_slice(&data);
    object.extend_from_slice(&tag);
    let message = [b"ISI 1.0 Object", &bound[..], &Sha256::digest(&object)].concat();
    object.extend_from_slice(&media_key(FIRST_EPOCH, ALICE).sign(&message).to_bytes());
    object.into()
}

#[test]
fn an_object_that_claims_to_be_padded_and_is_not_is_refused() {
    let mut pair = padded_pair();
    for (index, broken) in [&b""[..], b"\0\0\0", b"no mark", b"\x80 and no zeros"].into_iter().enumerate() {
        let object = by_hand(index as u64, broken);
        assert_eq!(pair.open(0, &object), Err(OpenError::BadPadding), "{broken:?}");
    }
    // The same hand pads rightly; and what was refused took no place.
    let object = by_hand(0, b"padded\x80\0\0");
    let expected = Expected { group: Some(1), transport: Transport::Stream };
    assert_eq!(pair.opener.open(at(0), expected, object).unwrap().plaintext, b"padded");
}

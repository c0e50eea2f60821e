//! What exactly is signed. A signature over the AEAD's tag would be short and quick, and whoever has the group's keys could put
//! another content under it: Poly1305 is no hash.

use crate::damage::header_bytes;
use crate::rogue::Rogue;
use crate::scene::{Sharing, TRACK, frame, put};
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use isi_client::Refused;
use isi_e2ee::{LeafIndex, OpenError};
use isi_testkit::World;
use isi_wire::{ObjectHeader, SframeHeader};
use sha2::{Digest as _, Sha256};

const TAG_BYTES: usize = 16;
const SIGNATURE_BYTES: usize = 64;

/// HMAC-SHA-256.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// RFC 8439 section 2.3, for block 0: its first half is the one-time key of Poly1305.
fn chacha20_block_0(key: &[u8; 32], nonce: [u8; 12]) -> [u8; 64] {
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    let mut start = [0; 16];
    start[..4].copy_from_slice(&[0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
    key.chunks(4).zip(4..).for_each(|(bytes, at)| start[at] = word(bytes));
    nonce.chunks(4).zip(13..).for_each(|(bytes, at)| start[at] = word(bytes));
    let mut state: [u32; 16] = start;
    let mut quarter = |a: usize, b: usize, c: usize, d: usize| {
        for (x, y, z, bits) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
            state[x] = state[x].wrapping_add(state[y]);
            state[z] = (state[z] ^ state[x]).rotate_left(bits);
        }
    };
    for _ in 0..10 {
        (0..4).for_each(|n| quarter(n, 4 + n, 8 + n, 12 + n));
        (0..4).for_each(|n| quarter(n, 4 + (n + 1) % 4, 8 + (n + 2) % 4, 12 + (n + 3) % 4));
    }
    let words = state.iter().zip(start).flat_map(|(word, first)| word.wrapping_add(first).to_le_bytes());
    words.collect::<Vec<_>>().try_into().unwrap()
}

/// The group's key and nonce of an object, from what every member has (SPEC.md section 9).
fn key_and_nonce(base: &[u8; 32], sframe: SframeHeader) -> ([u8; 32], [u8; 12]) {
    let secret = hmac(&[0; 32], base);
    let expand = |label: &[u8]| {
        hmac(
            &secret,
            &[label, &sframe.key_id.to_be_bytes(), &isi_e2ee::SUITE_ID.to_be_bytes(), &[1]].concat(),
        )
    };
    let mut nonce: [u8; 12] = expand(b"SFrame 1.0 Secret salt ")[..12].try_into().unwrap();
    nonce[4..].iter_mut().zip(sframe.counter.to_be_bytes()).for_each(|(salt, byte)| *salt ^= byte);
    (expand(b"SFrame 1.0 Secret key "), nonce)
}

/// The object with another content under the same tag, made by whoever has the group's keys. Poly1305 evaluates a polynomial at
/// r: adding 1 to one block of ciphertext and taking r from the next changes nothing.
fn same_tag(object: &Bytes, base: &[u8; 32]) -> Bytes {
    let mut rest = object.clone();
    let header = ObjectHeader::decode(&mut rest).unwrap();
    let (key, nonce) = key_and_nonce(base, header.sframe);
    let r = u128::from_le_bytes(chacha20_block_0(&key, nonce)[..16].try_into().unwrap())
        & 0x0fff_fffc_0fff_fffc_0fff_fffc_0fff_ffff;
    let (mut forged, blocks) = (object.to_vec(), header_bytes(object));
    let block = |forged: &[u8], at: usize| u128::from_le_bytes(forged[at..at + 16].try_into().unwrap());
    for first in (blocks..object.len() - TAG_BYTES - SIGNATURE_BYTES - 32).step_by(16) {
        let (one, next) = (block(&forged, first), block(&forged, first + 16));
        if let (Some(one), Some(next)) = (one.checked_add(1), next.checked_sub(r)) {
            forged[first..first + 16].copy_from_slice(&one.to_le_bytes());
            forged[first + 16..first + 32].copy_from_slice(&next.to_le_bytes());
            return forged.into();
        }
    }
    panic!("no two blocks");
}

/// What an object's signature is over besides its bytes (SPEC.md section 9).
fn bound(object: &Bytes, group_id: &[u8], epoch: u64, leaf: LeafIndex) -> Vec<u8> {
    let header = ObjectHeader::decode(&mut object.clone()).unwrap();
    let mut bound = Vec::new();
    let fields: [&[u8]; 11] = [
        group_id,
        &epoch.to_be_bytes(),
        &leaf.0.to_be_bytes(),
        &TRACK.0.to_be_bytes(),
        &[header.kind as u8],
        &header.group.to_be_bytes(),
        &header.index.to_be_bytes(),
        &[u8::from(header.keyframe)],
        &[],
        &header.sframe.counter.to_be_bytes(),
        &object[..header_bytes(object)],
    ];
    for field in fields {
        isi_wire::put_varint(&mut bound, field.len() as u64);
        bound.extend_from_slice(field);
    }
    bound
}

fn signed(sharer: &Rogue, object: &Bytes, message: &[&[u8]]) -> Bytes {
    [&object[..object.len() - SIGNATURE_BYTES], &sharer.sign(&message.concat())].concat().into()
}

#[tokio::test]
async fn another_content_under_the_same_tag() {
    let world = World::start();
    let mut sharing = Sharing::start(&world).await;
    let (group_id, base) = sharing.sharer.base();
    let [first, honest, third] = [1, 2, 3].map(|number| sharing.seal(1, number));
    let forged = same_tag(&first, &base);
    let tail = first.len() - TAG_BYTES - SIGNATURE_BYTES;
    assert!(forged != first && forged[tail..] == first[tail..]);
    let mut group = sharing.group(1).await;
    for object in [&forged, &honest] {
        put(&mut group, object).await;
    }
    assert!(sharing.received().await.frame == frame(2), "forged");
    let sharer = sharing.root.member("person-0").await;
    let refused = Refused::Object(OpenError::BadSignature);
    assert_eq!(sharing.root.hear_refused().await, (Some(sharer), refused));

    // That it is only the signature which it lacks: with one, it is as good as any.
    let changed = same_tag(&third, &base);
    let bound = bound(&changed, &group_id, sharing.sharer.epoch(), sharing.sharer.leaf());
    let hash = Sha256::digest(sealed(&changed));
    put(&mut group, &signed(&sharing.sharer, &changed, &[LABEL, &bound, &hash])).await;
    assert!(sharing.received().await.frame != frame(3));
}

/// What is signed of an object, whose header is so long and which is bound to this.
type Construction = fn(&Bytes, usize, &[u8]) -> Vec<u8>;

const LABEL: &[u8] = b"ISI 1.0 Object";

fn sealed(object: &Bytes) -> &[u8] {
    &object[..object.len() - SIGNATURE_BYTES]
}

fn tag(object: &Bytes) -> &[u8] {
    &sealed(object)[sealed(object).len() - TAG_BYTES..]
}

/// All but the one that is used.
const CONSTRUCTIONS: [Construction; 7] = [
    |object, _, _| tag(object).to_vec(),
    |object, _, _| [LABEL, tag(object)].concat(),
    |object, _, bound| [LABEL, bound, tag(object)].concat(),
    |object, _, _| [LABEL, &Sha256::digest(sealed(object))[..]].concat(),
    |object, _, bound| [bound, &Sha256::digest(sealed(object))[..]].concat(),
    |object, header, bound| {
        let ciphertext = &sealed(object)[header..sealed(object).len() - TAG_BYTES];
        [LABEL, bound, &Sha256::digest(ciphertext)[..]].concat()
    },
    |object, _, bound| [LABEL, bound, sealed(object)].concat(),
];

#[tokio::test]
async fn signature_over_the_tag() {
    let world = World::start();
    let mut sharing = Sharing::start(&world).await;
    let (group_id, _) = sharing.sharer.base();
    let mut group = sharing.group(1).await;
    for (construction, number) in CONSTRUCTIONS.iter().zip(10..) {
        let object = sharing.seal(1, number);
        let bound = bound(&object, &group_id, sharing.sharer.epoch(), sharing.sharer.leaf());
        let message = construction(&object, header_bytes(&object), &bound);
        put(&mut group, &signed(&sharing.sharer, &object, &[&message])).await;
    }
    let object = sharing.seal(1, 1);
    let bound = bound(&object, &group_id, sharing.sharer.epoch(), sharing.sharer.leaf());
    let hash = Sha256::digest(sealed(&object));
    put(&mut group, &signed(&sharing.sharer, &object, &[LABEL, &bound, &hash])).await;
    assert!(sharing.received().await.frame == frame(1), "another construction counts");
    let sharer = sharing.root.member("person-0").await;
    for number in 0..CONSTRUCTIONS.len() {
        let refused = Refused::Object(OpenError::BadSignature);
        assert_eq!(sharing.root.hear_refused().await, (Some(sharer), refused), "{number}");
    }
}

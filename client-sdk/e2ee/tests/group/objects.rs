//! What membership means for objects: who opens what, and from when on.

use crate::world::{AT, NOW, admit, follow, organizer, three};
use isi_account::{AccountKey, StatementClaims};
use isi_e2ee::{
    Expected, Group, IssuerKeys, LeafIndex, MemberIdentity, MemberKey, MonotonicMs, OpenError, Opener,
    SealMeta, Sealer, Transport,
};
use isi_wire::{SessionId, TrackId, TrackKind};

const TRACK: TrackId = TrackId(1);
const KIND: TrackKind = TrackKind::Screen;
/// Long after every switch and grace window.
const LATER: MonotonicMs = MonotonicMs(AT.0 + 60_000);

fn seal(group: &Group, sealer: &mut Option<Sealer>, media_group: u64) -> bytes::Bytes {
    let sealer = sealer.get_or_insert_with(|| Sealer::new(&group.keyring(), TRACK, KIND).unwrap());
    sealer.seal(LATER, SealMeta { group: media_group, keyframe: true }, b"frame").unwrap()
}

fn open(
    group: &Group,
    sender: LeafIndex,
    media_group: u64,
    object: &bytes::Bytes,
) -> Result<Vec<u8>, OpenError> {
    let expected = Expected { group: Some(media_group), transport: Transport::Stream };
    let mut opener = Opener::new(&group.keyring(), sender, TRACK, KIND);
    opener.open(LATER, expected, object.clone()).map(|opened| opened.plaintext)
}

#[test]
fn members_open_what_is_sealed_after_they_joined_and_until_they_are_removed() {
    let [mut root, mut ann, mut bob] = three();
    let (sender, mut sealer) = (root.own_leaf(), None);
    let early = seal(&root, &mut sealer, 0);
    for member in [&ann, &bob] {
        assert_eq!(open(member, sender, 0, &early).unwrap(), b"frame");
    }
    let cid = admit(&mut root, &mut [&mut ann, &mut bob], "cid", "viewer");
    assert!(open(&cid, sender, 0, &early).is_err(), "sealed before it came");
    let shared = seal(&root, &mut sealer, 1);
    assert_eq!(open(&cid, sender, 1, &shared).unwrap(), b"frame");

    // Bob keeps all it ever had: the group it was in does not follow its own removal.
    let staged = root.remove(&[bob.own_leaf()], NOW).unwrap();
    follow(&mut root, &mut [&mut ann], &staged);
    let late = seal(&root, &mut sealer, 2);
    assert_eq!(open(&ann, sender, 2, &late).unwrap(), b"frame");
    assert!(open(&bob, sender, 2, &late).is_err(), "it has no keys of that epoch");
    let mut of_bob = None;
    let forged = seal(&bob, &mut of_bob, 0);
    assert!(open(&ann, bob.own_leaf(), 0, &forged).is_err(), "nobody listens to it any more");
}

#[test]
fn an_update_changes_the_key_that_signs() {
    let [mut root, mut ann, mut bob] = three();
    let mut sealer = None;
    for media_group in 0..3 {
        let object = seal(&ann, &mut sealer, media_group);
        for member in [&root, &bob] {
            assert_eq!(open(member, LeafIndex(1), media_group, &object).unwrap(), b"frame");
        }
        let staged = ann.rotate(NOW).unwrap();
        follow(&mut ann, &mut [&mut root, &mut bob], &staged);
    }
}

#[test]
fn nobody_seals_in_anothers_name() {
    let [_, ann, bob] = three();
    let object = seal(&ann, &mut None, 0);
    assert!(open(&bob, LeafIndex(0), 0, &object).is_err());
    assert_eq!(open(&bob, LeafIndex(1), 0, &object).unwrap(), b"frame");
}

#[test]
fn statements_of_the_account_service_make_members() {
    let account = AccountKey::generate().unwrap();
    let session = SessionId([3; 16]);
    let key = MemberKey::generate();
    assert_eq!(key.thumbprint(), isi_account::thumbprint(&key.public_key()));
    let claims = StatementClaims::new(isi_account::Role::Organizer, session, "u-1", &key.public_key());
    let statement = account.sign_statement(&claims, NOW.0).unwrap();
    let identity = MemberIdentity::new(key, statement).unwrap();
    let issuers = IssuerKeys::from_jwks(account.jwks().to_json().as_bytes()).unwrap();
    let group = Group::create(identity, issuers, session, NOW).unwrap();
    assert_eq!(group.members()[0].subject, "u-1");
    assert_ne!(group.session_code().digits, organizer().session_code().digits);
}

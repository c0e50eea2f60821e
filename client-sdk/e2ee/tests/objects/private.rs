//! Private objects: one member opens them, the other members don't, and neither does anybody with half the keys.

use crate::world::*;
use isi_e2ee::{
    EpochSwitch, Keyring, LeafIndex, Mismatch, OpenError, Opener, PrivateContext, PrivateKeys,
    PrivateReceiver, SealError, Sealer, SealerError, Transport,
};
use isi_wire::TrackKind;
use zeroize::Zeroizing;

const KIND: TrackKind = TrackKind::Input;
const CONTEXT_ID: [u8; 16] = [0xc1; 16];

fn psk(byte: u8) -> Zeroizing<[u8; 32]> {
    Zeroizing::new([byte; 32])
}

fn context() -> PrivateContext {
    PrivateContext {
        group_id: b"sixteen byte gid".to_vec(),
        epoch: FIRST_EPOCH,
        from: ALICE,
        to: BOB,
        context_id: CONTEXT_ID,
    }
}

/// Alice's and Bob's keys of one agreement.
fn agree(receiver: &PrivateReceiver) -> (PrivateKeys, PrivateKeys) {
    let (enc, alices) = PrivateKeys::agree(&psk(1), context(), &receiver.public_key()).unwrap();
    (alices, receiver.accept(&psk(1), context(), &enc).unwrap())
}

fn pair() -> (Keyring, Sealer, Keyring, Opener) {
    let (alice, bob) = (keyring(ALICE), keyring(BOB));
    let (alices, bobs) = agree(&PrivateReceiver::generate());
    let sealer = Sealer::private(&alice, TRACK, KIND, alices).unwrap();
    let opener = Opener::private(&bob, TRACK, KIND, &bobs);
    (alice, sealer, bob, opener)
}

#[test]
fn the_receiver_opens_what_the_sender_sealed() {
    let (_, mut sealer, _, mut opener) = pair();
    for index in 0..3 {
        let object = sealer.seal(at(0), meta(1), b"secret").unwrap();
        let opened = opener.open(at(0), expect(Transport::Stream), object.clone()).unwrap();
        assert!(opened.private);
        assert_eq!((opened.leaf, opened.index, &opened.plaintext[..]), (ALICE, index, &b"secret"[..]));
        assert_eq!(opener.open(at(0), expect(Transport::Stream), object), Err(OpenError::Replayed));
    }
}

#[test]
fn the_groups_keys_open_no_private_object_and_the_other_way_round() {
    let (alice, mut sealer, bob, mut opener) = pair();
    let private = sealer.seal(at(0), meta(1), b"secret").unwrap();
    let mut group_opener = Opener::new(&keyring(CAROL), ALICE, TRACK, KIND);
    let refused = group_opener.open(at(0), expect(Transport::Stream), private.clone());
    assert_eq!(refused, Err(OpenError::WrongContext(Mismatch::Privacy)));

    let public = Sealer::new(&alice, TRACK, KIND).unwrap().seal(at(0), meta(1), b"all").unwrap();
    let refused = opener.open(at(0), expect(Transport::Stream), public.clone());
    assert_eq!(refused, Err(OpenError::WrongContext(Mismatch::Privacy)));

    // Both live on one track without getting in each other's way: their keys differ.
    assert!(opener.open(at(0), expect(Transport::Stream), private).is_ok());
    assert!(Opener::new(&bob, ALICE, TRACK, KIND).open(at(0), expect(Transport::Stream), public).is_ok());
}

/// Carol has the group's PSK and sees `enc`, but not the X25519 key; an outsider who stole that has no PSK.
#[test]
fn psk_and_receivers_key_are_both_needed() {
    let receiver = PrivateReceiver::generate();
    let (enc, alices) = PrivateKeys::agree(&psk(1), context(), &receiver.public_key()).unwrap();
    let mut sealer = Sealer::private(&keyring(ALICE), TRACK, KIND, alices).unwrap();
    let object = sealer.seal(at(0), meta(1), b"secret").unwrap();
    let guesses = [
        PrivateReceiver::generate().accept(&psk(1), context(), &enc).unwrap(),
        receiver.accept(&psk(2), context(), &enc).unwrap(),
    ];
    for keys in guesses {
        let mut opener = Opener::private(&keyring(CAROL), TRACK, KIND, &keys);
        assert_eq!(opener.open(at(0), expect(Transport::Stream), object.clone()), Err(OpenError::BadTag));
    }
}

#[test]
fn every_part_of_the_context_counts() {
    let receiver = PrivateReceiver::generate();
    let (enc, alices) = PrivateKeys::agree(&psk(1), context(), &receiver.public_key()).unwrap();
    let mut sealer = Sealer::private(&keyring(ALICE), TRACK, KIND, alices).unwrap();
    let object = sealer.seal(at(0), meta(1), b"secret").unwrap();
    let changed = [
        (PrivateContext { group_id: b"another".to_vec(), ..context() }, OpenError::BadTag),
        (PrivateContext { epoch: FIRST_EPOCH + 1, ..context() }, OpenError::BadTag),
        (PrivateContext { to: CAROL, ..context() }, OpenError::BadTag),
        (PrivateContext { from: CAROL, ..context() }, OpenError::WrongContext(Mismatch::Sender)),
        // The context id is bound by the signature already.
        (PrivateContext { context_id: [0; 16], ..context() }, OpenError::BadSignature),
    ];
    for (context, error) in changed {
        let keys = receiver.accept(&psk(1), context.clone(), &enc).unwrap();
        let mut opener = Opener::private(&keyring(BOB), TRACK, KIND, &keys);
        let refused = opener.open(at(0), expect(Transport::Stream), object.clone());
        assert_eq!(refused, Err(error), "{context:?}");
    }
}

/// Bob, who has the same keys, must not be able to pass his own words off as Alice's.
#[test]
fn the_receiver_cannot_speak_as_the_sender() {
    let bob = keyring(BOB);
    let (_, bobs) = agree(&PrivateReceiver::generate());
    assert_eq!(Sealer::private(&bob, TRACK, KIND, bobs).unwrap_err(), SealerError::NotTheSender(ALICE));
}

#[test]
fn the_keys_outlive_an_epoch_and_follow_it() {
    let (alice, mut sealer, bob, mut opener) = pair();
    let old = sealer.seal(at(0), meta(1), b"old").unwrap();
    for (keyring, own) in [(&alice, ALICE), (&bob, BOB)] {
        advance(keyring, own, FIRST_EPOCH + 1, EpochSwitch::Other, at(10));
    }
    let new = sealer.seal(at(10), meta(1), b"new").unwrap();
    let opened = opener.open(at(10), expect(Transport::Stream), old).unwrap();
    assert_eq!(opened.epoch, FIRST_EPOCH);
    let opened = opener.open(at(10), expect(Transport::Stream), new).unwrap();
    assert_eq!(opened.epoch, FIRST_EPOCH + 1);
}

/// After an add-only commit the agreement is of the new epoch while objects still are of the old one.
#[test]
fn an_agreement_made_during_the_switch_delay_works() {
    let (alice, bob) = (keyring(ALICE), keyring(BOB));
    for (keyring, own) in [(&alice, ALICE), (&bob, BOB)] {
        advance(keyring, own, FIRST_EPOCH + 1, EpochSwitch::AddOnly, at(10));
    }
    let receiver = PrivateReceiver::generate();
    let context = PrivateContext { epoch: FIRST_EPOCH + 1, ..context() };
    let (enc, alices) = PrivateKeys::agree(&psk(1), context.clone(), &receiver.public_key()).unwrap();
    let bobs = receiver.accept(&psk(1), context, &enc).unwrap();
    let mut sealer = Sealer::private(&alice, TRACK, KIND, alices).unwrap();
    let mut opener = Opener::private(&bob, TRACK, KIND, &bobs);
    for (now, epoch) in [(10, FIRST_EPOCH), (310, FIRST_EPOCH + 1)] {
        let object = sealer.seal(at(now), meta(1), b"x").unwrap();
        assert_eq!(opener.open(at(now), expect(Transport::Stream), object).unwrap().epoch, epoch);
    }
}

#[test]
fn nothing_is_sealed_for_a_receiver_that_is_gone() {
    let (alice, mut sealer, ..) = pair();
    advance(&alice, ALICE, FIRST_EPOCH + 1, EpochSwitch::Remove { removed: vec![BOB] }, at(10));
    assert_eq!(sealer.seal(at(10), meta(1), b"x"), Err(SealError::ReceiverGone(BOB)));
}

/// 2^16 epochs later the key id would be the same again, and counters begin at 0.
#[test]
fn keys_of_an_agreement_too_far_back_seal_nothing() {
    let (alice, mut sealer, bob, mut opener) = pair();
    let last = FIRST_EPOCH + 0xfffe;
    for (keyring, own) in [(&alice, ALICE), (&bob, BOB)] {
        advance(keyring, own, last, EpochSwitch::Other, at(10));
    }
    let object = sealer.seal(at(10), meta(1), b"x").unwrap();
    assert!(opener.open(at(10), expect(Transport::Stream), object).is_ok());
    advance(&alice, ALICE, last + 1, EpochSwitch::Other, at(20));
    assert_eq!(sealer.seal(at(20), meta(1), b"x"), Err(SealError::PrivateKeyExpired));
}

/// A second agreement for the same lease begins its counters anew; the first one's replay state is not its own.
#[test]
fn agreements_of_one_context_do_not_disturb_each_other() {
    let (alice, bob) = (keyring(ALICE), keyring(BOB));
    let receiver = PrivateReceiver::generate();
    for _ in 0..2 {
        let (alices, bobs) = agree(&receiver);
        let mut sealer = Sealer::private(&alice, TRACK, KIND, alices).unwrap();
        let mut opener = Opener::private(&bob, TRACK, KIND, &bobs);
        let object = sealer.seal(at(0), meta(1), b"x").unwrap();
        assert!(opener.open(at(0), expect(Transport::Log), object.clone()).is_ok());
        let mut again = Opener::private(&bob, TRACK, KIND, &bobs);
        assert_eq!(again.open(at(0), expect(Transport::Log), object), Err(OpenError::Replayed));
    }
}

#[test]
fn each_agreement_has_fresh_keys() {
    let receiver = PrivateReceiver::generate();
    let encs = [(); 2].map(|()| PrivateKeys::agree(&psk(1), context(), &receiver.public_key()).unwrap().0);
    assert_ne!(encs[0], encs[1]);
    assert_ne!(receiver.public_key(), PrivateReceiver::generate().public_key());
    let printed = format!("{receiver:?} {:?}", agree(&receiver).0);
    assert!(!printed.contains("base") && !printed.contains("secret"), "{printed}");
    assert_eq!(LeafIndex(0), ALICE);
}

//! When senders switch, how long old epochs open, and what a remove takes away. All in virtual time.

use crate::world::*;
use isi_e2ee::{
    EPOCH_GRACE_MS, EPOCHS_KEPT_MAX, EpochSwitch, INPUT_GRACE_MS, Keyring, OpenError, Opener,
    SWITCH_DELAY_MS, Sealer, Transport,
};
use isi_wire::TrackKind;

const NEXT: u64 = FIRST_EPOCH + 1;

#[test]
fn after_an_add_only_commit_senders_switch_300_ms_later() {
    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    pair.advance(NEXT, &EpochSwitch::AddOnly, 1_000);
    for (now, epoch) in [(1_000, FIRST_EPOCH), (1_299, FIRST_EPOCH), (1_300, NEXT), (9_000, NEXT)] {
        let object = pair.seal(now, 1);
        assert_eq!(pair.epoch_of(now, &object), Ok(epoch), "at {now}");
    }
    assert_eq!(SWITCH_DELAY_MS, 300);
}

#[test]
fn after_any_other_commit_senders_switch_at_once() {
    for change in [EpochSwitch::Other, EpochSwitch::Remove { removed: vec![CAROL] }] {
        let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
        pair.advance(NEXT, &change, 1_000);
        let object = pair.seal(1_000, 1);
        assert_eq!(pair.epoch_of(1_000, &object), Ok(NEXT), "{change:?}");
    }
}

#[test]
fn a_remove_ends_the_delay_of_an_add_before_it() {
    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    pair.advance(NEXT, &EpochSwitch::AddOnly, 1_000);
    pair.advance(NEXT + 1, &EpochSwitch::Remove { removed: vec![CAROL] }, 1_100);
    let object = pair.seal(1_100, 1);
    assert_eq!(pair.epoch_of(1_100, &object), Ok(NEXT + 1));
}

/// Commits may come every 250 ms: a sender never is more than one epoch behind, so its input always opens.
#[test]
fn a_sender_is_at_most_one_epoch_behind() {
    let mut pair = Pair::new(TrackKind::Input, Transport::Stream);
    for step in 1..=20 {
        let now = 250 * step;
        pair.advance(FIRST_EPOCH + step, &EpochSwitch::AddOnly, now);
        for later in [0, 100, 249] {
            let object = pair.seal(now + later, 1);
            assert_eq!(pair.epoch_of(now + later, &object), Ok(FIRST_EPOCH + step - 1));
        }
    }
}

/// A clock that goes back must not bring an old key back: its counters would begin again.
#[test]
fn a_sealer_never_goes_back_to_an_older_epoch() {
    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    pair.seal(0, 1);
    pair.advance(NEXT, &EpochSwitch::AddOnly, 1_000);
    pair.seal(1_300, 1);
    let object = pair.seal(1_100, 1);
    assert_eq!(pair.epoch_of(1_300, &object), Ok(NEXT));
}

#[test]
fn an_epoch_not_entered_yet_is_an_error_of_its_own() {
    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    advance(&pair.alice, ALICE, NEXT, EpochSwitch::Other, at(0));
    let object = pair.seal(0, 1);
    assert_eq!(pair.open(0, &object), Err(OpenError::UnknownEpoch));
    advance(&pair.bob, BOB, NEXT, EpochSwitch::Other, at(500));
    assert_eq!(pair.epoch_of(500, &object), Ok(NEXT), "held and tried again");
    let mut nobody = Opener::new(&Keyring::new(), ALICE, TRACK, TrackKind::Screen);
    let refused = nobody.open(at(0), expect(Transport::Stream), object);
    assert_eq!(refused, Err(OpenError::UnknownEpoch), "before the first epoch all are unknown");
}

#[test]
fn old_epochs_open_5_s_longer_and_input_1_s() {
    for &kind in TrackKind::ALL {
        let grace = if kind == TrackKind::Input { INPUT_GRACE_MS } else { EPOCH_GRACE_MS };
        let mut pair = Pair::new(kind, Transport::Stream);
        let objects = [(); 2].map(|()| pair.seal(0, 1));
        advance(&pair.bob, BOB, NEXT, EpochSwitch::AddOnly, at(1_000));
        assert_eq!(pair.epoch_of(1_000 + grace - 1, &objects[0]), Ok(FIRST_EPOCH), "{kind:?}");
        assert_eq!(pair.open(1_000 + grace, &objects[1]), Err(OpenError::OldEpoch), "{kind:?}");
    }
    assert_eq!((EPOCH_GRACE_MS, INPUT_GRACE_MS), (5_000, 1_000));
}

#[test]
fn input_under_way_opens_however_many_commits_came_meanwhile() {
    let mut pair = Pair::new(TrackKind::Input, Transport::Stream);
    let objects = [(); 2].map(|()| pair.seal(0, 1));
    for commit in 0..4 {
        advance(&pair.bob, BOB, NEXT + commit, EpochSwitch::AddOnly, at(250 * (commit + 1)));
    }
    assert_eq!(pair.epoch_of(1_249, &objects[0]), Ok(FIRST_EPOCH));
    assert_eq!(pair.open(1_250, &objects[1]), Err(OpenError::OldEpoch));
}

#[test]
fn a_removed_members_objects_end_with_the_merge() {
    for &kind in TrackKind::ALL {
        let (carol, bob) = (keyring(CAROL), keyring(BOB));
        let mut sealer = Sealer::new(&carol, TRACK, kind).unwrap();
        let mut opener = Opener::new(&bob, CAROL, TRACK, kind);
        let objects = [(); 2].map(|()| sealer.seal(at(0), meta(1), b"").unwrap());
        assert!(opener.open(at(0), expect(Transport::Stream), objects[0].clone()).is_ok());
        advance(&bob, BOB, NEXT, EpochSwitch::Remove { removed: vec![CAROL] }, at(10));
        let refused = opener.open(at(10), expect(Transport::Stream), objects[1].clone());
        assert_eq!(refused, Err(OpenError::NotAMember(CAROL)), "{kind:?}");
    }
}

#[test]
fn others_keep_their_grace_when_somebody_is_removed() {
    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    let object = pair.seal(0, 1);
    pair.advance(NEXT, &EpochSwitch::Remove { removed: vec![CAROL] }, 10);
    assert_eq!(pair.epoch_of(10, &object), Ok(FIRST_EPOCH));
}

/// The removed member's leaf is somebody else's at once: neither speaks for the other, and the new one begins
/// with a clean slate.
#[test]
fn a_leaf_that_is_reused_is_another_member() {
    let (carol, bob) = (keyring(CAROL), keyring(BOB));
    let mut old = Sealer::new(&carol, TRACK, TrackKind::Screen).unwrap();
    let mut opener = Opener::new(&bob, CAROL, TRACK, TrackKind::Screen);
    let seen = old.seal(at(0), meta(100), b"old").unwrap();
    let unseen = old.seal(at(0), meta(100), b"old").unwrap();
    assert!(opener.open(at(0), expect(Transport::Stream), seen.clone()).is_ok());

    let members = [ALICE, BOB, CAROL];
    let change = EpochSwitch::Remove { removed: vec![CAROL] };
    bob.install(epoch_input(NEXT, BOB, &members, change), at(10));
    let newcomer = Keyring::new();
    newcomer.install(epoch_input(NEXT, CAROL, &members, EpochSwitch::First), at(10));

    for object in [seen, unseen] {
        let refused = opener.open(at(10), expect(Transport::Stream), object);
        assert_eq!(refused, Err(OpenError::NotAMember(CAROL)));
    }
    let mut new = Sealer::new(&newcomer, TRACK, TrackKind::Screen).unwrap();
    let object = new.seal(at(10), meta(0), b"new").unwrap();
    assert!(opener.open(at(10), expect(Transport::Stream), object.clone()).is_ok());
    assert_eq!(opener.open(at(10), expect(Transport::Stream), object), Err(OpenError::Replayed));
}

/// A leaf that vanished without being named as removed gets no grace either.
#[test]
fn a_leaf_that_is_not_there_any_more_has_no_keys() {
    let (carol, bob) = (keyring(CAROL), keyring(BOB));
    let mut sealer = Sealer::new(&carol, TRACK, TrackKind::Screen).unwrap();
    let object = sealer.seal(at(0), meta(1), b"").unwrap();
    bob.install(epoch_input(NEXT, BOB, &[ALICE, BOB], EpochSwitch::Other), at(10));
    let mut opener = Opener::new(&bob, CAROL, TRACK, TrackKind::Screen);
    assert_eq!(opener.open(at(10), expect(Transport::Stream), object), Err(OpenError::NotAMember(CAROL)));
}

#[test]
fn the_media_key_is_that_of_the_objects_own_epoch() {
    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    let old = pair.seal(0, 1);
    pair.advance(NEXT, &EpochSwitch::Other, 10);
    let new = pair.seal(10, 1);
    assert_ne!(media_key(FIRST_EPOCH, ALICE).to_bytes(), media_key(NEXT, ALICE).to_bytes());
    assert_eq!(pair.epoch_of(10, &old), Ok(FIRST_EPOCH));
    assert_eq!(pair.epoch_of(10, &new), Ok(NEXT));
}

#[test]
fn old_epochs_are_dropped_at_their_deadline_and_beyond_their_number() {
    let bob = keyring(BOB);
    assert_eq!(bob.next_deadline(), None);
    advance(&bob, BOB, NEXT, EpochSwitch::Other, at(1_000));
    advance(&bob, BOB, NEXT + 1, EpochSwitch::Other, at(2_000));
    assert_eq!(bob.next_deadline(), Some(at(6_000)));
    bob.expire(at(6_000));
    assert_eq!(bob.next_deadline(), Some(at(7_000)));
    bob.expire(at(7_000));
    assert_eq!((bob.next_deadline(), bob.epoch()), (None, Some(NEXT + 1)));

    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    let objects = [(); 2].map(|()| pair.seal(0, 1));
    let kept = EPOCHS_KEPT_MAX as u64;
    for step in 1..kept {
        advance(&pair.bob, BOB, FIRST_EPOCH + step, EpochSwitch::Other, at(0));
    }
    assert!(pair.open(0, &objects[0]).is_ok());
    advance(&pair.bob, BOB, FIRST_EPOCH + kept, EpochSwitch::Other, at(0));
    assert_eq!(pair.open(0, &objects[1]), Err(OpenError::OldEpoch));
}

#[test]
#[should_panic(expected = "installed after a newer one")]
fn epochs_are_installed_in_order() {
    advance(&keyring(BOB), BOB, FIRST_EPOCH, EpochSwitch::Other, at(0));
}

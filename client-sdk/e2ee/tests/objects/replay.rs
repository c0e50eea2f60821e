//! Nothing opens twice, on no transport, whatever is dropped, recreated or moved in between.

use crate::world::*;
use isi_e2ee::{
    BULK_CHUNKS_MAX, DATAGRAM_WINDOW, EpochSwitch, GROUP_WINDOW, OpenError, Opener,
    REPLAY_TRACKS_PER_MEMBER_MAX, Sealer, Transport,
};
use isi_wire::{TrackId, TrackKind};

#[test]
fn an_object_opens_once_on_every_transport() {
    for transport in TRANSPORTS {
        let mut pair = Pair::new(TrackKind::Screen, transport);
        let objects: Vec<_> = (0..4).map(|_| pair.seal(0, 1)).collect();
        for object in &objects {
            assert!(pair.open(0, object).is_ok(), "{transport:?}");
        }
        for object in &objects {
            assert_eq!(pair.open(0, object), Err(OpenError::Replayed), "{transport:?}");
        }
    }
}

#[test]
fn a_new_opener_after_a_reconnect_remembers() {
    for transport in TRANSPORTS {
        let mut pair = Pair::new(TrackKind::Screen, transport);
        let object = pair.seal(0, 1);
        assert!(pair.open(0, &object).is_ok());
        pair.opener = Opener::new(&pair.bob, ALICE, TRACK, TrackKind::Screen);
        assert_eq!(pair.open(0, &object), Err(OpenError::Replayed), "{transport:?}");
    }
}

/// The relay may send what came on a stream once more as a datagram, or in the log.
#[test]
fn an_object_does_not_open_again_on_another_transport() {
    for first in TRANSPORTS {
        for second in TRANSPORTS.into_iter().filter(|second| *second != first) {
            let mut pair = Pair::new(TrackKind::Screen, first);
            let object = pair.seal(0, 1);
            assert!(pair.open(0, &object).is_ok());
            pair.transport = second;
            assert_eq!(pair.open(0, &object), Err(OpenError::WrongTransport), "{first:?}, {second:?}");
        }
    }
}

#[test]
fn streams_may_lose_objects_and_overtake_each_other() {
    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    let groups: Vec<Vec<_>> = (0..10).map(|group| (0..3).map(|_| pair.seal(0, group)).collect()).collect();
    assert!(pair.open(0, &groups[9][0]).is_ok());
    assert!(pair.open(0, &groups[2][0]).is_ok(), "still in the window");
    assert!(pair.open(0, &groups[9][2]).is_ok(), "a gap is a loss");
    assert_eq!(pair.open(0, &groups[9][1]), Err(OpenError::Replayed), "a stream never goes back");
    assert!(pair.open(0, &groups[2][1]).is_ok());
    assert_eq!(pair.open(0, &groups[1][0]), Err(OpenError::BehindWindow));
    assert_eq!(9 - GROUP_WINDOW, 1);
}

#[test]
fn datagrams_open_in_any_order_within_the_window() {
    let mut pair = Pair::new(TrackKind::Pointer, Transport::Datagram);
    let objects: Vec<_> = (0..DATAGRAM_WINDOW + 2).map(|_| pair.seal(0, 1)).collect();
    for place in [0, 5, 3, DATAGRAM_WINDOW as usize, 4] {
        assert!(pair.open(0, &objects[place]).is_ok(), "{place}");
        assert_eq!(pair.open(0, &objects[place]), Err(OpenError::Replayed), "{place}");
    }
    assert!(pair.open(0, &objects[1]).is_ok(), "the oldest in the window");
    assert!(pair.open(0, &objects[DATAGRAM_WINDOW as usize + 1]).is_ok());
    assert_eq!(pair.open(0, &objects[1]), Err(OpenError::BehindWindow));
}

#[test]
fn the_log_never_goes_back() {
    let mut pair = Pair::new(TrackKind::Message, Transport::Log);
    let objects: Vec<_> = (0..3).map(|_| pair.seal(0, 1)).collect();
    assert!(pair.open(0, &objects[0]).is_ok());
    assert!(pair.open(0, &objects[2]).is_ok());
    assert_eq!(pair.open(0, &objects[1]), Err(OpenError::Replayed));
}

#[test]
fn bulk_chunks_open_once_in_any_order_and_are_bounded() {
    let mut pair = Pair::new(TrackKind::Document, Transport::Bulk);
    let objects: Vec<_> =
        (0..=BULK_CHUNKS_MAX).map(|_| pair.sealer.seal(at(0), meta(1), b"").unwrap()).collect();
    let last = BULK_CHUNKS_MAX as usize - 1;
    for place in [last, 7, 0, 70] {
        assert!(pair.open(0, &objects[place]).is_ok(), "{place}");
        assert_eq!(pair.open(0, &objects[place]), Err(OpenError::Replayed), "{place}");
    }
    assert_eq!(pair.open(0, &objects[last + 1]), Err(OpenError::TooManyChunks(BULK_CHUNKS_MAX)));
    let next_group = pair.seal(0, 2);
    assert!(pair.open(0, &next_group).is_ok());
}

/// Counters begin anew with each key, so what was seen of one epoch says nothing about another.
#[test]
fn an_epoch_switch_neither_repeats_nor_loses() {
    for transport in TRANSPORTS {
        let mut pair = Pair::new(TrackKind::Screen, transport);
        let before: Vec<_> = (0..3).map(|_| pair.seal(0, 1)).collect();
        assert!(pair.open(0, &before[0]).is_ok());
        pair.advance(FIRST_EPOCH + 1, &EpochSwitch::Other, 10);
        let after: Vec<_> = (0..2).map(|_| pair.seal(10, 1)).collect();
        assert!(pair.open(10, &before[1]).is_ok(), "{transport:?}: of the old epoch, within its grace");
        for object in &after {
            assert!(pair.open(10, object).is_ok(), "{transport:?}");
        }
        for object in before[..2].iter().chain(&after) {
            assert_eq!(pair.open(10, object), Err(OpenError::Replayed), "{transport:?}");
        }
        // Keys and replay state of the old epoch end together.
        pair.bob.expire(at(5_010));
        assert_eq!(pair.open(5_010, &before[2]), Err(OpenError::OldEpoch), "{transport:?}");
        assert_eq!(pair.open(5_010, &after[0]), Err(OpenError::Replayed), "{transport:?}");
    }
}

/// The state of a quiet track goes with its last epoch; nothing it protected opens any more.
#[test]
fn forgetting_a_quiet_track_lets_nothing_in_again() {
    let mut pair = Pair::new(TrackKind::Screen, Transport::Stream);
    let object = pair.seal(0, 1);
    assert!(pair.open(0, &object).is_ok());
    for step in 1..=40 {
        pair.advance(FIRST_EPOCH + step, &EpochSwitch::Other, step * 10_000);
        let error = pair.open(step * 10_000, &object).unwrap_err();
        assert_eq!(error, if step == 1 { OpenError::Replayed } else { OpenError::OldEpoch });
    }
}

#[test]
fn a_member_has_replay_state_for_so_many_tracks_and_no_more() {
    let (alice, bob) = (keyring(ALICE), keyring(BOB));
    let open = |track: u32, now: u64| {
        let mut sealer = Sealer::new(&alice, TrackId(track), TrackKind::Screen).unwrap();
        let object = sealer.seal(at(now), meta(0), b"").unwrap();
        Opener::new(&bob, ALICE, TrackId(track), TrackKind::Screen).open(
            at(now),
            expect(Transport::Stream),
            object,
        )
    };
    let max = REPLAY_TRACKS_PER_MEMBER_MAX as u32;
    for track in 0..max {
        assert!(open(track, 0).is_ok());
    }
    assert_eq!(open(max, 0), Err(OpenError::TooManyTracks(ALICE)));
    let mut carols = Sealer::new(&keyring(CAROL), TRACK, TrackKind::Screen).unwrap();
    let object = carols.seal(at(0), meta(0), b"").unwrap();
    let opened =
        Opener::new(&bob, CAROL, TRACK, TrackKind::Screen).open(at(0), expect(Transport::Stream), object);
    assert!(opened.is_ok(), "one member's tracks cost the others nothing");
    for keys in [(&alice, ALICE), (&bob, BOB)] {
        advance(keys.0, keys.1, FIRST_EPOCH + 1, EpochSwitch::Other, at(1));
    }
    bob.expire(at(5_001));
    assert!(open(max + 1, 5_001).is_ok(), "with the epoch its tracks are forgotten");
}

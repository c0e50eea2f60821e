//! Leases: who may sign, what counts, what the driven side admits, and that all keys go up at the end.

use crate::world::*;
use ed25519_dalek::Signer;
use isi_e2ee::{
    ENDED_LEASES_MAX, EpochSwitch, HELD_MAX, InputCategory, InputRefused, LEASE_DURATION_MS_MAX, LeaseEnd,
    LeaseEndReason, LeaseError, LeaseScope, LeaseSignError, LeaseState, LeaseTerms, Rectangle, Release,
    StartRefused, TICK_MS, TermsError,
};

const RECTANGLE: Rectangle = Rectangle { x: 10, y: 20, width: 100, height: 50 };
const ALL: LeaseScope = LeaseScope { pointer: true, keyboard: true, clipboard: true, rectangle: None };

const fn terms(generation: u64, scope: LeaseScope) -> LeaseTerms {
    LeaseTerms {
        id: [generation as u8; 16],
        generation,
        driver: BOB,
        driven: ALICE,
        scope,
        duration_ms: 1_000,
        public_key: [0x77; 32],
    }
}

const fn key(keysym: u32, pressed: bool) -> InputCategory {
    InputCategory::Key { keysym, pressed }
}

const fn button(button: u8, pressed: bool) -> InputCategory {
    InputCategory::Button { button, pressed }
}

/// A lease that started at 0, and a way to ask it at 1 ms.
fn started(scope: LeaseScope) -> LeaseState {
    let mut state = LeaseState::new();
    assert_eq!(state.start(terms(1, scope), at(0)), Ok(None));
    state
}

fn admit(state: &mut LeaseState, event: InputCategory) -> Result<(), InputRefused> {
    state.admit(at(1), BOB, &[1; 16], 0, event)
}

#[test]
fn a_lease_comes_out_as_it_was_signed() {
    let (alice, bob) = (keyring(ALICE), keyring(BOB));
    for scope in [ALL, LeaseScope::default(), LeaseScope { rectangle: Some(RECTANGLE), ..ALL }] {
        let signed = alice.sign_lease(&terms(3, scope)).unwrap();
        assert_eq!(bob.verify_lease(&signed, ALICE, at(0)), Ok(terms(3, scope)));
    }
    for reason in [LeaseEndReason::Expired, LeaseEndReason::Released, LeaseEndReason::SharingStopped] {
        let end = LeaseEnd { id: [9; 16], reason };
        let signed = alice.sign_lease_end(&end).unwrap();
        assert_eq!(bob.verify_lease_end(&signed, ALICE, at(0)), Ok(end));
    }
}

#[test]
fn every_changed_or_cut_lease_is_refused() {
    let (alice, bob) = (keyring(ALICE), keyring(BOB));
    let lease = alice.sign_lease(&terms(3, LeaseScope { rectangle: Some(RECTANGLE), ..ALL })).unwrap();
    let end = alice.sign_lease_end(&LeaseEnd { id: [9; 16], reason: LeaseEndReason::Revoked }).unwrap();
    for position in 0..lease.len() {
        for bit in 0..8 {
            let mut changed = lease.clone();
            changed[position] ^= 1 << bit;
            assert!(bob.verify_lease(&changed, ALICE, at(0)).is_err(), "byte {position} bit {bit}");
        }
        assert!(bob.verify_lease(&lease[..position], ALICE, at(0)).is_err(), "{position} bytes");
    }
    for position in 0..end.len() {
        let mut changed = end.clone();
        changed[position] ^= 1;
        assert!(bob.verify_lease_end(&changed, ALICE, at(0)).is_err(), "byte {position}");
        assert!(bob.verify_lease_end(&end[..position], ALICE, at(0)).is_err(), "{position} bytes");
    }
    assert_eq!(bob.verify_lease(&[lease, vec![0]].concat(), ALICE, at(0)), Err(LeaseError::Malformed));
}

#[test]
fn only_the_driven_member_grants_and_only_members_drive() {
    let (alice, bob, carol) = (keyring(ALICE), keyring(BOB), keyring(CAROL));
    assert_eq!(bob.sign_lease(&terms(1, ALL)), Err(LeaseSignError::NotTheDriven(ALICE)));
    let stranger = LeaseTerms { driver: isi_e2ee::LeafIndex(99), ..terms(1, ALL) };
    assert_eq!(alice.sign_lease(&stranger), Err(LeaseSignError::NotAMember(stranger.driver)));

    // Carol signs that Bob drives Carol: that says nothing about Alice.
    let carols = carol.sign_lease(&LeaseTerms { driven: CAROL, ..terms(1, ALL) }).unwrap();
    assert_eq!(bob.verify_lease(&carols, ALICE, at(0)), Err(LeaseError::WrongMember));

    // Bob signs in Alice's name: his keyring says it is Alice's, his media key is not.
    let forger = isi_e2ee::Keyring::new();
    let mut input = epoch_input(FIRST_EPOCH, ALICE, &[ALICE, BOB, CAROL], EpochSwitch::First);
    input.own_media_key = media_key(FIRST_EPOCH, BOB);
    forger.install(input, at(0));
    let forged = forger.sign_lease(&terms(1, ALL)).unwrap();
    assert_eq!(carol.verify_lease(&forged, ALICE, at(0)), Err(LeaseError::BadSignature));
    let end = forger.sign_lease_end(&LeaseEnd { id: [1; 16], reason: LeaseEndReason::Revoked }).unwrap();
    assert_eq!(carol.verify_lease_end(&end, ALICE, at(0)), Err(LeaseError::BadSignature));
}

#[test]
fn terms_that_no_lease_can_have_are_neither_signed_nor_taken() {
    let alice = keyring(ALICE);
    let with_rectangle = |rectangle| terms(1, LeaseScope { rectangle: Some(rectangle), ..ALL });
    let impossible = [
        (LeaseTerms { driver: ALICE, ..terms(1, ALL) }, TermsError::SameMember),
        (LeaseTerms { duration_ms: 0, ..terms(1, ALL) }, TermsError::Duration(0)),
        (
            LeaseTerms { duration_ms: LEASE_DURATION_MS_MAX + 1, ..terms(1, ALL) },
            TermsError::Duration(LEASE_DURATION_MS_MAX + 1),
        ),
        (terms(1 << 62, ALL), TermsError::Generation(1 << 62)),
        (with_rectangle(Rectangle { width: 0, ..RECTANGLE }), TermsError::Rectangle),
        (with_rectangle(Rectangle { y: u16::MAX, ..RECTANGLE }), TermsError::Rectangle),
    ];
    for (terms, error) in impossible {
        assert_eq!(alice.sign_lease(&terms), Err(LeaseSignError::Terms(error)));
    }
    let whole = Rectangle { x: 0, y: 0, width: u16::MAX, height: u16::MAX };
    assert!(alice.sign_lease(&with_rectangle(whole)).is_ok());
}

#[test]
fn a_lease_counts_in_its_epoch_and_1_s_into_the_next() {
    let (alice, bob) = (keyring(ALICE), keyring(BOB));
    let lease = alice.sign_lease(&terms(1, ALL)).unwrap();
    advance(&alice, ALICE, FIRST_EPOCH + 1, EpochSwitch::AddOnly, at(0));
    let newer = alice.sign_lease(&terms(2, ALL)).unwrap();
    assert_eq!(bob.verify_lease(&newer, ALICE, at(0)), Err(LeaseError::UnknownEpoch));
    advance(&bob, BOB, FIRST_EPOCH + 1, EpochSwitch::AddOnly, at(100));
    assert!(bob.verify_lease(&newer, ALICE, at(100)).is_ok());
    assert!(bob.verify_lease(&lease, ALICE, at(1_099)).is_ok());
    assert_eq!(bob.verify_lease(&lease, ALICE, at(1_100)), Err(LeaseError::OldEpoch));
}

#[test]
fn a_removed_member_neither_grants_nor_drives() {
    let (alice, carol) = (keyring(ALICE), keyring(CAROL));
    let lease = alice.sign_lease(&terms(1, ALL)).unwrap();
    advance(&carol, CAROL, FIRST_EPOCH + 1, EpochSwitch::Remove { removed: vec![BOB] }, at(0));
    assert_eq!(carol.verify_lease(&lease, ALICE, at(0)), Err(LeaseError::NotAMember(BOB)));
    advance(&carol, CAROL, FIRST_EPOCH + 2, EpochSwitch::Remove { removed: vec![ALICE, BOB] }, at(0));
    assert_eq!(carol.verify_lease(&lease, ALICE, at(0)), Err(LeaseError::NotAMember(ALICE)));
    carol.close();
    assert_eq!(carol.verify_lease(&lease, ALICE, at(0)), Err(LeaseError::Closed));
    assert_eq!(carol.sign_lease(&terms(1, ALL)), Err(LeaseSignError::Closed));
}

#[test]
fn input_needs_the_running_lease_and_its_driver() {
    let mut nothing = LeaseState::new();
    assert_eq!(admit(&mut nothing, key(1, true)), Err(InputRefused::NoLease));
    let mut state = started(ALL);
    assert_eq!(state.admit(at(1), BOB, &[2; 16], 0, key(1, true)), Err(InputRefused::NoLease));
    assert_eq!(state.admit(at(1), CAROL, &[1; 16], 0, key(1, true)), Err(InputRefused::NotTheDriver(BOB)));
    assert_eq!(state.admit(at(999), BOB, &[1; 16], 0, key(1, true)), Ok(()));
    assert_eq!(state.admit(at(1_000), BOB, &[1; 16], 0, key(2, true)), Err(InputRefused::Expired));
    assert_eq!(state.active(at(999)), Some(&terms(1, ALL)));
    assert_eq!(state.active(at(1_000)), None);
}

#[test]
fn the_scope_decides_about_each_category() {
    let events = [
        (InputCategory::PointerMove { x: 1, y: 1 }, 0),
        (button(1, true), 0),
        (InputCategory::Scroll, 0),
        (key(65, true), 1),
        (InputCategory::Clipboard, 2),
    ];
    for (event, category) in events {
        for granted in 0..3 {
            let scope = LeaseScope {
                pointer: granted == 0,
                keyboard: granted == 1,
                clipboard: granted == 2,
                rectangle: None,
            };
            let expected = if granted == category { Ok(()) } else { Err(InputRefused::OutOfScope) };
            assert_eq!(admit(&mut started(scope), event), expected, "{event:?} {scope:?}");
        }
    }
}

#[test]
fn a_rectangle_holds_the_pointer_and_what_it_does() {
    let mut state = started(LeaseScope { rectangle: Some(RECTANGLE), ..ALL });
    for event in [button(1, true), InputCategory::Scroll] {
        assert_eq!(
            admit(&mut state, event),
            Err(InputRefused::OutsideRectangle),
            "the pointer is anywhere yet"
        );
    }
    for (x, y) in [(9, 20), (10, 19), (110, 20), (10, 70), (0, 0), (u16::MAX, u16::MAX)] {
        let refused = admit(&mut state, InputCategory::PointerMove { x, y });
        assert_eq!(refused, Err(InputRefused::OutsideRectangle), "{x},{y}");
    }
    for (x, y) in [(10, 20), (109, 69)] {
        assert_eq!(admit(&mut state, InputCategory::PointerMove { x, y }), Ok(()), "{x},{y}");
    }
    assert_eq!(admit(&mut state, button(1, true)), Ok(()));
    assert_eq!(admit(&mut state, InputCategory::Scroll), Ok(()));
    assert_eq!(admit(&mut state, key(65, true)), Ok(()), "keys have no place");
}

#[test]
fn whatever_ends_a_lease_releases_what_it_holds() {
    type End = fn(&mut LeaseState) -> Option<isi_e2ee::Ended>;
    let ends: [(End, LeaseEndReason); 5] = [
        (|state| state.poll(at(1_000)), LeaseEndReason::Expired),
        (|state| state.end(LeaseEndReason::Revoked), LeaseEndReason::Revoked),
        (|state| state.end(LeaseEndReason::Released), LeaseEndReason::Released),
        (|state| state.member_gone(BOB), LeaseEndReason::DriverGone),
        (|state| state.start(terms(2, ALL), at(5)).unwrap(), LeaseEndReason::Superseded),
    ];
    for (end, reason) in ends {
        let mut state = started(ALL);
        for event in [key(65, true), key(66, true), key(65, false), button(1, true), key(66, true)] {
            assert_eq!(admit(&mut state, event), Ok(()));
        }
        let ended = end(&mut state).unwrap();
        assert_eq!((ended.terms, ended.reason), (terms(1, ALL), reason));
        assert_eq!(ended.releases, [Release::Button(1), Release::Key(66)]);
        assert_eq!(admit(&mut state, key(67, true)), Err(InputRefused::NoLease));
        let next = state.end(LeaseEndReason::Revoked);
        assert!(next.is_none_or(|ended| ended.releases.is_empty()));
    }
}

#[test]
fn only_its_end_or_its_time_ends_a_lease() {
    let mut state = started(ALL);
    assert_eq!(state.next_deadline(), Some(at(TICK_MS)));
    assert_eq!(state.poll(at(999)), None);
    assert_eq!(state.member_gone(CAROL), None);
    assert!(state.start(terms(1, ALL), at(5)).is_err());
    assert_eq!(admit(&mut state, key(65, true)), Ok(()));
}

#[test]
fn releases_pass_whatever_the_scope_but_only_of_what_is_held() {
    let mut state = started(LeaseScope { keyboard: true, ..LeaseScope::default() });
    assert_eq!(admit(&mut state, key(65, false)), Err(InputRefused::NotHeld));
    assert_eq!(admit(&mut state, button(1, false)), Err(InputRefused::NotHeld));
    assert_eq!(admit(&mut state, key(65, true)), Ok(()));
    assert_eq!(admit(&mut state, key(65, false)), Ok(()));
    assert_eq!(admit(&mut state, key(65, false)), Err(InputRefused::NotHeld));
}

#[test]
fn held_keys_are_bounded_and_releases_make_room() {
    let mut state = started(ALL);
    let max = HELD_MAX as u32;
    for keysym in 0..max {
        assert_eq!(admit(&mut state, key(keysym, true)), Ok(()));
    }
    assert_eq!(admit(&mut state, key(max, true)), Err(InputRefused::TooManyHeld));
    assert_eq!(admit(&mut state, key(3, true)), Ok(()), "a repeat takes no room");
    assert_eq!(admit(&mut state, key(3, false)), Ok(()));
    assert_eq!(admit(&mut state, key(max, true)), Ok(()));
    assert_eq!(state.end(LeaseEndReason::Revoked).unwrap().releases.len(), HELD_MAX);
}

#[test]
fn generations_rise_and_an_ended_lease_never_counts_again() {
    let mut state = started(ALL);
    assert!(state.end(LeaseEndReason::Revoked).is_some());
    assert_eq!(state.start(terms(1, ALL), at(2)), Err(StartRefused::AlreadyEnded));
    let renamed = LeaseTerms { generation: 7, ..terms(1, ALL) };
    assert_eq!(state.start(renamed, at(2)), Err(StartRefused::AlreadyEnded));
    let old = LeaseTerms { id: [50; 16], ..terms(1, ALL) };
    assert_eq!(state.start(old, at(2)), Err(StartRefused::OldGeneration { newest: 1, asked: 1 }));
    assert_eq!(state.start(terms(2, ALL), at(2)), Ok(None));
}

/// What falls out of the memory of ended ids is refused by its generation.
#[test]
fn forgotten_ids_are_refused_by_their_generation() {
    let mut state = LeaseState::new();
    let lease = |generation: u64| {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&generation.to_be_bytes());
        LeaseTerms { id, ..terms(generation, ALL) }
    };
    let last = ENDED_LEASES_MAX as u64 + 1;
    for generation in 0..=last {
        assert!(state.start(lease(generation), at(0)).is_ok());
        assert!(state.end(LeaseEndReason::Released).is_some());
    }
    assert_eq!(state.start(lease(0), at(0)), Err(StartRefused::OldGeneration { newest: last, asked: 0 }));
    assert_eq!(state.start(lease(last), at(0)), Err(StartRefused::AlreadyEnded));
}

/// Signs a body as the driven member's faulty client might.
fn sign_body(body: &[u8]) -> Vec<u8> {
    let message = [b"ISI 1.0 Lease", &b"\x10sixteen byte gid"[..], body].concat();
    [body, &media_key(FIRST_EPOCH, ALICE).sign(&message).to_bytes()].concat()
}

#[test]
fn a_right_signature_makes_no_lease_of_nonsense() {
    let (alice, bob) = (keyring(ALICE), keyring(BOB));
    let lease = alice.sign_lease(&terms(1, ALL)).unwrap();
    let body = &lease[..lease.len() - 64];
    assert_eq!(sign_body(body), lease, "the signature covers label, group id and body");

    let verify = |body: &[u8]| bob.verify_lease(&sign_body(body), ALICE, at(0));
    // epoch 9, id 17, generation 9, two leaves 3 each: then the scope's length and flags, no rectangle, duration.
    let (flags, duration) = (9 + 17 + 9 + 3 + 3 + 1, 9 + 17 + 9 + 3 + 3 + 2 + 1 + 1);
    for flag in 3..8 {
        let mut unknown = body.to_vec();
        unknown[flags] |= 1 << flag;
        assert_eq!(verify(&unknown), Err(LeaseError::Malformed), "flag {flag}");
    }
    let mut endless = body.to_vec();
    endless[duration..duration + 8].copy_from_slice(&u64::MAX.to_be_bytes());
    assert_eq!(verify(&endless), Err(LeaseError::Terms(TermsError::Duration(u64::MAX))));
    assert_eq!(verify(&[body, &[0]].concat()), Err(LeaseError::Malformed));
}

/// Leaves and epochs are the same numbers in every group, and media keys may be by a client's mistake.
#[test]
fn a_lease_of_another_group_does_not_count() {
    let elsewhere = isi_e2ee::Keyring::new();
    let mut input = epoch_input(FIRST_EPOCH, ALICE, &[ALICE, BOB, CAROL], EpochSwitch::First);
    input.group_id = b"another group id".to_vec();
    elsewhere.install(input, at(0));
    let lease = elsewhere.sign_lease(&terms(1, ALL)).unwrap();
    assert_eq!(keyring(BOB).verify_lease(&lease, ALICE, at(0)), Err(LeaseError::BadSignature));
}

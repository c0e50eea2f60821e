//! Input that somebody holds back does not happen, nor what builds on it; but what is down always comes up.

use crate::world::*;
use isi_e2ee::{
    INPUT_AGE_MS_MAX, InputCategory, InputRefused, LeaseEndReason, LeaseScope, LeaseState, LeaseTerms,
    Release, TICK_MS,
};

const LATE: u64 = INPUT_AGE_MS_MAX + 1;
const MOVE: InputCategory = InputCategory::PointerMove { x: 1, y: 2 };

fn started() -> LeaseState {
    let mut state = LeaseState::new();
    let terms = LeaseTerms {
        id: [1; 16],
        generation: 1,
        driver: BOB,
        driven: ALICE,
        scope: LeaseScope { pointer: true, keyboard: true, clipboard: true, rectangle: None },
        duration_ms: 600_000,
        public_key: [0x77; 32],
    };
    assert_eq!(state.start(terms, at(0)), Ok(None));
    state
}

/// An event whose driver had seen no tick yet.
fn old(state: &mut LeaseState, now: u64, event: InputCategory) -> Result<(), InputRefused> {
    state.admit(at(now), BOB, &[1; 16], 0, event)
}

/// An event whose driver has seen the tick that is sent now.
fn fresh(state: &mut LeaseState, now: u64, event: InputCategory) -> Result<(), InputRefused> {
    let tick = state.tick(at(now)).unwrap();
    state.admit(at(now), BOB, &[1; 16], tick, event)
}

const fn key(pressed: bool) -> InputCategory {
    InputCategory::Key { keysym: 0x61, pressed }
}

const fn button(pressed: bool) -> InputCategory {
    InputCategory::Button { button: 1, pressed }
}

#[test]
fn whatever_is_held_back_does_not_happen() {
    for event in [MOVE, key(true), button(true), InputCategory::Scroll, InputCategory::Clipboard] {
        let mut state = started();
        assert_eq!(old(&mut state, LATE - 1, event), Ok(()));
        assert_eq!(old(&mut state, LATE, event), Err(InputRefused::HeldBack));
        let unheard = state.admit(at(LATE), BOB, &[1; 16], 9, event);
        assert_eq!(unheard, Err(InputRefused::UnknownTick));
    }
}

#[test]
fn releases_are_never_dropped() {
    let mut state = started();
    for event in [key(true), button(true)] {
        assert_eq!(old(&mut state, 1, event), Ok(()));
    }
    for event in [key(false), button(false)] {
        assert_eq!(old(&mut state, 500_000, event), Ok(()));
    }
    assert_eq!(state.end(LeaseEndReason::Released).unwrap().releases, []);
}

#[test]
fn the_release_of_what_was_held_back_is_nobodys_mistake_but_presses_nothing() {
    let mut state = started();
    for (pressed, released) in [(key(true), key(false)), (button(true), button(false))] {
        assert_eq!(old(&mut state, LATE, pressed), Err(InputRefused::HeldBack));
        assert_eq!(old(&mut state, LATE, released), Err(InputRefused::HeldBack));
        assert_eq!(old(&mut state, LATE, released), Err(InputRefused::NotHeld));
    }
}

#[test]
fn a_click_does_not_land_where_a_move_that_was_held_back_did_not_go() {
    let mut state = started();
    assert_eq!(old(&mut state, LATE, MOVE), Err(InputRefused::HeldBack));
    let now = LATE + TICK_MS;
    assert_eq!(fresh(&mut state, now, button(true)), Err(InputRefused::HeldBack));
    assert_eq!(fresh(&mut state, now + TICK_MS, button(false)), Err(InputRefused::HeldBack));
    assert_eq!(fresh(&mut state, now + 2 * TICK_MS, InputCategory::Scroll), Err(InputRefused::HeldBack));
    assert_eq!(fresh(&mut state, now + 3 * TICK_MS, key(true)), Ok(()), "keys have no place");
    assert_eq!(fresh(&mut state, now + 4 * TICK_MS, MOVE), Ok(()));
    assert_eq!(fresh(&mut state, now + 5 * TICK_MS, button(true)), Ok(()));
}

#[test]
fn a_key_that_is_held_stays_so_when_its_repeat_is_held_back() {
    let mut state = started();
    assert_eq!(old(&mut state, 1, key(true)), Ok(()));
    assert_eq!(old(&mut state, LATE, key(true)), Err(InputRefused::HeldBack));
    assert_eq!(state.end(LeaseEndReason::Revoked).unwrap().releases, [Release::Key(0x61)]);
}

#[test]
fn ticks_end_with_the_lease() {
    let mut state = started();
    assert_eq!(state.tick(at(TICK_MS)), Some(1));
    assert_eq!(state.input_age_ms_max(), Some(INPUT_AGE_MS_MAX));
    let _ = state.end(LeaseEndReason::Revoked);
    assert_eq!((state.tick(at(9 * TICK_MS)), state.next_deadline()), (None, None));
    assert_eq!(state.input_age_ms_max(), None);
}

//! Random membership histories: whatever relay, crashes and rogue members do, honest members agree.
//!
//! Checked all the time: no two members accept different commits for an epoch, all of an epoch have one exporter, a commit
//! of an honest member that the log took is accepted by all who follow, what breaks the rules by nobody, and who was
//! removed opens nothing of a later epoch, though it kept all its state and is given everything. Checked when all is
//! delivered: one epoch, one code, one roster, and everybody opens what everybody seals.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod agreement;
mod history;
mod log;
mod member;
mod outsider;
mod rng;
#[path = "../group/rogue.rs"]
#[expect(dead_code, reason = "shared with the tests of the group")]
mod rogue;
mod steps;
#[path = "../group/world.rs"]
#[expect(dead_code, reason = "shared with the tests of the group")]
mod world;

use history::{Counts, History, Mix};

/// Histories of each test; more with `ISI_HISTORIES=1000 cargo test -p isi-e2ee --test histories`.
const HISTORIES: u64 = 40;
const STEPS: u64 = 90;
/// How often all is delivered and compared.
const QUIET_EVERY: u64 = 30;

fn run(base: u64, mix: Mix) -> Counts {
    let histories = std::env::var("ISI_HISTORIES").map_or(HISTORIES, |text| text.parse().unwrap());
    let mut total = Counts::default();
    for number in 0..histories {
        let seed = base + number;
        // Shown when a test fails: the seed makes the same history again.
        println!("seed {seed:#x}");
        let mut history = History::begin(seed, mix);
        for step in 1..=STEPS {
            history.step();
            if step % QUIET_EVERY == 0 {
                history.settle();
            }
        }
        total += history.counts();
    }
    println!("{histories} histories from {base:#x}: {total:?}");
    assert!(total.epochs > 0 && total.conflicts > 0 && total.opened > 0 && total.refused_to_removed > 0);
    total
}

#[test]
fn members_who_come_go_and_race() {
    run(0x1000, Mix::default());
}

#[test]
fn committers_crash_and_replies_are_lost() {
    let total = run(0x2000, Mix { crashes: 6, lost_replies: true, ..Mix::default() });
    assert!(total.crashes > 0);
}

#[test]
fn the_relay_withholds_reorders_and_replays() {
    let total = run(0x3000, Mix { relay_lies: 8, ..Mix::default() });
    assert!(total.lies > 0);
}

#[test]
fn rogue_members_break_the_rules() {
    let total = run(0x4000, Mix { rogues: 15, ..Mix::default() });
    assert!(total.rogue_commits > 0);
}

#[test]
fn everything_at_once() {
    let total = run(0x5000, Mix { crashes: 4, relay_lies: 5, rogues: 10, lost_replies: true });
    assert!(total.crashes > 0 && total.lies > 0 && total.rogue_commits > 0);
}

//! A session of a thousand: what admission costs there. `--nocapture` shows the figures.

use crate::world::{AT, NOW, assert_in_step, organizer, pending};
use isi_e2ee::{Applicant, Group, Invitation, PendingMember};
use isi_wire::limits::{LOG_ITEM_BYTES_MAX, WELCOME_BYTES_MAX};
use std::time::Instant;

const MEMBERS: usize = 1_000;
const NEWCOMERS: usize = 100;

fn asking(count: usize, name: &str, invitation: &Invitation) -> Vec<PendingMember> {
    (0..count).map(|number| pending(&format!("{name}-{number}"), "viewer", invitation)).collect()
}

fn read(root: &Group, asking: &[PendingMember]) -> Vec<Applicant> {
    asking.iter().map(|who| root.check_join_request(&who.join_request(), NOW).unwrap()).collect()
}

/// Admitted in batches, as a lobby does.
fn grow(root: &mut Group, count: usize, invitation: &Invitation) {
    for applicants in read(root, &asking(count, "member", invitation)).chunks(128) {
        let staged = root.admit(applicants, NOW).unwrap();
        root.handle_commit(&staged.commit, AT).unwrap();
    }
}

#[test]
fn a_hundred_come_into_a_session_of_a_thousand_by_one_commit() {
    let mut root = organizer();
    let invitation = root.invite().unwrap();
    grow(&mut root, MEMBERS - 1, &invitation);
    let mut newcomers = asking(NEWCOMERS, "newcomer", &invitation);
    let begun = Instant::now();
    let applicants = read(&root, &newcomers);
    let proven = begun.elapsed();
    let verdicts = root.judge(&applicants, NOW);
    assert!(verdicts.iter().all(Result::is_ok));
    let judged = begun.elapsed() - proven;
    let staged = root.admit(&applicants, NOW).unwrap();
    let made = begun.elapsed() - proven - judged;
    let welcome = staged.welcome.as_deref().unwrap();
    println!(
        "{MEMBERS} members, {NEWCOMERS} newcomers: proven {proven:?}, judged {judged:?}, commit made {made:?}; commit {} B, Welcome {} B; a \
         join request has {} B",
        staged.commit.len(),
        welcome.len(),
        newcomers[0].join_request().len(),
    );
    assert!(staged.commit.len() <= LOG_ITEM_BYTES_MAX);
    // With the largest session it is twice as long.
    assert!(2 * welcome.len() <= WELCOME_BYTES_MAX);
    root.handle_commit(&staged.commit, AT).unwrap();
    let joined = newcomers[NEWCOMERS - 1].join(welcome, NOW, AT).unwrap();
    assert_in_step(&[&root, &joined]);
    assert_eq!(joined.members().len(), MEMBERS + NEWCOMERS);
}

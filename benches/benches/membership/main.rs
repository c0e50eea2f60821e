//! Join, leave, remove, update and rejoin in groups of 10, 100 and 1,000: criterion takes the CPU time of each whole, a table at the end
//! has who worked how long on it, what it takes in bytes, and what a member's state takes in memory. One line of JSON follows.
//!
//! The groups grew by commits without path, and only two members are there to update anything: commits with path are at
//! their dearest, encrypted to every leaf.

#![expect(clippy::expect_used, reason = "a bench that cannot go on has nothing to report")]

mod state;

use criterion::{BenchmarkId, Criterion, SamplingMode};
use isi_benches::membership::{Change, Ledger, Stage};
use isi_e2ee::UnixSeconds;
use isi_load::membership::{Accounts, Crowd};
use isi_wire::SessionId;
use serde_json::{Value, json};
use state::State;
use std::collections::BTreeMap;
use std::time::Duration;

const MEMBERS: [usize; 3] = [10, 100, 1000];
const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut changes = Vec::new();
    let mut states = Vec::new();
    for members in MEMBERS {
        let accounts = Accounts::new(SessionId([1; 16]), NOW).expect("an account service");
        let mut crowd = Crowd::grow(accounts, members).expect("a crowd");
        states.push((members, State::of_newcomer(&mut crowd).expect("somebody comes in")));
        for (change, ledger) in measured(&mut criterion, &mut crowd, members) {
            changes.push((change, members, ledger));
        }
    }
    criterion.final_summary();
    table(&changes, &states);
    println!("{}", line(&changes, &states));
}

/// What the arguments' filter leaves out is not there.
fn measured(criterion: &mut Criterion, crowd: &mut Crowd, members: usize) -> BTreeMap<Change, Ledger> {
    let mut ledgers = BTreeMap::<Change, Ledger>::new();
    for change in Change::all(members) {
        let mut group = criterion.benchmark_group(format!("membership/{}", change.name()));
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
        group.bench_function(BenchmarkId::from_parameter(members), |b| {
            b.iter_custom(|times| {
                let ledger = ledgers.entry(change).or_default();
                (0..times).map(|_| change.carry_out(crowd, ledger).expect("it is allowed")).sum()
            });
        });
        group.finish();
    }
    ledgers
}

fn table(changes: &[(Change, usize, Ledger)], states: &[(usize, State)]) {
    println!("\nmedians, milliseconds of CPU of whoever does it; bytes of each message");
    print!("{:<18}{:>8}", "change", "members");
    Stage::ALL.iter().for_each(|stage| print!("{:>9}", stage.name()));
    println!("{:>10}{:>10}{:>10}", "request B", "commit B", "welcome B");
    for (change, members, ledger) in changes {
        print!("{:<18}{members:>8}", change.name());
        for stage in Stage::ALL {
            let time = ledger.median_ms(stage).map_or_else(|| "-".to_owned(), |ms| format!("{ms:.2}"));
            print!("{time:>9}");
        }
        let [request, commit, welcome] = ["request", "commit", "welcome"].map(|name| ledger.length(name));
        println!("{request:>10}{commit:>10}{welcome:>10}");
    }
    println!("\na member's state, counted when it is let in");
    println!("{:>8}{:>14}{:>20}", "members", "held KiB", "most KiB, joining");
    for (members, state) in states {
        println!("{members:>8}{:>14}{:>20}", state.held_bytes / 1024, state.peak_bytes / 1024);
    }
}

fn line(changes: &[(Change, usize, Ledger)], states: &[(usize, State)]) -> Value {
    let changes: Vec<_> =
        changes.iter().map(|(change, members, ledger)| ledger.to_json(&change.name(), *members)).collect();
    let states: Vec<_> = states.iter().map(|(members, state)| state.to_json(*members)).collect();
    json!({ "changes": changes, "states": states })
}

//! What people see when the relay is started again under them.

use crate::running::{LIMIT_S, Running, start_relay, start_sharing_with};
use crate::support::{Folder, free_port, isi, prepare};
use serde_json::Value;
use std::process::Stdio;

#[test]
fn a_relay_that_is_started_again_is_told_and_survived() {
    let folder = Folder::new();
    prepare(&folder, free_port(), &["alice=organizer", "bob=viewer"]);
    let relay = start_relay(&folder);
    let (mut sharing, link) = start_sharing_with(&folder, "alice.isi", &["--json", "--lend", "--padding"]);
    let bob = folder.text("bob.isi");
    let view = [
        "view",
        &bob,
        &link,
        "--json",
        "--drive",
        "--constant-rate",
        "20",
        "--padding",
        "--seconds",
        LIMIT_S,
    ];
    let view = isi(&view).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut viewing = Running::of(view);
    viewing.types("typed at a constant rate");
    viewing.hear("driving");
    relay.stop();
    for program in [&mut sharing, &mut viewing] {
        let lost = program.hear("connection-lost");
        assert!(lost["why"].as_str().is_some_and(|why| !why.is_empty()), "{lost}");
    }
    let _relay = start_relay(&folder);
    sharing.hear("reconnected");
    viewing.hear("reconnected");
    let is_moving = |figures: &Value| figures["frames_per_s"].as_f64().is_some_and(|rate| rate > 0.0);
    while !is_moving(&viewing.hear("figures")) {}
}

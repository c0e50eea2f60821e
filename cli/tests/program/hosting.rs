//! What an organizer does at the terminal: who comes in, who drives, and control taken back.

use crate::running::{start_chat, start_relay, start_sharing_with};
use crate::support::{Folder, assert_failed, free_port, isi, prepare, run, stderr};
use serde_json::Value;
use std::process::Stdio;

#[test]
fn people_are_let_in_or_not_as_the_organizer_says() {
    let folder = Folder::new();
    prepare(&folder, free_port(), &["alice=organizer", "bob=viewer", "carol=participant"]);
    let _relay = start_relay(&folder);
    let (mut sharing, link) =
        start_sharing_with(&folder, "alice.isi", &["--ask", "--json", "--post-quantum"]);
    let view = |who: &str| {
        let mut view = isi(&["view", &folder.text(who), &link, "--seconds", "1"]);
        view.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts")
    };
    let bob = view("bob.isi");
    let asked = sharing.hear("join-requested");
    sharing.types(&format!("deny {}", asked["who"].as_str().unwrap()));
    assert_failed(&bob.wait_with_output().unwrap(), 4, "not let in");
    let carol = view("carol.isi");
    sharing.hear("join-requested");
    sharing.types("admit all");
    assert_eq!(
        sharing.hear("member-joined")["text"].as_str().map(|text| text.ends_with("is here")),
        Some(true)
    );
    let viewed = carol.wait_with_output().unwrap();
    assert!(viewed.status.success(), "{}", stderr(&viewed));
    sharing.types("lock");
    sharing.types("nonsense");
    sharing.hear("help");
    assert_failed(&view("bob.isi").wait_with_output().unwrap(), 4, "locked");
}

#[test]
fn a_link_lets_in_as_many_and_whom_it_says() {
    let folder = Folder::new();
    prepare(&folder, free_port(), &["alice=organizer", "bob=viewer", "carol=participant"]);
    let _relay = start_relay(&folder);
    let (_sharing, link) = start_sharing_with(&folder, "alice.isi", &["--uses", "1", "--expires", "60"]);
    let (_bob, _says, mut hears) = start_chat(&folder, "bob.isi", &link, &[]);
    assert!(hears.any(|line| line.contains("compare this code (epoch 1)")));
    assert_failed(&run(&["view", &folder.text("carol.isi"), &link, "--seconds", "1"]), 4, "used up");
}

#[test]
fn somebody_named_becomes_an_organizer() {
    let folder = Folder::new();
    prepare(&folder, free_port(), &["alice=organizer", "bob=organizer"]);
    let _relay = start_relay(&folder);
    let identity: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.file("bob.isi")).unwrap()).unwrap();
    let bob = identity["subject"].as_str().unwrap();
    let (mut sharing, link) = start_sharing_with(&folder, "alice.isi", &["--organizer", bob, "--json"]);
    let (_bob, _says, mut hears) = start_chat(&folder, "bob.isi", &link, &[]);
    assert!(hears.any(|line| line.contains("organizers now:") && line.contains(&bob[..4])));
    sharing.hear("organizers");
    sharing.types("who");
    let is_bob = |line: &Value| line["who"] == bob && line["organizer"] == true;
    assert!(std::iter::repeat_with(|| sharing.hear("member")).take(2).any(|line| is_bob(&line)));
}

#[test]
fn control_is_taken_back_by_a_line_and_by_a_signal() {
    let folder = Folder::new();
    prepare(&folder, free_port(), &["alice=organizer", "bob=participant"]);
    let _relay = start_relay(&folder);
    let (mut sharing, link) = start_sharing_with(&folder, "alice.isi", &["--lend", "--json"]);
    sharing.types("");
    sharing.hear("nothing-taken-back");
    for by_signal in [false, true] {
        let mut view = isi(&["view", &folder.text("bob.isi"), &link, "--drive"]);
        let view = view.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut view = crate::running::Running::of(view.spawn().expect("the program starts"));
        sharing.hear("lease-granted");
        if by_signal {
            sharing.signal("USR1");
        } else {
            sharing.types("");
        }
        let taken = sharing.hear("taken-back");
        assert!(taken["accepted_after_take_back_us"].is_u64(), "{taken}");
        assert!(view.says("taken back"));
        drop(view);
    }
}

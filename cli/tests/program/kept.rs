//! What stays when a session is over: its record, and the keys of people who were met.

use crate::running::{Running, start_chat, start_relay, start_sharing_with};
use crate::support::{Folder, assert_failed, free_port, isi, prepare, run, stderr, stdout};
use serde_json::Value;
use std::{fs, io::Write};

fn issue_again(folder: &Folder, people: &[&str]) {
    let (here, relay) = (folder.path().display().to_string(), folder.text("relay"));
    let relay = fs::read_to_string(relay).unwrap();
    let issue = ["token", "issue", &here, "--relay", &relay, "--again"];
    let issued = run(&[&issue[..], people].concat());
    assert!(issued.status.success(), "{}", stderr(&issued));
}

fn prepared(people: &[&str]) -> (Folder, Running) {
    let (folder, port) = (Folder::new(), free_port());
    prepare(&folder, port, people);
    fs::write(folder.file("relay"), format!("127.0.0.1:{port}")).unwrap();
    let relay = start_relay(&folder);
    (folder, relay)
}

fn field(folder: &Folder, file: &str, name: &str) -> String {
    let identity: Value = serde_json::from_str(&fs::read_to_string(folder.file(file)).unwrap()).unwrap();
    identity[name].as_str().unwrap().to_owned()
}

#[test]
fn a_record_is_kept_and_verifies_and_what_was_changed_is_named() {
    let (folder, _relay) = prepared(&["alice=organizer", "bob=viewer"]);
    let file = folder.text("record.jsonl");
    let (mut sharing, link) = start_sharing_with(&folder, "alice.isi", &["--record", &file]);
    let (_bob, mut bob_says, mut bob_hears) = start_chat(&folder, "bob.isi", &link, &[]);
    assert!(bob_hears.any(|line| line.contains("RECORDS this session")));
    writeln!(bob_says, "a secret that no record holds").unwrap();
    drop(bob_says);
    assert!(sharing.says("left"));
    sharing.stop();

    let verify = ["record", "verify", &file, "--issuers", &folder.text("jwks.json")];
    let verified = run(&verify);
    assert!(verified.status.success(), "{}{}", stdout(&verified), stderr(&verified));
    assert!(stdout(&verified).contains("from its beginning to its end"), "{}", stdout(&verified));
    let text = fs::read_to_string(folder.file("record.jsonl")).unwrap();
    let bob = field(&folder, "bob.isi", "subject");
    assert!(text.contains("\"what\":\"joined\"") && text.contains("\"what\":\"gone\""), "{text}");
    assert!(!text.contains("secret") && !text.contains(&bob));

    let salt = folder.text("record.jsonl.salt");
    let named = run(&["record", "verify", &file, "--json", "--salt", &salt, "--person", &bob]);
    let report: Value = serde_json::from_str(&stdout(&named)).unwrap();
    assert_eq!((&report["sound"], &report["statements_checked"]), (&true.into(), &false.into()));
    assert!(report["people"][0]["lines"].as_array().unwrap().len() >= 2, "{report}");

    let changed = text.replacen("\"what\":\"joined\"", "\"what\":\"gone\"", 1);
    fs::write(folder.file("record.jsonl"), changed).unwrap();
    let refused = run(&verify);
    assert_failed(&refused, 1, "not sound");
    assert!(stdout(&refused).contains("the text says something else"), "{}", stdout(&refused));
    fs::write(folder.file("record.jsonl"), text.lines().next().unwrap()).unwrap();
    let cut = run(&verify);
    assert!(stdout(&cut).contains("without its closing line"), "{}", stdout(&cut));
    assert_failed(&run(&["record", "verify", &folder.text("none")]), 2, "cannot read");
    let again = run(&["share", &folder.text("alice.isi"), "--source", "desktop", "--record", &file]);
    assert_failed(&again, 2, "cannot write the record");
}

#[test]
fn people_are_known_again_and_another_key_is_told() {
    let (folder, _relay) = prepared(&["alice=organizer", "bob=viewer"]);
    let known = folder.text("known.json");
    let people = ["--known-people", &known];
    let meet = |more: &[&str]| {
        let (sharing, link) = start_sharing_with(&folder, "alice.isi", &people);
        let bob = folder.text("bob.isi");
        let view = ["view", &bob, &link, "--seconds", "1"];
        let viewed = isi(&[&view[..], &people, more].concat()).output().unwrap();
        drop(sharing);
        viewed
    };
    let first = meet(&[]);
    assert!(first.status.success() && stderr(&first).contains("compare"), "{}", stderr(&first));
    let alice = field(&folder, "alice.isi", "subject");
    let list = |json: &[&str]| stdout(&run(&[&["people", "list"], &people[..], json].concat()));
    assert!(list(&[]).contains(&alice) && list(&[]).contains("never compared"), "{}", list(&[]));

    issue_again(&folder, &["alice=organizer", "bob=viewer"]);
    assert_eq!(field(&folder, "alice.isi", "subject"), alice);
    let second = meet(&["--strict"]);
    assert!(second.status.success() && !stderr(&second).contains("!!!"), "{}", stderr(&second));

    // The same name with another key: a new identity file, or somebody in between.
    let path = folder.file("alice.isi");
    let mut identity: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    identity["member_key"] = "11".repeat(32).into();
    isi_cli::token::write_file(&path, identity.to_string().as_bytes(), true, true).unwrap();
    issue_again(&folder, &["alice=organizer", "bob=viewer"]);
    let changed = meet(&[]);
    assert!(changed.status.success(), "{}", stderr(&changed));
    assert!(stderr(&changed).contains("!!! THE KEY OF"), "{}", stderr(&changed));
    issue_again(&folder, &["alice=organizer", "bob=viewer"]);
    assert_failed(&meet(&["--strict"]), 1, "is not the one it had before");
    assert!(list(&[]).contains("CHANGED"), "{}", list(&[]));

    assert!(run(&[&["people", "trust", &alice], &people[..]].concat()).status.success());
    issue_again(&folder, &["alice=organizer", "bob=viewer"]);
    let trusted = meet(&["--strict"]);
    assert!(trusted.status.success(), "{}", stderr(&trusted));
    let report: Value = serde_json::from_str(&list(&["--json"])).unwrap();
    let both = report["people"].as_array().unwrap();
    let known_alice = both.iter().find(|person| person["subject"] == alice.as_str()).unwrap();
    assert_eq!(known_alice["compared"], true);
    assert!(run(&[&["people", "forget", &alice], &people[..]].concat()).status.success());
    assert!(!list(&[]).contains(&alice));
    assert_failed(&run(&[&["people", "forget", &alice], &people[..]].concat()), 2, "nobody or several");
}

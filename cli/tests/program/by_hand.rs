//! Relay, share, view and chat as separate programs, as the README tells people to run them.

use crate::running::{LIMIT_S, start, start_chat, start_relay, start_sharing};
use crate::support::{Folder, assert_failed, free_port, isi, prepare, run, stderr};
use std::{fs, io::Write, process::Stdio};

#[test]
fn people_share_view_drive_and_chat() {
    let folder = Folder::new();
    prepare(&folder, free_port(), &["alice=organizer", "bob=viewer", "carol=participant", "dave=viewer"]);
    let _relay = start_relay(&folder);
    let (_sharing, link) = start_sharing(&folder, "alice.isi");

    let (_carol, mut carol_says, mut carol_hears) = start_chat(&folder, "carol.isi", &link, &[]);
    let (_dave, mut dave_says, mut dave_hears) = start_chat(&folder, "dave.isi", &link, &[]);
    assert!(dave_hears.any(|line| line.contains("compare this code")));
    writeln!(dave_says, "/who").unwrap();
    let dave =
        dave_hears.find_map(|line| line.strip_suffix(" (you)").map(str::to_owned)).expect("his own code");
    writeln!(carol_says, "hello all").unwrap();
    assert!(dave_hears.any(|line| line.ends_with(": hello all")));
    writeln!(carol_says, "/to {dave} psst").unwrap();
    assert!(dave_hears.any(|line| line.ends_with("(to you alone): psst")));
    writeln!(dave_says, "hello back").unwrap();
    assert!(carol_hears.any(|line| line.ends_with(": hello back")));

    let elsewhere = link.replace("127.0.0.1", "localhost");
    assert_failed(&run(&["view", &folder.text("bob.isi"), &elsewhere]), 2, "another relay");

    let png = folder.text("bob.png");
    fs::write(folder.file("link"), &link).unwrap();
    let mut view = isi(&[
        "view",
        &folder.text("bob.isi"),
        &folder.text("link"),
        "--drive",
        "--seconds",
        "3",
        "--png",
        &png,
    ]);
    let mut view = view.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    writeln!(view.stdin.as_mut().expect("its input"), "typed by bob").unwrap();
    let viewed = view.wait_with_output().expect("its end");
    assert!(viewed.status.success(), "{}", stderr(&viewed));
    assert!(stderr(&viewed).contains("you drive"), "{}", stderr(&viewed));
    assert!(fs::read(folder.file("bob.png")).expect("the picture").starts_with(b"\x89PNG"));
}

#[test]
fn a_wrong_certificate_a_stolen_token_and_a_foreign_relay_are_told_apart() {
    let folder = Folder::new();
    let port = free_port();
    prepare(&folder, port, &["a=organizer", "b=organizer"]);
    let _relay = start_relay(&folder);
    let change = |name: &str, change: &dyn Fn(&mut serde_json::Value, &serde_json::Value)| {
        let read = |name: &str| -> serde_json::Value {
            serde_json::from_str(&fs::read_to_string(folder.file(name)).unwrap()).unwrap()
        };
        let (mut identity, other) = (read("a.isi"), read("b.isi"));
        change(&mut identity, &other);
        let path = folder.file(name);
        isi_cli::token::write_file(&path, identity.to_string().as_bytes(), true, false).unwrap();
        run(&["share", &folder.text(name), "--source", "desktop", "--seconds", "1"])
    };

    let foreign_ca = Folder::new();
    assert!(run(&["certs", &foreign_ca.path().display().to_string()]).status.success());
    let ca = fs::read_to_string(foreign_ca.file("ca.pem")).unwrap();
    assert_failed(&change("ca.isi", &|identity, _| identity["ca_pem"] = ca.clone().into()), 4, "certificate");
    let no_ca = change("noca.isi", &|identity, _| identity["ca_pem"] = "nonsense".into());
    assert_failed(&no_ca, 2, "no PEM certificate");
    let stolen = change("stolen.isi", &|identity, other| identity["token"] = other["token"].clone());
    assert_failed(&stolen, 4, "another key");
    // The relay sees a proof for another origin than the token's: not to be told from a wrong key.
    let wrong_host = change("host.isi", &|identity, _| {
        identity["relay"] = format!("isi://localhost:{port}").into();
    });
    assert_failed(&wrong_host, 4, "another key");
    let no_token = change("none.isi", &|identity, _| identity["token"] = "nonsense".into());
    assert_failed(&no_token, 2, "token is not a JWT");
    let statement = change("said.isi", &|identity, other| identity["statement"] = other["statement"].clone());
    assert_failed(&statement, 2, "another key");
}

#[test]
fn a_running_command_takes_up_a_fresh_token() {
    let folder = Folder::new();
    prepare(&folder, free_port(), &["a=organizer"]);
    let _relay = start_relay(&folder);
    let mut share = isi(&["share", &folder.text("a.isi"), "--source", "desktop", "--seconds", LIMIT_S]);
    share.stderr(Stdio::piped());
    let (mut sharing, link, _) = start(share);
    assert!(link.starts_with("isi://"), "{link}");
    let here = folder.path().display().to_string();
    assert!(run(&["token", "refresh", &here, &folder.text("a.isi")]).status.success());
    assert!(sharing.says("* the fresh token is taken up"));
}

#[test]
fn a_refreshed_identity_is_the_same_person() {
    let folder = Folder::new();
    prepare(&folder, free_port(), &["a=organizer"]);
    let before: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.file("a.isi")).unwrap()).unwrap();
    let here = folder.path().display().to_string();
    assert!(run(&["token", "refresh", &here, &folder.text("a.isi")]).status.success());
    let after: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.file("a.isi")).unwrap()).unwrap();
    for same in ["session", "subject", "role", "relay", "connection_key", "member_key"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert_ne!(before["token"], after["token"]);
}

//! Whatever is wrong, people get one line that says what, one that says what to do, and the right exit code.

use crate::support::{Folder, assert_failed, free_port, isi, prepare, run};
use std::{fs, net::UdpSocket, os::unix::fs::PermissionsExt};

const USAGE: i32 = 2;
const RELAY: i32 = 4;
const BIND: i32 = 5;
const DISPLAY: i32 = 6;

fn share(folder: &Folder, identity: &str) -> std::process::Output {
    run(&["share", &folder.text(identity), "--source", "desktop", "--seconds", "1"])
}

#[test]
fn arguments() {
    assert_failed(&run(&["demo", "--seconds", "many"]), USAGE, "many");
    assert_failed(&run(&["demo", "--viewers", "1"]), USAGE, "1 is not in 2..=16");
    assert_failed(&run(&["danse"]), USAGE, "danse");
    assert_failed(&run(&["share"]), USAGE, "IDENTITY");
    assert_failed(&run(&["demo", "--png", "/nonexistent/a.png"]), USAGE, "/nonexistent");
    assert_failed(&run(&["demo", "--relay-bin", "/nonexistent/relay"]), USAGE, "/nonexistent/relay");
}

#[test]
fn a_relay_binary_that_is_none() {
    let output = run(&["demo", "--seconds", "1", "--source", "desktop", "--relay-bin", "/bin/false"]);
    assert_failed(&output, 1, "the relay did not start");
}

#[test]
fn no_display() {
    assert_failed(&run(&["demo", "--source", "x11", "--seconds", "1"]), DISPLAY, "DISPLAY");
    let folder = Folder::new();
    prepare(&folder, free_port(), &["a=organizer"]);
    assert_failed(&run(&["share", &folder.text("a.isi"), "--source", "x11"]), DISPLAY, "DISPLAY");
    let no_server = isi(&["demo", "--source", "x11", "--seconds", "1"]).env("DISPLAY", ":4711").output();
    assert_failed(&no_server.expect("the program starts"), DISPLAY, "does not answer");
}

#[test]
fn identities() {
    let folder = Folder::new();
    prepare(&folder, free_port(), &["a=organizer"]);
    assert_failed(&share(&folder, "nobody.isi"), USAGE, "nobody.isi");
    fs::set_permissions(folder.file("a.isi"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_failed(&share(&folder, "a.isi"), USAGE, "0644");
    fs::set_permissions(folder.file("a.isi"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(folder.file("a.isi"), "{}").unwrap();
    assert_failed(&share(&folder, "a.isi"), USAGE, "a.isi is no identity file");
}

#[test]
fn account_keys() {
    let folder = Folder::new();
    let here = folder.path().display().to_string();
    assert!(run(&["token", "keys", &here]).status.success());
    assert_failed(&run(&["token", "keys", &here]), USAGE, "account.key");
    assert_failed(&run(&["token", "issue", &here, "--relay", "nowhere", "a=viewer"]), USAGE, "port");
    assert_failed(&run(&["token", "issue", &here, "--relay", "r:1", "a=king"]), USAGE, "king");
    assert_failed(
        &run(&["token", "issue", &here, "--relay", "r:1", "--session", "xyz", "a=viewer"]),
        USAGE,
        "xyz",
    );
    fs::set_permissions(folder.file("account.key"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_failed(&run(&["token", "issue", &here, "--relay", "r:1", "a=viewer"]), USAGE, "0644");
    fs::set_permissions(folder.file("account.key"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(folder.file("account.key"), "nonsense").unwrap();
    assert_failed(&run(&["token", "issue", &here, "--relay", "r:1", "a=viewer"]), USAGE, "account.key");
}

#[test]
fn nothing_is_overwritten_unasked() {
    let folder = Folder::new();
    prepare(&folder, free_port(), &["a=organizer"]);
    let here = folder.path().display().to_string();
    assert_failed(&run(&["certs", &here]), USAGE, "is there already");
    assert_failed(&run(&["token", "issue", &here, "--relay", "r:1", "a=viewer"]), USAGE, "a.isi");
    assert!(run(&["certs", &here, "--force"]).status.success());
}

#[test]
fn certificates_for_others_than_loopback() {
    let folder = Folder::new();
    let here = folder.path().display().to_string();
    assert_failed(&run(&["certs", &here, "--listen", "0.0.0.0:4433"]), USAGE, "loopback");
}

#[test]
fn links() {
    let folder = Folder::new();
    prepare(&folder, free_port(), &["b=viewer"]);
    for command in ["view", "chat"] {
        assert_failed(&run(&[command, &folder.text("b.isi"), "isi://127.0.0.1:1"]), USAGE, "no link");
        assert_failed(&run(&[command, &folder.text("b.isi"), &folder.text("relay.toml")]), USAGE, "no link");
        assert_failed(
            &run(&[command, &folder.text("b.isi"), "/nonexistent/link"]),
            USAGE,
            "/nonexistent/link",
        );
    }
}

#[test]
fn the_built_in_relay_says_what_is_wrong() {
    let folder = Folder::new();
    let port = free_port();
    prepare(&folder, port, &["a=organizer"]);
    let relay = |config: &str| run(&["internal-relay", "--config", config]);
    assert_failed(&relay("/nonexistent.toml"), USAGE, "/nonexistent.toml");
    let taken = UdpSocket::bind(("127.0.0.1", port)).unwrap();
    assert_failed(&relay(&folder.text("relay.toml")), BIND, &port.to_string());
    drop(taken);
    let text = fs::read_to_string(folder.file("relay.toml")).unwrap();
    fs::write(folder.file("relay.toml"), format!("{text}\nnonsense = 1\n")).unwrap();
    assert_failed(&relay(&folder.text("relay.toml")), USAGE, "nonsense");
}

#[test]
fn a_relay_that_is_not_there() {
    let folder = Folder::new();
    prepare(&folder, free_port(), &["a=organizer"]);
    assert_failed(&share(&folder, "a.isi"), RELAY, "no relay answers");
}

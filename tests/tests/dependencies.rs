//! Who may depend on whom. The relay has nothing that opens an object in its tree, so no change of its own code can make it
//! read what it carries.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What opens objects, at any version.
const OPENERS: [&str; 8] = [
    "openmls",
    "hpke",
    "chacha20poly1305",
    "hkdf",
    "x25519-dalek",
    "curve25519-dalek",
    "isi-e2ee",
    "isi-client",
];
/// Sockets and timers.
const INPUT_OUTPUT: [&str; 6] = ["tokio", "quinn", "quinn-udp", "mio", "socket2", "async-std"];
/// All that the relay's core may be made of: the wire, and what its two crates need to compile.
const CORE: [&str; 9] = [
    "isi-relay-core",
    "isi-wire",
    "bytes",
    "thiserror",
    "thiserror-impl",
    "proc-macro2",
    "quote",
    "syn",
    "unicode-ident",
];

/// Names in the tree of `package`, with all its features, on every platform, its own included.
fn tree(workspace: &Path, package: &str, lock: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(workspace)
        .args(["tree", lock, "-p", package, "-e", "normal,build", "--all-features"])
        .args(["--target", "all", "--prefix", "none"])
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let names: BTreeSet<_> =
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    assert!(names.contains(package), "cargo tree did not list {package} itself");
    names
}

fn found(names: &BTreeSet<String>, banned: &[&'static str]) -> Vec<&'static str> {
    banned.iter().copied().filter(|name| names.contains(*name)).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn nothing_in_the_relay_can_open_an_object() {
    let names = tree(&root(), "isi-relay", "--locked");
    assert_eq!(found(&names, &OPENERS), [""; 0]);
}

#[test]
fn the_same_check_finds_every_opener_in_the_client() {
    let names = tree(&root(), "isi-client", "--locked");
    assert_eq!(found(&names, &OPENERS), OPENERS);
}

#[test]
fn the_core_is_made_of_the_wire_and_nothing_else() {
    let names = tree(&root(), "isi-relay-core", "--locked");
    let others: Vec<_> = names.iter().filter(|name| !CORE.contains(&name.as_str())).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn wire_core_and_cryptography_do_no_input_or_output() {
    for package in ["isi-wire", "isi-relay-core", "isi-e2ee"] {
        assert_eq!(found(&tree(&root(), package, "--locked"), &INPUT_OUTPUT), [""; 0], "{package}");
    }
    // The same check where they are.
    assert!(found(&tree(&root(), "isi-relay", "--locked"), &INPUT_OUTPUT).contains(&"tokio"));
}

#[test]
fn an_opener_added_to_the_relay_is_found() {
    // Fetches what the copy needs, which then works without a network.
    tree(&root(), "isi-client", "--locked");
    let copy = Copy::of(&root());
    let manifest = copy.0.join("relay/Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let added = text.replacen("[dependencies]\n", "[dependencies]\nisi-e2ee.workspace = true\n", 1);
    assert_ne!(added, text);
    fs::write(&manifest, added).unwrap();
    let names = tree(&copy.0, "isi-relay", "--offline");
    let expected: Vec<_> = OPENERS.into_iter().filter(|name| *name != "isi-client").collect();
    assert_eq!(found(&names, &OPENERS), expected);
}

/// The workspace's sources in a folder of their own, removed at the end.
struct Copy(PathBuf);

impl Copy {
    fn of(root: &Path) -> Self {
        let target = std::env::temp_dir().join(format!("isi-dependencies-{}", std::process::id()));
        copy_sources(root, &target);
        Self(target)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy_sources(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !name.starts_with('.') && !name.starts_with("target") {
            copy_sources(&path, &to.join(name));
        } else if name.ends_with(".rs") || name.ends_with(".toml") || name == "Cargo.lock" {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

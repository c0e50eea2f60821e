//! Tests over the real relay and the whole tree: what several of them need. Nobody depends on this crate.

#![expect(clippy::expect_used, reason = "in a test these are the failure")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder with `isi` and `isi-relay`, built once in the profile of the test that asks.
pub fn programs() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(build_programs)
}

fn build_programs() -> PathBuf {
    let test = std::env::current_exe().expect("a test is a program");
    let folder = test.parent().and_then(Path::parent).expect("tests stand in TARGET/PROFILE/deps");
    let (target, profile) = (folder.parent().expect("TARGET"), folder.file_name().expect("PROFILE"));
    let profile = if profile == "debug" { "dev".as_ref() } else { profile };
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--workspace", "--bins", "--target-dir"])
        .arg(target)
        .arg("--profile")
        .arg(profile)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo starts");
    assert!(built.success(), "the programs do not build");
    folder.to_owned()
}

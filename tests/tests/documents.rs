//! What the documents say about files, commands and numbers is so.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use isi_wire::{CloseCode, ResetCode};
use std::fs;
use std::path::{Path, PathBuf};

const DOCUMENTS: [&str; 4] = ["ARCHITECTURE.md", "README.md", "SPEC.md", "SECURITY.md"];
/// Looks like a path and is the protocol's name.
const PROTOCOL: &str = "isi/1";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap()
}

/// What stands in backticks and can only be a path of this tree: no command, no URL, no path of a web server.
fn paths(text: &str) -> Vec<&str> {
    let quoted = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    quoted
        .filter(|quoted| quoted.contains('/') && !quoted.contains(' ') && !quoted.contains("://"))
        .filter(|quoted| !quoted.starts_with('/') && *quoted != PROTOCOL)
        .collect()
}

/// Targets of links to files.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target).filter(|target| !target.contains("://")).collect()
}

#[test]
fn every_path_in_the_documents_exists() {
    let mut missing = Vec::new();
    for document in DOCUMENTS {
        let text = read(document);
        let named: Vec<_> = paths(&text).into_iter().chain(links(&text)).collect();
        assert!(!named.is_empty(), "{document} names no file");
        let absent = named.into_iter().filter(|path| !root().join(path).exists());
        missing.extend(absent.map(|path| format!("{document}: {path}")));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_readme_begins_with_the_two_commands() {
    let text = read("README.md");
    let block: Vec<_> = text
        .lines()
        .skip_while(|line| !line.starts_with("    "))
        .take_while(|line| line.starts_with("    "))
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .collect();
    assert_eq!(block, ["cargo run --release -p isi-cli -- demo", "cargo test --workspace"]);
}

/// Every `0x.. Name` of SPEC.md section 7, whether in the table or in the text.
fn codes_of_the_spec() -> Vec<(u64, String)> {
    let text = read("SPEC.md");
    let (_, section) = text.split_once("\n## 7. ").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let words: Vec<_> = section.split(|c: char| c.is_whitespace() || "|,.".contains(c)).collect();
    let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let pairs = words.windows(2).filter_map(|pair| Some((pair[0].strip_prefix("0x")?, pair[1])));
    pairs.map(|(digits, name)| (u64::from_str_radix(digits, 16).unwrap(), name.to_owned())).collect()
}

#[test]
fn the_spec_has_the_codes_of_the_wire() {
    let close = CloseCode::ALL.iter().map(|code| (*code as u64, format!("{code:?}")));
    let reset = ResetCode::ALL.iter().map(|code| (*code as u64, format!("{code:?}")));
    assert_eq!(codes_of_the_spec(), close.chain(reset).collect::<Vec<_>>());
}

//! Where the published vectors stand, and how their bytes are read.

use serde_json::Value;
use std::path::PathBuf;

/// A file of the vectors' folder, by its path in it.
///
/// The folder is `ISI_VECTORS_DIR`, or `shared/vectors` beside the project's folder. A test that does not find it fails:
/// it would show nothing otherwise.
pub(crate) fn load(name: &str) -> Value {
    let folder = std::env::var_os("ISI_VECTORS_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors")),
        PathBuf::from,
    );
    let file = folder.join(name);
    let text = std::fs::read(&file).unwrap_or_else(|error| {
        panic!(
            "{}: {error}. The published vectors belong into ../shared/vectors beside the project's folder, or set \
             ISI_VECTORS_DIR to the folder that has {name}",
            file.display()
        )
    });
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "an odd number of hex digits: {text}");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

pub(crate) fn array<const N: usize>(text: &str) -> [u8; N] {
    unhex(text).try_into().unwrap()
}

/// What the tests take out of a JSON object; a field that is not there fails the test.
pub(crate) trait Fields {
    fn text(&self, name: &str) -> &str;
    fn hex(&self, name: &str) -> Vec<u8>;
    fn number(&self, name: &str) -> u64;
    fn list(&self, name: &str) -> &[Value];
}

impl Fields for Value {
    fn text(&self, name: &str) -> &str {
        self[name].as_str().unwrap_or_else(|| panic!("no text {name}"))
    }

    fn hex(&self, name: &str) -> Vec<u8> {
        unhex(self.text(name))
    }

    /// Some files have numbers as text.
    fn number(&self, name: &str) -> u64 {
        let value = &self[name];
        let number = value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        number.unwrap_or_else(|| panic!("no number {name}"))
    }

    fn list(&self, name: &str) -> &[Value] {
        self[name].as_array().unwrap_or_else(|| panic!("no list {name}"))
    }
}

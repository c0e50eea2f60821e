//! Computes the build id from the sources, so that it needs no version control and is the same in every binary that
//! contains them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let root = Path::new("..");
    let mut files =
        vec![PathBuf::from("Cargo.toml"), PathBuf::from("core/Cargo.toml"), root.join("wire/Cargo.toml")];
    files.extend([root.join("Cargo.lock"), root.join("Cargo.toml")].into_iter().filter(|path| path.exists()));
    for folder in [PathBuf::from("src"), PathBuf::from("core/src"), root.join("wire/src")] {
        println!("cargo::rerun-if-changed={}", folder.display());
        collect(&folder, &mut files)?;
    }
    files.sort();
    let mut hash = Fnv128::new();
    for path in &files {
        println!("cargo::rerun-if-changed={}", path.display());
        let content = fs::read(path)?;
        hash.update(path.to_string_lossy().replace('\\', "/").as_bytes());
        hash.update(&(content.len() as u64).to_be_bytes());
        hash.update(&content);
    }
    println!("cargo::rustc-env=ISI_RELAY_BUILD_ID={:032x}", hash.0);
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// FNV-1a with 128 bits: it tells builds apart, it does not stand against anybody.
struct Fnv128(u128);

impl Fnv128 {
    const fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
}

//! What operators and the account service decide: configuration, certificates, tokens, keys, the program around the node.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod admission;
mod config;
mod keys;
mod program;
mod tls;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own, removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("isi-relay-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A configuration that runs on loopback, with everything it names.
fn valid_config(folder: &Folder, listen: &str) -> String {
    isi_certs_dev::DevCertificates::generate().unwrap().save(&folder.0).unwrap();
    isi_account::AccountKey::generate().unwrap().jwks().save(&folder.0.join("jwks.json")).unwrap();
    format!(
        "[listen]\naddress = \"{listen}\"\n[tls]\ncertificate_file = \"relay.crt\"\nprivate_key_file = \"relay.key\"\n\
         [admission]\norigins = [\"localhost:4433\"]\njwks_file = \"jwks.json\"\n"
    )
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

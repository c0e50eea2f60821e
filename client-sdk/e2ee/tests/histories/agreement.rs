//! What all members of an epoch have in common, written down by the first and compared by all others.

use isi_e2ee::Group;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use zeroize::Zeroizing;

#[derive(Default)]
pub(crate) struct Agreement {
    commits: HashMap<u64, [u8; 32]>,
    exporters: HashMap<u64, Zeroizing<[u8; 32]>>,
}

impl Agreement {
    /// A member followed this commit into this epoch.
    pub(crate) fn accepted(&mut self, epoch: u64, commit: &[u8]) {
        let digest: [u8; 32] = Sha256::digest(commit).into();
        let first = *self.commits.entry(epoch).or_insert(digest);
        assert_eq!(first, digest, "two members accepted different commits for epoch {epoch}");
    }

    /// A member is in its group's epoch.
    pub(crate) fn entered(&mut self, group: &Group) {
        let exporter = group.export_private_psk(b"history").unwrap();
        let first = self.exporters.entry(group.epoch()).or_insert_with(|| exporter.clone());
        assert_eq!(*first, exporter, "two members of epoch {} have different keys", group.epoch());
    }

    pub(crate) fn epochs(&self) -> usize {
        self.commits.len()
    }
}

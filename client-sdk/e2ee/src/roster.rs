use crate::extensions::Organizers;
use crate::statement::Statement;
use crate::{LeafIndex, Member};
use std::collections::{BTreeMap, HashMap};

/// Who is in the group in the current epoch: what rules and codes need of each leaf, already verified. Found by leaf, by
/// key and by person without a walk over all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster {
    leaves: BTreeMap<LeafIndex, Entry>,
    by_key: HashMap<[u8; 32], LeafIndex>,
    by_media_key: HashMap<[u8; 32], LeafIndex>,
    /// One leaf each, unless an organizer admits a person twice on purpose.
    by_subject: HashMap<String, Vec<LeafIndex>>,
}

/// One verified leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: [u8; 32],
    pub(crate) media_key: [u8; 32],
    pub(crate) statement: Statement,
}

impl Entry {
    pub(crate) fn member(&self, leaf: LeafIndex, organizers: &Organizers) -> Member {
        Member {
            leaf,
            issuer: self.statement.issuer.clone(),
            subject: self.statement.subject.clone(),
            role: self.statement.role,
            is_organizer: organizers.contains(&self.key),
            key_thumbprint: self.statement.key_thumbprint.clone(),
        }
    }
}

impl Roster {
    pub(crate) fn get(&self, leaf: LeafIndex) -> Option<&Entry> {
        self.leaves.get(&leaf)
    }

    pub(crate) fn insert(&mut self, leaf: LeafIndex, entry: Entry) {
        self.remove(leaf);
        self.by_key.insert(entry.key, leaf);
        self.by_media_key.insert(entry.media_key, leaf);
        self.by_subject.entry(entry.statement.subject.clone()).or_default().push(leaf);
        self.leaves.insert(leaf, entry);
    }

    pub(crate) fn remove(&mut self, leaf: LeafIndex) {
        let Some(entry) = self.leaves.remove(&leaf) else { return };
        self.by_key.remove(&entry.key);
        self.by_media_key.remove(&entry.media_key);
        if let Some(leaves) = self.by_subject.get_mut(&entry.statement.subject) {
            leaves.retain(|other| *other != leaf);
            if leaves.is_empty() {
                self.by_subject.remove(&entry.statement.subject);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.leaves.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (LeafIndex, &Entry)> {
        self.leaves.iter().map(|(leaf, entry)| (*leaf, entry))
    }

    pub(crate) fn by_key(&self, key: &[u8; 32]) -> Option<(LeafIndex, &Entry)> {
        let leaf = *self.by_key.get(key)?;
        Some((leaf, self.leaves.get(&leaf)?))
    }

    /// A person's leaves.
    pub(crate) fn by_subject(&self, subject: &str) -> &[LeafIndex] {
        self.by_subject.get(subject).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn has_media_key(&self, media_key: &[u8; 32]) -> bool {
        self.by_media_key.contains_key(media_key)
    }

    pub(crate) fn media_keys(&self) -> Vec<(LeafIndex, [u8; 32])> {
        self.iter().map(|(leaf, entry)| (leaf, entry.media_key)).collect()
    }
}

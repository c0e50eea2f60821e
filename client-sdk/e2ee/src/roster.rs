use crate::extensions::Organizers;
use crate::statement::Statement;
use crate::{LeafIndex, Member};
use std::collections::BTreeMap;

/// Who is in the group in the current epoch: what rules and codes need of each leaf, already verified.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster(BTreeMap<LeafIndex, Entry>);

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
            subject: self.statement.subject.clone(),
            role: self.statement.role,
            is_organizer: organizers.contains(&self.key),
            key_thumbprint: self.statement.key_thumbprint.clone(),
        }
    }
}

impl Roster {
    pub(crate) fn get(&self, leaf: LeafIndex) -> Option<&Entry> {
        self.0.get(&leaf)
    }

    pub(crate) fn insert(&mut self, leaf: LeafIndex, entry: Entry) {
        self.0.insert(leaf, entry);
    }

    pub(crate) fn remove(&mut self, leaf: LeafIndex) {
        self.0.remove(&leaf);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (LeafIndex, &Entry)> {
        self.0.iter().map(|(leaf, entry)| (*leaf, entry))
    }

    pub(crate) fn by_key(&self, key: &[u8; 32]) -> Option<(LeafIndex, &Entry)> {
        self.iter().find(|(_, entry)| entry.key == *key)
    }

    pub(crate) fn has_media_key(&self, media_key: &[u8; 32]) -> bool {
        self.0.values().any(|entry| entry.media_key == *media_key)
    }

    pub(crate) fn media_keys(&self) -> Vec<(LeafIndex, [u8; 32])> {
        self.iter().map(|(leaf, entry)| (leaf, entry.media_key)).collect()
    }
}

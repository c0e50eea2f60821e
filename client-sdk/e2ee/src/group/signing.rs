use super::Group;
use crate::LeafIndex;
use crate::identity::fingerprint;

/// What heartbeats need: who signs, by which key, and what only members of this epoch know.
impl Group {
    pub(crate) fn sign_as_member(&self, message: &[u8]) -> [u8; 64] {
        self.identity.sign_own(message)
    }

    pub(crate) fn leaf_key(&self, leaf: LeafIndex) -> Option<[u8; 32]> {
        self.roster.get(leaf).map(|entry| entry.key)
    }

    pub(crate) fn leaf_by_fingerprint(&self, wanted: &[u8; 32]) -> Option<LeafIndex> {
        self.roster.iter().find(|(_, entry)| fingerprint(&entry.key) == *wanted).map(|(leaf, _)| leaf)
    }

    pub(crate) fn organizer_leaves(&self) -> Vec<LeafIndex> {
        let keys = self.context.organizers.keys().iter();
        keys.filter_map(|key| self.roster.by_key(key)).map(|(leaf, _)| leaf).collect()
    }

    pub(crate) fn leaves(&self) -> impl Iterator<Item = LeafIndex> {
        self.roster.iter().map(|(leaf, _)| leaf)
    }

    /// RFC 9420 section 8.7.
    pub(crate) fn authenticator(&self) -> &[u8] {
        self.mls.epoch_authenticator().as_slice()
    }
}

use super::buffer::SecretBuffer;
use openmls_traits::storage::{CURRENT_VERSION, Key, StorageProvider, traits};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where OpenMLS keeps private keys between two calls: in memory only, wiped when overwritten or deleted.
///
/// OpenMLS writes its whole state here after every change, so that a group could be loaded again, and reads
/// most of it only then. A process that ends leaves the session, so nothing is ever loaded: what only a
/// load would read is not kept at all. That leaves key packages, HPKE key pairs and the HPKE key
/// pairs of an epoch, and spares a second copy of every epoch secret (and of the tree, 2.8 MB at 1,000 members).
#[derive(Default)]
pub(crate) struct WipingStore {
    entries: Mutex<HashMap<EntryKey, SecretBuffer>>,
}

/// The store could not encode a value or decode it again: a defect here or in OpenMLS, nobody's input.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// serde_json refused.
    #[error("a private key could not be stored or read back")]
    Encoding(#[from] serde_json::Error),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    KeyPackage,
    KeyPair,
    EpochKeyPairs,
}

type EntryKey = (Kind, Vec<u8>);

impl WipingStore {
    fn lock(&self) -> MutexGuard<'_, HashMap<EntryKey, SecretBuffer>> {
        // Every critical section is one map operation, so a poisoned map is still whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, kind: Kind, key: &impl Serialize, value: &impl Serialize) -> Result<(), StoreError> {
        let mut buffer = SecretBuffer::default();
        serde_json::to_writer(&mut buffer, value)?;
        self.lock().insert((kind, serde_json::to_vec(key)?), buffer);
        Ok(())
    }

    fn read<V: DeserializeOwned>(&self, kind: Kind, key: &impl Serialize) -> Result<Option<V>, StoreError> {
        let key = (kind, serde_json::to_vec(key)?);
        self.lock()
            .get(&key)
            .map(|value| serde_json::from_slice(value.as_slice()))
            .transpose()
            .map_err(Into::into)
    }

    fn delete(&self, kind: Kind, key: &impl Serialize) -> Result<(), StoreError> {
        let key = (kind, serde_json::to_vec(key)?);
        self.lock().remove(&key);
        Ok(())
    }
}

/// Methods that keep nothing: writes and deletes succeed, reads find nothing.
macro_rules! not_kept {
    ($($name:ident [$($generic:ident),*] ($($argument:ty),*) -> $result:ty;)*) => { $(
        fn $name<$($generic: traits::$generic<CURRENT_VERSION>),*>(&self, $(_: $argument),*) -> Result<$result, StoreError> {
            Ok(Default::default())
        }
    )* };
}

impl StorageProvider<CURRENT_VERSION> for WipingStore {
    type Error = StoreError;

    fn write_key_package<
        HashReference: traits::HashReference<CURRENT_VERSION>,
        KeyPackage: traits::KeyPackage<CURRENT_VERSION>,
    >(
        &self,
        hash_ref: &HashReference,
        key_package: &KeyPackage,
    ) -> Result<(), StoreError> {
        self.write(Kind::KeyPackage, hash_ref, key_package)
    }

    fn key_package<
        KeyPackageRef: traits::HashReference<CURRENT_VERSION>,
        KeyPackage: traits::KeyPackage<CURRENT_VERSION>,
    >(
        &self,
        hash_ref: &KeyPackageRef,
    ) -> Result<Option<KeyPackage>, StoreError> {
        self.read(Kind::KeyPackage, hash_ref)
    }

    fn delete_key_package<KeyPackageRef: traits::HashReference<CURRENT_VERSION>>(
        &self,
        hash_ref: &KeyPackageRef,
    ) -> Result<(), StoreError> {
        self.delete(Kind::KeyPackage, hash_ref)
    }

    fn write_encryption_key_pair<
        EncryptionKey: traits::EncryptionKey<CURRENT_VERSION>,
        HpkeKeyPair: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        public_key: &EncryptionKey,
        key_pair: &HpkeKeyPair,
    ) -> Result<(), StoreError> {
        self.write(Kind::KeyPair, public_key, key_pair)
    }

    fn encryption_key_pair<
        HpkeKeyPair: traits::HpkeKeyPair<CURRENT_VERSION>,
        EncryptionKey: traits::EncryptionKey<CURRENT_VERSION>,
    >(
        &self,
        public_key: &EncryptionKey,
    ) -> Result<Option<HpkeKeyPair>, StoreError> {
        self.read(Kind::KeyPair, public_key)
    }

    fn delete_encryption_key_pair<EncryptionKey: traits::EncryptionKey<CURRENT_VERSION>>(
        &self,
        public_key: &EncryptionKey,
    ) -> Result<(), StoreError> {
        self.delete(Kind::KeyPair, public_key)
    }

    fn write_encryption_epoch_key_pairs<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        EpochKey: traits::EpochKey<CURRENT_VERSION>,
        HpkeKeyPair: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        epoch: &EpochKey,
        leaf_index: u32,
        key_pairs: &[HpkeKeyPair],
    ) -> Result<(), StoreError> {
        self.write(Kind::EpochKeyPairs, &epoch_key(group_id, epoch, leaf_index), &key_pairs)
    }

    fn encryption_epoch_key_pairs<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        EpochKey: traits::EpochKey<CURRENT_VERSION>,
        HpkeKeyPair: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        epoch: &EpochKey,
        leaf_index: u32,
    ) -> Result<Vec<HpkeKeyPair>, StoreError> {
        let pairs = self.read(Kind::EpochKeyPairs, &epoch_key(group_id, epoch, leaf_index))?;
        Ok(pairs.unwrap_or_default())
    }

    fn delete_encryption_epoch_key_pairs<
        GroupId: traits::GroupId<CURRENT_VERSION>,
        EpochKey: traits::EpochKey<CURRENT_VERSION>,
    >(
        &self,
        group_id: &GroupId,
        epoch: &EpochKey,
        leaf_index: u32,
    ) -> Result<(), StoreError> {
        self.delete(Kind::EpochKeyPairs, &epoch_key(group_id, epoch, leaf_index))
    }

    not_kept! {
        // Read by a load only.
        write_mls_join_config [GroupId, MlsGroupJoinConfig] (&GroupId, &MlsGroupJoinConfig) -> ();
        append_own_leaf_node [GroupId, LeafNode] (&GroupId, &LeafNode) -> ();
        write_tree [GroupId, TreeSync] (&GroupId, &TreeSync) -> ();
        write_interim_transcript_hash [GroupId, InterimTranscriptHash] (&GroupId, &InterimTranscriptHash) -> ();
        write_context [GroupId, GroupContext] (&GroupId, &GroupContext) -> ();
        write_confirmation_tag [GroupId, ConfirmationTag] (&GroupId, &ConfirmationTag) -> ();
        write_group_state [GroupState, GroupId] (&GroupId, &GroupState) -> ();
        write_message_secrets [GroupId, MessageSecrets] (&GroupId, &MessageSecrets) -> ();
        write_resumption_psk_store [GroupId, ResumptionPskStore] (&GroupId, &ResumptionPskStore) -> ();
        write_own_leaf_index [GroupId, LeafNodeIndex] (&GroupId, &LeafNodeIndex) -> ();
        write_group_epoch_secrets [GroupId, GroupEpochSecrets] (&GroupId, &GroupEpochSecrets) -> ();
        mls_group_join_config [GroupId, MlsGroupJoinConfig] (&GroupId) -> Option<MlsGroupJoinConfig>;
        own_leaf_nodes [GroupId, LeafNode] (&GroupId) -> Vec<LeafNode>;
        tree [GroupId, TreeSync] (&GroupId) -> Option<TreeSync>;
        group_context [GroupId, GroupContext] (&GroupId) -> Option<GroupContext>;
        interim_transcript_hash [GroupId, InterimTranscriptHash] (&GroupId) -> Option<InterimTranscriptHash>;
        confirmation_tag [GroupId, ConfirmationTag] (&GroupId) -> Option<ConfirmationTag>;
        group_state [GroupState, GroupId] (&GroupId) -> Option<GroupState>;
        message_secrets [GroupId, MessageSecrets] (&GroupId) -> Option<MessageSecrets>;
        resumption_psk_store [GroupId, ResumptionPskStore] (&GroupId) -> Option<ResumptionPskStore>;
        own_leaf_index [GroupId, LeafNodeIndex] (&GroupId) -> Option<LeafNodeIndex>;
        group_epoch_secrets [GroupId, GroupEpochSecrets] (&GroupId) -> Option<GroupEpochSecrets>;
        delete_own_leaf_nodes [GroupId] (&GroupId) -> ();
        delete_group_config [GroupId] (&GroupId) -> ();
        delete_tree [GroupId] (&GroupId) -> ();
        delete_confirmation_tag [GroupId] (&GroupId) -> ();
        delete_group_state [GroupId] (&GroupId) -> ();
        delete_context [GroupId] (&GroupId) -> ();
        delete_interim_transcript_hash [GroupId] (&GroupId) -> ();
        delete_message_secrets [GroupId] (&GroupId) -> ();
        delete_all_resumption_psk_secrets [GroupId] (&GroupId) -> ();
        delete_own_leaf_index [GroupId] (&GroupId) -> ();
        delete_group_epoch_secrets [GroupId] (&GroupId) -> ();
        // Proposals are picked by hand, never from a queue.
        queue_proposal [GroupId, ProposalRef, QueuedProposal] (&GroupId, &ProposalRef, &QueuedProposal) -> ();
        queued_proposal_refs [GroupId, ProposalRef] (&GroupId) -> Vec<ProposalRef>;
        queued_proposals [GroupId, ProposalRef, QueuedProposal] (&GroupId) -> Vec<(ProposalRef, QueuedProposal)>;
        remove_proposal [GroupId, ProposalRef] (&GroupId, &ProposalRef) -> ();
        clear_proposal_queue [GroupId, ProposalRef] (&GroupId) -> ();
        // The member's signature key lives in its identity, external PSKs are not used.
        write_signature_key_pair [SignaturePublicKey, SignatureKeyPair] (&SignaturePublicKey, &SignatureKeyPair) -> ();
        signature_key_pair [SignaturePublicKey, SignatureKeyPair] (&SignaturePublicKey) -> Option<SignatureKeyPair>;
        delete_signature_key_pair [SignaturePublicKey] (&SignaturePublicKey) -> ();
        write_psk [PskId, PskBundle] (&PskId, &PskBundle) -> ();
        psk [PskBundle, PskId] (&PskId) -> Option<PskBundle>;
        delete_psk [PskId] (&PskId) -> ();
    }
}

fn epoch_key<'a, G: Key<CURRENT_VERSION>, E: Key<CURRENT_VERSION>>(
    group_id: &'a G,
    epoch: &'a E,
    leaf_index: u32,
) -> (&'a G, &'a E, u32) {
    (group_id, epoch, leaf_index)
}

#[cfg(test)]
mod tests {
    use super::super::buffer::hook;
    use super::*;

    const SECRET: &str = "a private key";

    #[test]
    fn an_overwritten_value_is_zeroed() {
        let store = WipingStore::default();
        store.write(Kind::KeyPair, &1, &SECRET).unwrap();
        hook::take();
        store.write(Kind::KeyPair, &1, &"another").unwrap();
        assert_wiped_once();
        assert_eq!(store.read::<String>(Kind::KeyPair, &1).unwrap().as_deref(), Some("another"));
    }

    #[test]
    fn a_deleted_value_is_zeroed() {
        let store = WipingStore::default();
        store.write(Kind::KeyPackage, &1, &SECRET).unwrap();
        hook::take();
        store.delete(Kind::KeyPackage, &1).unwrap();
        assert_wiped_once();
        assert_eq!(store.read::<String>(Kind::KeyPackage, &1).unwrap(), None);
    }

    #[test]
    fn a_dropped_store_is_zeroed() {
        let store = WipingStore::default();
        store.write(Kind::EpochKeyPairs, &1, &SECRET).unwrap();
        hook::take();
        drop(store);
        assert_wiped_once();
    }

    fn assert_wiped_once() {
        let dropped: Vec<_> = hook::take().into_iter().filter(|bytes| !bytes.is_empty()).collect();
        assert_eq!(dropped, [vec![0; SECRET.len() + 2]], "with its JSON quotes");
    }
}

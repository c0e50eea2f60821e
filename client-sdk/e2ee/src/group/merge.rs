use super::handshake::EpochChange;
use super::{BASE_LABEL, Evicted, Group};
use crate::roster::Entry;
use crate::rules::{Changes, leaf_index};
use crate::suite::SUITE_ID;
use crate::{EpochInput, EpochSwitch, Member, MonotonicMs};
use ed25519_dalek::SigningKey;
use std::collections::HashMap;

impl Group {
    /// Follows a commit that MLS has just merged: roster, organizers, own media key, object keys.
    pub(super) fn follow(
        &mut self,
        changes: Changes,
        new_media_key: Option<SigningKey>,
        now: MonotonicMs,
    ) -> Result<EpochChange, Evicted> {
        let self_removed = changes.removed.contains(&self.own_leaf);
        self.lobby.follow(&changes);
        let organizers_changed = changes.context.organizers != self.context.organizers;
        let seen = self.describe(&changes);
        let added = self.update_roster(&changes);
        if let Some(media_key) = new_media_key {
            self.media_key = media_key;
        }
        let change = EpochChange {
            epoch: self.epoch(),
            added,
            updated: changes.path.is_some(),
            organizers_changed,
            self_removed,
            committer: changes.committer,
            reason: changes.data.reason,
            stated_at: changes.data.stated_at,
            removed: changes.removed,
        };
        if self_removed {
            self.keyring.close();
        } else {
            self.remember(seen);
            self.install(switch_of(&change), now)?;
        }
        Ok(change)
    }

    /// Hands the keys of the current epoch to the keyring.
    pub(super) fn install(&self, change: EpochSwitch, now: MonotonicMs) -> Result<(), Evicted> {
        let base = self.export(BASE_LABEL, &SUITE_ID.to_be_bytes())?;
        let input = EpochInput {
            group_id: self.group_id().to_vec(),
            epoch: self.epoch(),
            base,
            own_leaf: self.own_leaf,
            own_media_key: self.media_key.clone(),
            media_keys: self.roster.media_keys(),
            change,
        };
        self.keyring.install(input, now);
        Ok(())
    }

    /// Removes come first: an added member may get the leaf of one removed by the same commit.
    fn update_roster(&mut self, changes: &Changes) -> Vec<Member> {
        self.context = changes.context.clone();
        for leaf in &changes.removed {
            self.roster.remove(*leaf);
        }
        if let Some(entry) = &changes.path {
            self.roster.insert(changes.committer, entry.clone());
        }
        let newcomers: HashMap<&[u8], &Entry> =
            changes.added.iter().map(|entry| (entry.key.as_slice(), entry)).collect();
        let mut added = Vec::with_capacity(newcomers.len());
        if newcomers.is_empty() {
            return added;
        }
        // MLS says only in its tree which leaf a newcomer got.
        for member in self.mls.members() {
            let entry = newcomers.get(member.signature_key.as_slice());
            if let (Some(entry), Some(leaf)) = (entry, leaf_index(member.index)) {
                added.push(entry.member(leaf, &self.context.organizers));
                self.roster.insert(leaf, (*entry).clone());
            }
        }
        added
    }
}

fn switch_of(change: &EpochChange) -> EpochSwitch {
    if !change.removed.is_empty() {
        EpochSwitch::Remove { removed: change.removed.clone() }
    } else if !change.added.is_empty() && !change.updated {
        EpochSwitch::AddOnly
    } else {
        EpochSwitch::Other
    }
}

use super::{EPOCH_GRACE_MS, EPOCHS_KEPT_MAX, EpochInput, EpochSwitch, INPUT_GRACE_MS, SWITCH_DELAY_MS};
use crate::suite::ObjectKey;
use crate::{LeafIndex, MonotonicMs};
use ed25519_dalek::{SigningKey, VerifyingKey};
use isi_wire::{SframeHeader, TrackId, TrackKind};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Most derived keys an epoch keeps: every track of a session, and some.
const OBJECT_KEYS_PER_EPOCH_MAX: usize = 2 * isi_wire::limits::TRACKS_PER_SESSION_MAX;

/// The current epoch and those whose grace is not over, oldest first, numbers rising.
#[derive(Default)]
pub(crate) struct Epochs {
    kept: VecDeque<Epoch>,
}

/// One epoch's keys. Dropping it wipes them.
pub(crate) struct Epoch {
    pub(crate) number: u64,
    pub(crate) group_id: Arc<[u8]>,
    pub(crate) own_leaf: LeafIndex,
    pub(crate) own_media_key: Arc<SigningKey>,
    // Where it is it stays until it is wiped: an epoch that is moved, out of the queue or with it, leaves only a pointer.
    base: Box<Zeroizing<[u8; 32]>>,
    // None: the member published bytes that are no key.
    media_keys: HashMap<LeafIndex, Option<VerifyingKey>>,
    object_keys: HashMap<(LeafIndex, TrackId), Arc<ObjectKey>>,
    delayed_until: Option<MonotonicMs>,
    superseded_at: Option<MonotonicMs>,
}

/// Why an epoch or a member of it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EpochMiss {
    /// Newer than all known ones.
    Unknown,
    /// Its keys are gone, or no longer open this kind.
    Old,
    /// The leaf is nobody's there, or its member was removed since.
    NotAMember,
    /// The member published bytes that are no Ed25519 key.
    BadMediaKey,
}

impl Epochs {
    /// Returns the leaves that were somebody's before and no longer are that member's.
    pub(crate) fn install(&mut self, input: EpochInput, now: MonotonicMs) -> Vec<LeafIndex> {
        assert!(
            self.kept.back().is_none_or(|current| current.number < input.epoch),
            "epoch {} is installed after a newer one",
            input.epoch
        );
        let gone = self.departed(&input);
        for old in &mut self.kept {
            old.forget_members(&gone);
        }
        if let Some(current) = self.kept.back_mut() {
            current.superseded_at = Some(now);
        }
        if self.kept.len() == EPOCHS_KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(Epoch::new(input, now));
        gone
    }

    pub(crate) fn current(&self) -> Option<&Epoch> {
        self.kept.back()
    }

    /// The epoch to seal in. Never older than the directly previous one: everybody who merged the current
    /// one has that, and opens input with it. Messages never wait: the log has one order for all, so whoever reads one has
    /// read the commit before it, and a member that has just been added could not open an older epoch's.
    pub(crate) fn sealing(&self, kind: TrackKind, now: MonotonicMs) -> Option<&Epoch> {
        let current = self.kept.back()?;
        let waits = kind != TrackKind::Message && current.delayed_until.is_some_and(|until| now < until);
        let previous = self.kept.len().checked_sub(2).and_then(|index| self.kept.get(index));
        Some(previous.filter(|_| waits).unwrap_or(current))
    }

    /// The kept epoch with these low 16 bits, if it still opens `kind`.
    pub(crate) fn find_low(
        &mut self,
        low: u16,
        kind: TrackKind,
        now: MonotonicMs,
    ) -> Result<&mut Epoch, EpochMiss> {
        let newest = self.kept.back().ok_or(EpochMiss::Unknown)?.number;
        // Distance to the newest epoch modulo 2^16, the shorter way round.
        let ahead = low.wrapping_sub(newest as u16);
        if ahead != 0 && ahead < 0x8000 {
            return Err(EpochMiss::Unknown);
        }
        let number = newest.checked_sub(u64::from(ahead.wrapping_neg())).ok_or(EpochMiss::Old)?;
        self.find(number, kind, now)
    }

    /// The kept epoch with this number, if it still opens `kind`.
    pub(crate) fn find(
        &mut self,
        number: u64,
        kind: TrackKind,
        now: MonotonicMs,
    ) -> Result<&mut Epoch, EpochMiss> {
        let newest = self.kept.back().ok_or(EpochMiss::Unknown)?.number;
        if number > newest {
            return Err(EpochMiss::Unknown);
        }
        let place = self.kept.iter().rposition(|epoch| epoch.number == number).ok_or(EpochMiss::Old)?;
        let epoch = self.kept.get_mut(place).ok_or(EpochMiss::Old)?;
        if epoch.opens(kind, now) { Ok(epoch) } else { Err(EpochMiss::Old) }
    }

    /// Drops epochs whose grace is over; returns the oldest one left if any went.
    pub(crate) fn expire(&mut self, now: MonotonicMs) -> Option<u64> {
        let before = self.kept.len();
        while self.next_deadline().is_some_and(|deadline| now >= deadline) {
            self.kept.pop_front();
        }
        self.kept.front().filter(|_| self.kept.len() < before).map(|oldest| oldest.number)
    }

    pub(crate) fn next_deadline(&self) -> Option<MonotonicMs> {
        self.kept.front()?.superseded_at.map(|at| after(at, EPOCH_GRACE_MS))
    }

    pub(crate) fn oldest(&self) -> u64 {
        self.kept.front().map_or(0, |oldest| oldest.number)
    }

    /// Leaves the commit removed, and any other that is in an older epoch but no longer in this one.
    fn departed(&self, input: &EpochInput) -> Vec<LeafIndex> {
        let mut gone = match &input.change {
            EpochSwitch::Remove { removed } => removed.clone(),
            EpochSwitch::First | EpochSwitch::AddOnly | EpochSwitch::Other => Vec::new(),
        };
        if let Some(current) = self.kept.back() {
            let stays: HashSet<_> = input.media_keys.iter().map(|(leaf, _)| *leaf).collect();
            gone.extend(current.media_keys.keys().filter(|leaf| !stays.contains(leaf)));
        }
        gone
    }
}

impl Epoch {
    fn new(input: EpochInput, now: MonotonicMs) -> Self {
        let media_keys =
            input.media_keys.iter().map(|(leaf, key)| (*leaf, VerifyingKey::from_bytes(key).ok()));
        let mut base = Box::new(Zeroizing::new([0; 32]));
        base.copy_from_slice(input.base.as_slice());
        Self {
            number: input.epoch,
            group_id: input.group_id.into(),
            own_leaf: input.own_leaf,
            own_media_key: Arc::new(input.own_media_key),
            base,
            media_keys: media_keys.collect(),
            object_keys: HashMap::new(),
            delayed_until: (input.change == EpochSwitch::AddOnly).then(|| after(now, SWITCH_DELAY_MS)),
            superseded_at: None,
        }
    }

    pub(crate) fn media_key(&self, leaf: LeafIndex) -> Result<VerifyingKey, EpochMiss> {
        self.media_keys.get(&leaf).ok_or(EpochMiss::NotAMember)?.ok_or(EpochMiss::BadMediaKey)
    }

    pub(crate) fn has_member(&self, leaf: LeafIndex) -> bool {
        self.media_keys.contains_key(&leaf)
    }

    /// The group's key for a member's track, derived once. Asked for once an object's signature is right;
    /// beyond [`OBJECT_KEYS_PER_EPOCH_MAX`] nothing is kept, and each call derives it again.
    pub(crate) fn object_key(&mut self, leaf: LeafIndex, track: TrackId) -> Arc<ObjectKey> {
        if let Some(key) = self.object_keys.get(&(leaf, track)) {
            return Arc::clone(key);
        }
        let key = Arc::new(self.derive_object_key(leaf, track));
        if self.object_keys.len() < OBJECT_KEYS_PER_EPOCH_MAX {
            self.object_keys.insert((leaf, track), Arc::clone(&key));
        }
        key
    }

    pub(crate) fn derive_object_key(&self, leaf: LeafIndex, track: TrackId) -> ObjectKey {
        ObjectKey::derive(&self.base, SframeHeader::compose_key_id(track, leaf.0, self.number))
    }

    fn opens(&self, kind: TrackKind, now: MonotonicMs) -> bool {
        let Some(superseded_at) = self.superseded_at else { return true };
        let grace_ms = match kind {
            TrackKind::Input => INPUT_GRACE_MS,
            TrackKind::Screen
            | TrackKind::Message
            | TrackKind::Audio
            | TrackKind::Video
            | TrackKind::Document
            | TrackKind::Pointer => EPOCH_GRACE_MS,
        };
        now < after(superseded_at, grace_ms)
    }

    fn forget_members(&mut self, gone: &[LeafIndex]) {
        self.media_keys.retain(|leaf, _| !gone.contains(leaf));
        self.object_keys.retain(|(leaf, _), _| !gone.contains(leaf));
    }
}

fn after(at: MonotonicMs, ms: u64) -> MonotonicMs {
    MonotonicMs(at.0.saturating_add(ms))
}

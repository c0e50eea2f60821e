mod epochs;

use crate::objects::{Padding, ReplayStore};
use crate::{LeafIndex, MonotonicMs};
use epochs::Epochs;
pub(crate) use epochs::{Epoch, EpochMiss};
use isi_wire::TrackId;
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// How long after merging an add-only commit a sender keeps the epoch before it, in milliseconds. Everyone
/// else merges meanwhile, so nobody has to hold objects of an epoch it does not know yet.
pub const SWITCH_DELAY_MS: u64 = 300;
/// How long after its successor's merge an epoch still opens media, live, log and bulk objects, in
/// milliseconds.
pub const EPOCH_GRACE_MS: u64 = 5_000;
/// How long after its successor's merge an epoch still opens input and leases, in milliseconds. Never zero: an
/// add-only commit would lose the key events in flight, and a lost release is a key that stays down. However many
/// commits came meanwhile: while many join there are four a second, and a round trip may be longer than two of
/// them are apart. A removed member does not profit, its keys go with the merge.
pub const INPUT_GRACE_MS: u64 = 1_000;
/// Most epochs kept at once: a commit every 250 ms for [`EPOCH_GRACE_MS`], and some. The oldest goes first.
pub const EPOCHS_KEPT_MAX: usize = 32;
/// Most sealers one keyring hands out in its life, since no track may ever have two.
pub const SEALERS_PER_LIFE_MAX: usize = 16_384;

/// The keys of a group, epoch by epoch, and what was already opened with them.
///
/// A clone is another handle on the same keys, so replay protection and the rule "one sealer per track" hold
/// across reconnects and recreated [`Opener`](crate::Opener)s for as long as the group lives. The group
/// [`install`](Self::install)s every epoch it enters; sealers and openers follow by themselves. Locked
/// for single look-ups only, never while an object is encrypted, hashed or verified.
#[derive(Clone)]
pub struct Keyring {
    inner: Arc<Mutex<Inner>>,
}

/// What a group hands over when it enters an epoch.
pub struct EpochInput {
    /// The MLS group id.
    pub group_id: Vec<u8>,
    /// The epoch entered.
    pub epoch: u64,
    /// `MLS-Exporter("ISI base v1", suite, 32)` of that epoch.
    pub base: Zeroizing<[u8; 32]>,
    /// One's own place in the tree.
    pub own_leaf: LeafIndex,
    /// One's own media key in that epoch: signs objects and leases.
    pub own_media_key: ed25519_dalek::SigningKey,
    /// Everybody's media key in that epoch, one's own may be among them.
    pub media_keys: Vec<(LeafIndex, [u8; 32])>,
    /// What the commit did; decides when senders switch.
    pub change: EpochSwitch,
}

/// What led to an epoch, as far as keys are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EpochSwitch {
    /// The group was created or joined just now.
    First,
    /// The commit only added members: senders switch after [`SWITCH_DELAY_MS`].
    AddOnly,
    /// The commit removed members: senders switch at once, the removed members' keys are dropped.
    Remove {
        /// Their leaves in the epoch before.
        removed: Vec<LeafIndex>,
    },
    /// Anything else, as fresh keys of a member: senders switch at once.
    Other,
}

pub(crate) struct Inner {
    pub(crate) epochs: Epochs,
    pub(crate) replay: ReplayStore,
    sealed_tracks: HashSet<SealedTrack>,
    padding: Padding,
    closed: bool,
}

/// A track and whose key it is sealed with: the group's, or that of a private key agreement.
pub(crate) type SealedTrack = (TrackId, Option<[u8; 16]>);

/// Why a track gets no sealer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimRefused {
    Used,
    TooMany,
}

impl Keyring {
    /// A keyring without keys; the group installs its first epoch.
    #[must_use]
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                epochs: Epochs::default(),
                replay: ReplayStore::default(),
                sealed_tracks: HashSet::new(),
                padding: Padding::None,
                closed: false,
            })),
        }
    }

    /// Enters an epoch. Senders switch as `input.change` says; keys and replay state of removed members are
    /// gone when this returns.
    ///
    /// # Panics
    /// If the epoch is not newer than the newest one: the group applies commits in order.
    pub fn install(&self, input: EpochInput, now: MonotonicMs) {
        let mut inner = self.lock();
        for leaf in inner.epochs.install(input, now) {
            inner.replay.forget_member(leaf);
        }
        inner.expire(now);
    }

    /// How sealers made from now on pad; [`Padding::None`] at first. A member decides for what it seals itself: receivers see
    /// from each object whether it is padded.
    pub fn set_padding(&self, padding: Padding) {
        self.lock().padding = padding;
    }

    /// Drops the keys whose time is over. Opening, sealing and installing do so too; call it at
    /// [`next_deadline`](Self::next_deadline) when nothing else happens.
    pub fn expire(&self, now: MonotonicMs) {
        self.lock().expire(now);
    }

    /// When the oldest kept epoch ends; `None` while there is only the current one.
    #[must_use]
    pub fn next_deadline(&self) -> Option<MonotonicMs> {
        self.lock().epochs.next_deadline()
    }

    /// The newest epoch, `None` before the first and after [`close`](Self::close).
    #[must_use]
    pub fn epoch(&self) -> Option<u64> {
        self.lock().epochs.current().map(|epoch| epoch.number)
    }

    /// Wipes all keys: one was removed or has left. Sealers and openers answer `Closed` from now on.
    pub fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.epochs = Epochs::default();
        inner.replay = ReplayStore::default();
    }

    pub(crate) fn padding(&self) -> Padding {
        self.lock().padding
    }

    pub(crate) fn claim_track(&self, track: SealedTrack) -> Result<(), ClaimRefused> {
        let mut inner = self.lock();
        if inner.sealed_tracks.contains(&track) {
            return Err(ClaimRefused::Used);
        }
        if inner.sealed_tracks.len() >= SEALERS_PER_LIFE_MAX {
            return Err(ClaimRefused::TooMany);
        }
        inner.sealed_tracks.insert(track);
        Ok(())
    }

    // A poisoned lock means a panic elsewhere in between two whole updates; the state is as valid as before.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn expire(&mut self, now: MonotonicMs) {
        if let Some(oldest) = self.epochs.expire(now) {
            self.replay.forget_before(oldest);
        }
    }
}

impl Default for Keyring {
    fn default() -> Self {
        Self::new()
    }
}

// Keys never reach a log.
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("epoch", &self.epoch()).finish_non_exhaustive()
    }
}

impl fmt::Debug for EpochInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EpochInput")
            .field("epoch", &self.epoch)
            .field("own_leaf", &self.own_leaf)
            .field("change", &self.change)
            .finish_non_exhaustive()
    }
}

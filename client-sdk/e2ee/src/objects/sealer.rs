use super::bound::{Bound, SignedMessage};
use super::padding::{Padding, pad};
use super::{OBJECT_OVERHEAD_BYTES_MAX, SIGNATURE_BYTES, SealError, SealerError};
use crate::keyring::{ClaimRefused, Epoch};
use crate::private::PrivateKeys;
use crate::suite::{ObjectKey, TAG_BYTES};
use crate::{Keyring, LeafIndex, MonotonicMs};
use bytes::Bytes;
use ed25519_dalek::{Signer, SigningKey};
use isi_wire::limits::OBJECT_BYTES_MAX;
use isi_wire::{ObjectHeader, SframeHeader, TrackId, TrackKind, VARINT_MAX};
use std::fmt;
use std::sync::Arc;

/// Longest plaintext of one object, in bytes.
const PLAINTEXT_BYTES_MAX: usize = OBJECT_BYTES_MAX - OBJECT_OVERHEAD_BYTES_MAX;

/// Encrypts and signs the objects of one track.
///
/// The only place that counts: the nonce counter within a key, the index within a media group. There is one
/// sealer per track in the life of a group, so keep it across reconnects; it follows the group's epochs by
/// itself and never goes back in them. It is not `Clone`, since two would repeat nonces.
pub struct Sealer {
    keyring: Keyring,
    track: TrackId,
    kind: TrackKind,
    private: Option<PrivateKeys>,
    padding: Padding,
    key: Option<SealingKey>,
    group: Option<u64>,
    next_index: u64,
    header_bytes: Vec<u8>,
    signed: SignedMessage,
}

/// Where an object stands in its track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealMeta {
    /// Media group: the same as before or higher.
    pub group: u64,
    /// Whether a receiver may begin here.
    pub keyframe: bool,
}

/// One epoch's key with its counter: derived once, replaced when the sealer switches.
struct SealingKey {
    epoch: u64,
    group_id: Arc<[u8]>,
    leaf: LeafIndex,
    media_key: Arc<SigningKey>,
    object_key: ObjectKey,
    next_counter: u64,
}

impl Sealer {
    /// A sealer with the group's keys.
    ///
    /// # Errors
    /// [`SealerError::TrackUsed`] when the track had one before: draw another track id.
    pub fn new(keyring: &Keyring, track: TrackId, kind: TrackKind) -> Result<Self, SealerError> {
        Self::claim(keyring, track, kind, None)
    }

    /// A sealer whose objects only the receiver of `keys` opens. Takes the keys, so that nothing else seals
    /// with them.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`SealerError::NotTheSender`] when this member agreed on the keys as receiver.
    pub fn private(
        keyring: &Keyring,
        track: TrackId,
        kind: TrackKind,
        keys: PrivateKeys,
    ) -> Result<Self, SealerError> {
        Self::claim(keyring, track, kind, Some(keys))
    }

    /// How it pads from now on, whatever the [`Keyring`] said when it was made.
    pub const fn set_padding(&mut self, padding: Padding) {
        self.padding = padding;
    }

    /// Seals `plaintext` into one allocation: header, ciphertext, tag, signature.
    ///
    /// The epoch is the newest one, or the one before for [`SWITCH_DELAY_MS`](crate::SWITCH_DELAY_MS) after an
    /// add-only commit; messages switch at once.
    ///
    /// # Errors
    /// Any [`SealError`]; nothing is used up then, and no object leaves.
    pub fn seal(&mut self, now: MonotonicMs, meta: SealMeta, plaintext: &[u8]) -> Result<Bytes, SealError> {
        let max = PLAINTEXT_BYTES_MAX - usize::from(self.padding != Padding::None);
        if plaintext.len() > max {
            return Err(SealError::TooLarge { len: plaintext.len(), max });
        }
        let index = self.index_in(meta.group)?;
        self.follow_epoch(now)?;
        let key = self.key.as_mut().ok_or(SealError::Closed)?;
        let counter = key.next_counter;
        let next_counter = counter.checked_add(1).ok_or(SealError::Exhausted)?;
        let header = ObjectHeader {
            sframe: SframeHeader {
                key_id: SframeHeader::compose_key_id(self.track, key.leaf.0, key.epoch),
                counter,
            },
            kind: self.kind,
            keyframe: meta.keyframe,
            private: self.private.is_some(),
            padded: self.padding != Padding::None,
            group: meta.group,
            index,
        };
        self.header_bytes.clear();
        header.encode(&mut self.header_bytes);
        self.signed.begin(&Bound {
            group_id: &key.group_id,
            epoch: key.epoch,
            leaf: key.leaf,
            track: self.track,
            header: &header,
            header_bytes: &self.header_bytes,
            private: self.private.as_ref().map(PrivateKeys::id),
        });
        // Used up before the key is used, whatever happens next.
        key.next_counter = next_counter;
        let padding = self.padding.bytes(self.header_bytes.len(), plaintext.len());
        let object = key.seal(&self.header_bytes, counter, (plaintext, padding), &mut self.signed)?;
        self.group = Some(meta.group);
        self.next_index = index + 1;
        Ok(object)
    }

    fn claim(
        keyring: &Keyring,
        track: TrackId,
        kind: TrackKind,
        private: Option<PrivateKeys>,
    ) -> Result<Self, SealerError> {
        let own_leaf = keyring.lock().epochs.current().map(|epoch| epoch.own_leaf);
        let own_leaf = own_leaf.ok_or(SealerError::Closed)?;
        if let Some(keys) = private.as_ref().filter(|keys| keys.context().from != own_leaf) {
            return Err(SealerError::NotTheSender(keys.context().from));
        }
        keyring.claim_track((track, private.as_ref().map(|keys| keys.id().agreement))).map_err(
            |refused| match refused {
                ClaimRefused::Used => SealerError::TrackUsed(track),
                ClaimRefused::TooMany => SealerError::TooManyTracks,
            },
        )?;
        Ok(Self {
            keyring: keyring.clone(),
            track,
            kind,
            private,
            padding: keyring.padding(),
            key: None,
            group: None,
            next_index: 0,
            header_bytes: Vec::new(),
            signed: SignedMessage::default(),
        })
    }

    /// The next index in `group`; both are varints on the wire.
    fn index_in(&self, group: u64) -> Result<u64, SealError> {
        if group > VARINT_MAX {
            return Err(SealError::GroupTooLarge(group));
        }
        match self.group {
            Some(current) if group < current => Err(SealError::GroupWentBack { current, asked: group }),
            Some(current) if group == current => {
                Some(self.next_index).filter(|index| *index <= VARINT_MAX).ok_or(SealError::Exhausted)
            }
            Some(_) | None => Ok(0),
        }
    }

    /// Takes the key of the epoch to seal in, unless it is at hand. Never of an older epoch than before, even
    /// if `now` went back: counters begin at 0 with each key, so going back would repeat nonces.
    fn follow_epoch(&mut self, now: MonotonicMs) -> Result<(), SealError> {
        let mut inner = self.keyring.lock();
        inner.expire(now);
        let epoch = inner.epochs.sealing(self.kind, now).ok_or(SealError::Closed)?;
        if let Some(keys) = &self.private {
            check_receiver(keys, epoch)?;
        }
        if self.key.as_ref().is_none_or(|key| key.epoch < epoch.number) {
            self.key = Some(SealingKey::of(epoch, self.track, self.private.as_ref())?);
        }
        Ok(())
    }
}

impl SealingKey {
    fn of(epoch: &Epoch, track: TrackId, private: Option<&PrivateKeys>) -> Result<Self, SealError> {
        let object_key = match private {
            Some(keys) => {
                keys.object_key(track, epoch.own_leaf, epoch.number).ok_or(SealError::PrivateKeyExpired)?
            }
            None => epoch.derive_object_key(epoch.own_leaf, track),
        };
        Ok(Self {
            epoch: epoch.number,
            group_id: Arc::clone(&epoch.group_id),
            leaf: epoch.own_leaf,
            media_key: Arc::clone(&epoch.own_media_key),
            object_key,
            next_counter: 0,
        })
    }

    fn seal(
        &self,
        header_bytes: &[u8],
        counter: u64,
        (plaintext, padding): (&[u8], Option<usize>),
        signed: &mut SignedMessage,
    ) -> Result<Bytes, SealError> {
        let sealed_len = header_bytes.len() + plaintext.len() + padding.unwrap_or(0) + TAG_BYTES;
        let mut object = Vec::with_capacity(sealed_len + SIGNATURE_BYTES);
        object.extend_from_slice(header_bytes);
        object.extend_from_slice(plaintext);
        if let Some(padding) = padding {
            pad(&mut object, padding);
        }
        let data = object.get_mut(header_bytes.len()..).unwrap_or_default();
        let tag = self.object_key.seal_in_place(counter, signed.aad(), data);
        object.extend_from_slice(&tag.ok_or(SealError::Exhausted)?);
        let signature = self.media_key.sign(signed.with_hash_of(&object));
        object.extend_from_slice(&signature.to_bytes());
        Ok(object.into())
    }
}

// Keys never reach a log.
impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("track", &self.track)
            .field("kind", &self.kind)
            .field("private", &self.private.is_some())
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

fn check_receiver(keys: &PrivateKeys, epoch: &Epoch) -> Result<(), SealError> {
    let receiver = keys.context().to;
    if epoch.has_member(receiver) { Ok(()) } else { Err(SealError::ReceiverGone(receiver)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::{EpochInput, EpochSwitch};
    use zeroize::Zeroizing;

    fn sealer() -> Sealer {
        let keyring = Keyring::new();
        let input = EpochInput {
            group_id: b"group".to_vec(),
            epoch: 1,
            base: Zeroizing::new([1; 32]),
            own_leaf: LeafIndex(0),
            own_media_key: SigningKey::from_bytes(&[2; 32]),
            media_keys: Vec::new(),
            change: EpochSwitch::First,
        };
        keyring.install(input, MonotonicMs(0));
        Sealer::new(&keyring, TrackId(1), TrackKind::Screen).unwrap()
    }

    const META: SealMeta = SealMeta { group: 3, keyframe: false };

    #[test]
    fn a_counter_that_has_no_next_value_ends_the_track() {
        let mut sealer = sealer();
        sealer.seal(MonotonicMs(0), META, b"").unwrap();
        sealer.key.as_mut().unwrap().next_counter = u64::MAX - 1;
        sealer.seal(MonotonicMs(0), META, b"").unwrap();
        for _ in 0..2 {
            assert_eq!(sealer.seal(MonotonicMs(0), META, b""), Err(SealError::Exhausted));
        }
    }

    #[test]
    fn an_index_that_fits_no_varint_ends_the_group_not_the_track() {
        let mut sealer = sealer();
        sealer.seal(MonotonicMs(0), META, b"").unwrap();
        sealer.next_index = VARINT_MAX;
        sealer.seal(MonotonicMs(0), META, b"").unwrap();
        assert_eq!(sealer.seal(MonotonicMs(0), META, b""), Err(SealError::Exhausted));
        sealer.seal(MonotonicMs(0), SealMeta { group: 4, keyframe: true }, b"").unwrap();
    }

    #[test]
    fn an_object_is_one_allocation_of_its_own_length() {
        let mut sealer = sealer();
        let object = sealer.seal(MonotonicMs(0), META, &[7; 1000]).unwrap();
        let object = Vec::from(object);
        assert_eq!(object.capacity(), object.len());
    }
}

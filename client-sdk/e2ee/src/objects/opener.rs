use super::bound::{Bound, SignedMessage};
use super::padding::unpad;
use super::replay::Place;
use super::{Mismatch, OpenError, SIGNATURE_BYTES};
use crate::keyring::EpochMiss;
use crate::private::PrivateKeys;
use crate::suite::{ObjectKey, TAG_BYTES, TagMismatch};
use crate::{Keyring, LeafIndex, MonotonicMs};
use bytes::Bytes;
use ed25519_dalek::{Signature, VerifyingKey};
use isi_wire::limits::OBJECT_BYTES_MAX;
use isi_wire::{ObjectHeader, TrackId, TrackKind};
use std::fmt;
use std::sync::Arc;

/// Verifies and decrypts the objects of one member's track.
///
/// What was opened before is remembered in the [`Keyring`], so an opener may be dropped and made anew at any
/// time; drop it when the member is removed, since its leaf may become somebody else's.
pub struct Opener {
    keyring: Keyring,
    sender: LeafIndex,
    track: TrackId,
    kind: TrackKind,
    private: Option<PrivateOpening>,
    signed: SignedMessage,
}

/// What the receiver knows about an object from the way it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The media group of its stream's header, `None` where there is none (datagrams, log).
    pub group: Option<u64>,
    /// Decides which order counts as a replay. The same for all objects of a track.
    pub transport: Transport,
}

/// How a track's objects travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A stream per media group (classes media and input): the index strictly rises within a group, groups
    /// behind [`GROUP_WINDOW`](crate::GROUP_WINDOW) are refused.
    Stream,
    /// Datagrams (class live): any order within [`DATAGRAM_WINDOW`](crate::DATAGRAM_WINDOW) counters.
    Datagram,
    /// The session's log: the counter strictly rises within an epoch.
    Log,
    /// Documents: each index once, any order, at most [`BULK_CHUNKS_MAX`](crate::BULK_CHUNKS_MAX) in a group.
    Bulk,
}

/// An authentic, fresh, decrypted object.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// Its member.
    pub leaf: LeafIndex,
    /// The member's track.
    pub track: TrackId,
    /// What it is.
    pub kind: TrackKind,
    /// The epoch it was sealed in.
    pub epoch: u64,
    /// Whether a receiver may begin here.
    pub keyframe: bool,
    /// Whether only this member could open it.
    pub private: bool,
    /// Its media group.
    pub group: u64,
    /// Its place in that group, from 0; gaps are objects that did not come.
    pub index: u64,
    /// What was sealed, without padding.
    pub plaintext: Vec<u8>,
}

struct PrivateOpening {
    keys: PrivateKeys,
    newest: Option<(u64, Arc<ObjectKey>)>,
}

/// An object in its parts; nothing of it is authentic yet.
struct Parts {
    header: ObjectHeader,
    header_len: usize,
    object: Bytes,
}

/// What the keyring knows about an object's sender.
struct Sender {
    epoch: u64,
    group_id: Arc<[u8]>,
    media_key: VerifyingKey,
}

impl Opener {
    /// An opener for what `sender` seals with the group's keys.
    #[must_use]
    pub fn new(keyring: &Keyring, sender: LeafIndex, track: TrackId, kind: TrackKind) -> Self {
        let keyring = keyring.clone();
        Self { keyring, sender, track, kind, private: None, signed: SignedMessage::default() }
    }

    /// An opener for what the sender of `keys` seals with them.
    #[must_use]
    pub fn private(keyring: &Keyring, track: TrackId, kind: TrackKind, keys: &PrivateKeys) -> Self {
        let private = Some(PrivateOpening { keys: keys.share(), newest: None });
        Self { private, ..Self::new(keyring, keys.context().from, track, kind) }
    }

    /// Opens one object: the format, whose it claims to be, epoch, member, signature, tag, padding, and at last
    /// whether it is new.
    ///
    /// # Errors
    /// Any [`OpenError`]: hold the object on [`OpenError::UnknownEpoch`], else drop it. No error changes
    /// anything, so a forged object never gets in an authentic one's way.
    pub fn open(&mut self, now: MonotonicMs, expected: Expected, object: Bytes) -> Result<Opened, OpenError> {
        let parts = Parts::parse(object)?;
        self.check_claims(&parts.header, expected)?;
        let sender = self.find_sender(now, &parts.header)?;
        self.signed.begin(&Bound {
            group_id: &sender.group_id,
            epoch: sender.epoch,
            leaf: self.sender,
            track: self.track,
            header: &parts.header,
            header_bytes: parts.header_bytes(),
            private: self.private.as_ref().map(|private| private.keys.id()),
        });
        parts.verify(&sender.media_key, self.signed.with_hash_of(parts.sealed()))?;
        let key = self.object_key(now, sender.epoch)?;
        let mut plaintext = key
            .open(parts.header.sframe.counter, self.signed.aad(), parts.ciphertext(), parts.tag())
            .map_err(|TagMismatch| OpenError::BadTag)?;
        if parts.header.padded {
            unpad(&mut plaintext)?;
        }
        self.accept(now, sender.epoch, expected.transport, &parts.header)?;
        Ok(self.opened(sender.epoch, &parts.header, plaintext))
    }

    fn check_claims(&self, header: &ObjectHeader, expected: Expected) -> Result<(), OpenError> {
        let (track, leaf, _) = header.sframe.split_key_id();
        let mismatch = if leaf != self.sender.0 {
            Mismatch::Sender
        } else if track != self.track {
            Mismatch::Track
        } else if header.kind != self.kind {
            Mismatch::Kind
        } else if expected.group.is_some_and(|group| group != header.group) {
            Mismatch::Group
        } else if header.private != self.private.is_some() {
            Mismatch::Privacy
        } else {
            return Ok(());
        };
        Err(OpenError::WrongContext(mismatch))
    }

    fn find_sender(&self, now: MonotonicMs, header: &ObjectHeader) -> Result<Sender, OpenError> {
        let (_, _, epoch_low) = header.sframe.split_key_id();
        let mut inner = self.keyring.lock();
        if inner.is_closed() {
            return Err(OpenError::Closed);
        }
        inner.expire(now);
        let epoch = inner.epochs.find_low(epoch_low, self.kind, now).map_err(|miss| self.missed(miss))?;
        Ok(Sender {
            epoch: epoch.number,
            group_id: Arc::clone(&epoch.group_id),
            media_key: epoch.media_key(self.sender).map_err(|miss| self.missed(miss))?,
        })
    }

    /// The key of an epoch: the group's from the keyring, which drops it with the epoch or the member; that of
    /// a private agreement is kept here, for the newest epoch.
    fn object_key(&mut self, now: MonotonicMs, epoch: u64) -> Result<Arc<ObjectKey>, OpenError> {
        if let Some(private) = &mut self.private {
            return private.object_key(self.track, self.sender, epoch).ok_or(OpenError::PrivateKeyExpired);
        }
        let mut inner = self.keyring.lock();
        let epoch = inner.epochs.find(epoch, self.kind, now).map_err(|miss| self.missed(miss))?;
        if !epoch.has_member(self.sender) {
            return Err(OpenError::NotAMember(self.sender));
        }
        Ok(epoch.object_key(self.sender, self.track))
    }

    /// Accepts the object's place once. The epoch is looked up again: whoever lost it meanwhile has lost its
    /// replay state as well.
    fn accept(
        &self,
        now: MonotonicMs,
        epoch: u64,
        transport: Transport,
        header: &ObjectHeader,
    ) -> Result<(), OpenError> {
        let mut inner = self.keyring.lock();
        let kept = inner.epochs.find(epoch, self.kind, now).map_err(|miss| self.missed(miss))?;
        if !kept.has_member(self.sender) {
            return Err(OpenError::NotAMember(self.sender));
        }
        let agreement = self.private.as_ref().map(|private| private.keys.id().agreement);
        let place = Place { epoch, counter: header.sframe.counter, group: header.group, index: header.index };
        let oldest = inner.epochs.oldest();
        inner.replay.accept(self.sender, (self.track, agreement), transport, place, oldest)
    }

    const fn missed(&self, miss: EpochMiss) -> OpenError {
        match miss {
            EpochMiss::Unknown => OpenError::UnknownEpoch,
            EpochMiss::Old => OpenError::OldEpoch,
            EpochMiss::NotAMember => OpenError::NotAMember(self.sender),
            EpochMiss::BadMediaKey => OpenError::BadMediaKey(self.sender),
        }
    }

    const fn opened(&self, epoch: u64, header: &ObjectHeader, plaintext: Vec<u8>) -> Opened {
        Opened {
            leaf: self.sender,
            track: self.track,
            kind: self.kind,
            epoch,
            keyframe: header.keyframe,
            private: header.private,
            group: header.group,
            index: header.index,
            plaintext,
        }
    }
}

impl PrivateOpening {
    fn object_key(&mut self, track: TrackId, sender: LeafIndex, epoch: u64) -> Option<Arc<ObjectKey>> {
        if let Some((_, key)) = self.newest.as_ref().filter(|(newest, _)| *newest == epoch) {
            return Some(Arc::clone(key));
        }
        let key = Arc::new(self.keys.object_key(track, sender, epoch)?);
        if self.newest.as_ref().is_none_or(|(newest, _)| *newest < epoch) {
            self.newest = Some((epoch, Arc::clone(&key)));
        }
        Some(key)
    }
}

impl Parts {
    fn parse(object: Bytes) -> Result<Self, OpenError> {
        if object.len() > OBJECT_BYTES_MAX {
            return Err(OpenError::TooLarge(object.len()));
        }
        let mut rest = object.clone();
        let header = ObjectHeader::decode(&mut rest)?;
        if rest.len() < TAG_BYTES + SIGNATURE_BYTES {
            return Err(OpenError::Truncated(object.len()));
        }
        Ok(Self { header, header_len: object.len() - rest.len(), object })
    }

    fn verify(&self, media_key: &VerifyingKey, message: &[u8]) -> Result<(), OpenError> {
        let signature = Signature::from_bytes(self.last_bytes(0));
        media_key.verify_strict(message, &signature).map_err(|_| OpenError::BadSignature)
    }

    fn header_bytes(&self) -> &[u8] {
        self.object.get(..self.header_len).unwrap_or_default()
    }

    fn ciphertext(&self) -> &[u8] {
        let end = self.object.len() - SIGNATURE_BYTES - TAG_BYTES;
        self.object.get(self.header_len..end).unwrap_or_default()
    }

    fn tag(&self) -> [u8; TAG_BYTES] {
        *self.last_bytes(SIGNATURE_BYTES)
    }

    /// Header, ciphertext and tag: what the signature's hash covers.
    fn sealed(&self) -> &[u8] {
        self.object.get(..self.object.len() - SIGNATURE_BYTES).unwrap_or_default()
    }

    /// The `N` bytes that end `before_end` bytes before the object does; [`parse`](Self::parse) has checked
    /// that they are there.
    fn last_bytes<const N: usize>(&self, before_end: usize) -> &[u8; N] {
        let end = self.object.len() - before_end;
        self.object.get(..end).and_then(<[u8]>::last_chunk).unwrap_or(&[0; N])
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener")
            .field("sender", &self.sender)
            .field("track", &self.track)
            .field("kind", &self.kind)
            .field("private", &self.private.is_some())
            .finish_non_exhaustive()
    }
}

// Plaintext never reaches a log.
impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("leaf", &self.leaf)
            .field("track", &self.track)
            .field("kind", &self.kind)
            .field("epoch", &self.epoch)
            .field("keyframe", &self.keyframe)
            .field("private", &self.private)
            .field("group", &self.group)
            .field("index", &self.index)
            .field("plaintext_bytes", &self.plaintext.len())
            .finish()
    }
}

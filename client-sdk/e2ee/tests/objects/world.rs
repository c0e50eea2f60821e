//! A group without MLS: fixed keys, every member's keyring, epochs by hand.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use isi_e2ee::{
    EpochInput, EpochSwitch, Expected, Keyring, LeafIndex, MonotonicMs, OpenError, Opened, Opener, SealMeta,
    Sealer, Transport,
};
use isi_wire::{TrackId, TrackKind};
use zeroize::Zeroizing;

pub(crate) const ALICE: LeafIndex = LeafIndex(0);
pub(crate) const BOB: LeafIndex = LeafIndex(1);
pub(crate) const CAROL: LeafIndex = LeafIndex(2);
pub(crate) const TRACK: TrackId = TrackId(7);
pub(crate) const FIRST_EPOCH: u64 = 0x1_0005;
pub(crate) const TRANSPORTS: [Transport; 4] =
    [Transport::Stream, Transport::Datagram, Transport::Log, Transport::Bulk];

pub(crate) const fn at(ms: u64) -> MonotonicMs {
    MonotonicMs(ms)
}

/// Fixed per epoch and leaf: a media key is new with every update path.
pub(crate) fn media_key(epoch: u64, leaf: LeafIndex) -> SigningKey {
    let mut seed = [0x40; 32];
    seed[..8].copy_from_slice(&epoch.to_be_bytes());
    seed[8..10].copy_from_slice(&leaf.0.to_be_bytes());
    SigningKey::from_bytes(&seed)
}

pub(crate) fn base(epoch: u64) -> Zeroizing<[u8; 32]> {
    let mut base = [0x20; 32];
    base[..8].copy_from_slice(&epoch.to_be_bytes());
    Zeroizing::new(base)
}

pub(crate) fn epoch_input(
    epoch: u64,
    own_leaf: LeafIndex,
    members: &[LeafIndex],
    change: EpochSwitch,
) -> EpochInput {
    let media_keys = members.iter().map(|leaf| (*leaf, media_key(epoch, *leaf).verifying_key().to_bytes()));
    EpochInput {
        group_id: b"sixteen byte gid".to_vec(),
        epoch,
        base: base(epoch),
        own_leaf,
        own_media_key: media_key(epoch, own_leaf),
        media_keys: media_keys.collect(),
        change,
    }
}

/// A member's keyring in the first epoch, with Alice, Bob and Carol.
pub(crate) fn keyring(own_leaf: LeafIndex) -> Keyring {
    let keyring = Keyring::new();
    keyring.install(epoch_input(FIRST_EPOCH, own_leaf, &[ALICE, BOB, CAROL], EpochSwitch::First), at(0));
    keyring
}

pub(crate) fn advance(keyring: &Keyring, own: LeafIndex, epoch: u64, change: EpochSwitch, now: MonotonicMs) {
    let members: Vec<_> = match &change {
        EpochSwitch::Remove { removed } => {
            [ALICE, BOB, CAROL].into_iter().filter(|leaf| !removed.contains(leaf)).collect()
        }
        EpochSwitch::First | EpochSwitch::AddOnly | EpochSwitch::Other => vec![ALICE, BOB, CAROL],
    };
    keyring.install(epoch_input(epoch, own, &members, change), now);
}

pub(crate) const fn meta(group: u64) -> SealMeta {
    SealMeta { group, keyframe: false }
}

pub(crate) const fn expect(transport: Transport) -> Expected {
    Expected { group: None, transport }
}

/// Alice's sealer and Bob's opener of one track.
pub(crate) struct Pair {
    pub(crate) alice: Keyring,
    pub(crate) bob: Keyring,
    pub(crate) sealer: Sealer,
    pub(crate) opener: Opener,
    pub(crate) transport: Transport,
}

impl Pair {
    pub(crate) fn new(kind: TrackKind, transport: Transport) -> Self {
        let (alice, bob) = (keyring(ALICE), keyring(BOB));
        let sealer = Sealer::new(&alice, TRACK, kind).unwrap();
        let opener = Opener::new(&bob, ALICE, TRACK, kind);
        Self { alice, bob, sealer, opener, transport }
    }

    pub(crate) fn seal(&mut self, now: u64, group: u64) -> Bytes {
        self.sealer.seal(at(now), meta(group), b"plaintext").unwrap()
    }

    pub(crate) fn open(&mut self, now: u64, object: &Bytes) -> Result<Opened, OpenError> {
        self.opener.open(at(now), expect(self.transport), object.clone())
    }

    /// Opens and says which epoch it was sealed in.
    pub(crate) fn epoch_of(&mut self, now: u64, object: &Bytes) -> Result<u64, OpenError> {
        self.open(now, object).map(|opened| opened.epoch)
    }

    pub(crate) fn advance(&mut self, epoch: u64, change: &EpochSwitch, now: u64) {
        advance(&self.alice, ALICE, epoch, change.clone(), at(now));
        advance(&self.bob, BOB, epoch, change.clone(), at(now));
    }
}

//! Sealed objects with all that made them, as JSON: for the committed vectors and for fresh ones.

use ed25519_dalek::SigningKey;
use isi_e2ee::{
    EpochInput, EpochSwitch, Keyring, LeafIndex, MonotonicMs, Padding, PrivateKeys, SealMeta, Sealer,
};
use isi_wire::{TrackId, TrackKind};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// One sealer's whole run: keys, then objects in order (media group, keyframe, plaintext).
pub(crate) struct Case {
    pub(crate) group_id: Vec<u8>,
    pub(crate) base: [u8; 32],
    pub(crate) media_seed: [u8; 32],
    pub(crate) epoch: u64,
    pub(crate) leaf: u16,
    pub(crate) track: u32,
    pub(crate) kind: TrackKind,
    pub(crate) padded: bool,
    pub(crate) objects: Vec<(u64, bool, Vec<u8>)>,
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A keyring with one epoch; `receiver` is a member beside the owner, for private keys.
pub(crate) fn keyring(
    group_id: &[u8],
    base: [u8; 32],
    media_seed: [u8; 32],
    epoch: u64,
    leaf: LeafIndex,
    receiver: Option<LeafIndex>,
) -> Keyring {
    let keyring = Keyring::new();
    let media_key = SigningKey::from_bytes(&media_seed);
    let public_key = media_key.verifying_key().to_bytes();
    let members = std::iter::once(leaf).chain(receiver);
    let input = EpochInput {
        group_id: group_id.to_vec(),
        epoch,
        base: Zeroizing::new(base),
        own_leaf: leaf,
        media_keys: members.map(|leaf| (leaf, public_key)).collect(),
        own_media_key: media_key,
        change: EpochSwitch::First,
    };
    keyring.install(input, MonotonicMs(0));
    keyring
}

/// Seals the case's objects: with the group's key, or with private keys.
pub(crate) fn written(case: &Case, private: Option<PrivateKeys>) -> Value {
    let leaf = LeafIndex(case.leaf);
    let receiver = private.as_ref().map(|keys| keys.context().to);
    let keyring = keyring(&case.group_id, case.base, case.media_seed, case.epoch, leaf, receiver);
    let mut sealer = match private {
        Some(keys) => Sealer::private(&keyring, TrackId(case.track), case.kind, keys).unwrap(),
        None => Sealer::new(&keyring, TrackId(case.track), case.kind).unwrap(),
    };
    if case.padded {
        sealer.set_padding(Padding::Buckets);
    }
    let objects = case.objects.iter().map(|(group, keyframe, plaintext)| {
        let meta = SealMeta { group: *group, keyframe: *keyframe };
        let object = sealer.seal(MonotonicMs(0), meta, plaintext).unwrap();
        json!({ "group": group, "keyframe": keyframe, "plaintext": hex(plaintext), "object": hex(&object) })
    });
    json!({
        "group_id": hex(&case.group_id),
        "epoch": case.epoch,
        "base": hex(&case.base),
        "leaf": case.leaf,
        "media_secret_key": hex(&case.media_seed),
        "media_public_key": hex(&SigningKey::from_bytes(&case.media_seed).verifying_key().to_bytes()),
        "track": case.track,
        "kind": case.kind as u8,
        "padded": case.padded,
        "objects": objects.collect::<Vec<_>>(),
    })
}

//! Signed heartbeats: who is there, in which epoch, and whom it has heard. By them a relay that withholds, delays or splits is
//! found out.
//!
//! A heartbeat is signed with the leaf signature key and not sealed: members on the two sides of a fork share no object
//! keys, and they are the ones who must understand each other. What it shows to the relay is the epoch, which every object's
//! header shows as well, and hashes. The authenticator itself stays secret.

mod echo;
mod format;
mod trouble;
mod watch;

use crate::group::Group;
use crate::{Invitation, LeafIndex, UnixSeconds};
pub use echo::Echo;
use ed25519_dalek::{Signature, VerifyingKey};
pub use format::{ECHOES_MAX, EXPELS_MAX, HEARTBEAT_FIRST_BYTE, Heartbeat, Vouch};
use format::{ExpelTag, Unsigned, VOUCHES_MAX};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
pub use trouble::{Standing, Trouble, WatchEvent};
pub use watch::{
    BEAT_MS_ACTIVE, BEAT_MS_PASSIVE, BeatAudience, FRESH_MS, MISSING_MS_MAX, Pace, Repeated, SILENCE_MS_MAX,
    View, Watch,
};

const LABEL: &[u8] = b"ISI 1.0 Heartbeat";
const TAG_LABEL: &[u8] = b"ISI heartbeat epoch v1";
const VOUCH_LABEL: &[u8] = b"ISI 1.0 Vouch";
/// How long an organizer's word for another one counts, in seconds. It is given anew all the time.
const VOUCH_SECONDS: u64 = 600;
const EXPEL_LABEL: &[u8] = b"ISI heartbeat expel v1";

/// Names an epoch of one group, and no other that has the same number: a hash of its authenticator.
pub type EpochTag = [u8; 16];

/// Why a heartbeat does not count. Ignore it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeartbeatError {
    /// The bytes are none. Its sender's fault.
    #[error("heartbeat is malformed; the client that made it is at fault")]
    Malformed,
    /// Its sender is not in the group, as far as this member knows.
    #[error("leaf {} is no member: its heartbeat does not count", .0.0)]
    NotAMember(LeafIndex),
    /// The member did not sign it. A forgery.
    #[error("heartbeat is not signed by its member; forged or changed")]
    BadSignature,
    /// An older one, or the same once more.
    #[error("heartbeat of leaf {} was repeated, or came after a newer one", .0.0)]
    Repeated(LeafIndex),
}

/// A heartbeat before it is signed; see [`Watch::beat`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub(crate) sequence: u64,
    pub(crate) nonce: [u8; 8],
    pub(crate) echoes: Vec<Echo>,
    pub(crate) expels: Vec<LeafIndex>,
    pub(crate) vouch_for: Option<LeafIndex>,
    pub(crate) held: Vec<Vouch>,
}

impl Group {
    /// What a [`Watch`] goes by in the current epoch.
    #[must_use]
    pub fn view(&self) -> View {
        View {
            own_leaf: self.own_leaf(),
            epoch: self.epoch(),
            tag: self.epoch_tag(),
            organizers: self.organizer_leaves(),
        }
    }

    /// The organizer whom the invitation names, if it is in the group: a newcomer believes nobody before it has heard this
    /// one's heartbeat. Whoever built the group around a copy of its key package cannot sign that.
    #[must_use]
    pub fn inviter(&self, invitation: &Invitation) -> Option<LeafIndex> {
        self.leaf_by_fingerprint(invitation.root_fingerprint())
    }

    /// Signs a heartbeat of this member in the current epoch.
    #[must_use]
    pub fn sign_heartbeat(&self, draft: &Draft, now: UnixSeconds) -> Vec<u8> {
        let given = draft.vouch_for.and_then(|of| self.vouch(of, now));
        let unsigned = Unsigned {
            leaf: self.own_leaf(),
            epoch: self.epoch(),
            tag: self.epoch_tag(),
            sequence: draft.sequence,
            nonce: draft.nonce,
            echoes: draft.echoes.clone(),
            vouches: given.into_iter().chain(draft.held.iter().cloned()).take(VOUCHES_MAX).collect(),
            expels: draft.expels.iter().take(EXPELS_MAX).map(|leaf| self.expel_tag(*leaf)).collect(),
        };
        let body = unsigned.encode();
        let signature = self.sign_as_member(&self.heartbeat_message(&body));
        [&body[..], &signature].concat()
    }

    /// Verifies a heartbeat. Of whatever epoch it is, and on whatever side of a fork: leaf signature keys are the same. Only
    /// the vouches are verified and kept that [`wants`](Watch::wants) says.
    ///
    /// # Errors
    /// [`HeartbeatError`]: ignore it.
    pub fn read_heartbeat(
        &self,
        bytes: &[u8],
        wants: impl Fn(&Vouch) -> bool,
        now: UnixSeconds,
    ) -> Result<Heartbeat, HeartbeatError> {
        let (body, signature) = bytes.split_last_chunk().ok_or(HeartbeatError::Malformed)?;
        let unsigned = Unsigned::decode(body).map_err(|_| HeartbeatError::Malformed)?;
        let key = self.leaf_key(unsigned.leaf).ok_or(HeartbeatError::NotAMember(unsigned.leaf))?;
        VerifyingKey::from_bytes(&key)
            .and_then(|key| {
                key.verify_strict(&self.heartbeat_message(body), &Signature::from_bytes(signature))
            })
            .map_err(|_| HeartbeatError::BadSignature)?;
        let expels = self.expelled_by(&unsigned);
        let Unsigned { leaf, epoch, tag, sequence, echoes, mut vouches, .. } = unsigned;
        vouches.retain(|vouch| wants(vouch) && self.verifies(vouch, now));
        Ok(Heartbeat { leaf, epoch, tag, sequence, echoes, expels, vouches, echo: Echo::of(bytes) })
    }

    fn vouch(&self, of: LeafIndex, now: UnixSeconds) -> Option<Vouch> {
        let until = UnixSeconds(now.0.saturating_add(VOUCH_SECONDS));
        let signature = self.sign_as_member(&self.vouch_message(of, until)?);
        Some(Vouch { by: self.own_leaf(), of, until, signature })
    }

    fn verifies(&self, vouch: &Vouch, now: UnixSeconds) -> bool {
        let key = self.leaf_key(vouch.by).and_then(|key| VerifyingKey::from_bytes(&key).ok());
        let message = self.vouch_message(vouch.of, vouch.until);
        let verified = key.zip(message).map(|(key, message)| {
            key.verify_strict(&message, &Signature::from_bytes(&vouch.signature)).is_ok()
        });
        now <= vouch.until && verified == Some(true)
    }

    /// By its key: whoever has the leaf later is not meant.
    fn vouch_message(&self, of: LeafIndex, until: UnixSeconds) -> Option<Vec<u8>> {
        let mut message = VOUCH_LABEL.to_vec();
        crate::encoding::put_bytes(&mut message, self.group_id());
        message.extend_from_slice(&self.leaf_key(of)?);
        message.extend_from_slice(&until.0.to_be_bytes());
        Some(message)
    }

    fn heartbeat_message(&self, body: &[u8]) -> Vec<u8> {
        let mut message = LABEL.to_vec();
        crate::encoding::put_bytes(&mut message, self.group_id());
        message.extend_from_slice(body);
        message
    }

    fn epoch_tag(&self) -> EpochTag {
        let hash = Sha256::new().chain_update(TAG_LABEL).chain_update(self.authenticator()).finalize();
        let mut tag = EpochTag::default();
        tag.copy_from_slice(hash.get(..16).unwrap_or_default());
        tag
    }

    /// Says to members of this epoch, and to nobody else, which leaf is meant.
    fn expel_tag(&self, leaf: LeafIndex) -> ExpelTag {
        // An HMAC takes a key of any length.
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(self.authenticator()) else {
            return ExpelTag::default();
        };
        let hash = mac.chain_update(EXPEL_LABEL).chain_update(leaf.0.to_be_bytes()).finalize().into_bytes();
        let mut tag = ExpelTag::default();
        tag.copy_from_slice(hash.get(..8).unwrap_or_default());
        tag
    }

    /// Whom an organizer wants out. Only members of the same epoch can tell.
    fn expelled_by(&self, beat: &Unsigned) -> Vec<LeafIndex> {
        if beat.expels.is_empty() || beat.tag != self.epoch_tag() {
            return Vec::new();
        }
        self.leaves().filter(|leaf| beat.expels.contains(&self.expel_tag(*leaf))).collect()
    }
}

use crate::LeafIndex;
use isi_wire::{DecodeError, TrackId};

/// Why a track gets no [`Sealer`](crate::Sealer). Always the caller's mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealerError {
    /// The track had a sealer already in this life of the group; two would repeat nonces.
    #[error("track {} already had a sealer: draw a new track id", .0.0)]
    TrackUsed(TrackId),
    /// [`SEALERS_PER_LIFE_MAX`](crate::SEALERS_PER_LIFE_MAX) tracks had one.
    #[error("this member has used up its tracks: join again")]
    TooManyTracks,
    /// There is no epoch to seal in.
    #[error("the group has no keys: it was left, or not joined yet")]
    Closed,
    /// The private keys were agreed for another sender.
    #[error("these private keys belong to leaf {}: open with them, don't seal", .0.0)]
    NotTheSender(LeafIndex),
}

/// Why an object was not sealed. The caller's mistake, or the group moved on. Nothing was used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// One was removed or has left.
    #[error("the group's keys are wiped: this member left or was removed")]
    Closed,
    /// The plaintext is too long for one object.
    #[error("{len} bytes of plaintext, at most {max} fit an object: split it")]
    TooLarge {
        /// Bytes given.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// A sealer never goes back in media groups.
    #[error("media group {asked} comes after {current}: groups only rise")]
    GroupWentBack {
        /// The newest group sealed in.
        current: u64,
        /// The group asked for.
        asked: u64,
    },
    /// Group numbers are varints.
    #[error("media group {0} is above 2^62 - 1")]
    GroupTooLarge(u64),
    /// Counter or index has no next value.
    #[error("the track has used up its counters: begin a new track")]
    Exhausted,
    /// The private keys are from an epoch too far back.
    #[error("the private keys are too old: agree on new ones")]
    PrivateKeyExpired,
    /// The private keys' receiver is not in the group any more.
    #[error("leaf {} is no member any more: end the private conversation or lease", .0.0)]
    ReceiverGone(LeafIndex),
}

/// Which part of an object is not what the receiver asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// It claims another sender.
    Sender,
    /// It claims another track.
    Track,
    /// It claims another kind.
    Kind,
    /// It claims another media group than the stream it came on.
    Group,
    /// It is private where the group's keys are expected, or the other way round.
    Privacy,
}

/// Why an object was not opened. Drop the object and go on, unless the variant says otherwise.
///
/// Up to [`BadSignature`](Self::BadSignature) nothing of the object is authentic, so the fault may be the
/// relay's as well as the sender's; later variants are certainly the sender's fault, except for replays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The header is no header. Relay or sender.
    #[error("object header: {0}; the sender or the relay broke it")]
    Malformed(#[from] DecodeError),
    /// No room for tag and signature behind the header. Relay or sender.
    #[error("object of {0} bytes ends before tag and signature; the sender or the relay cut it")]
    Truncated(usize),
    /// Longer than any object may be. Relay or sender.
    #[error("object of {0} bytes is longer than an object may be; the sender or the relay is at fault")]
    TooLarge(usize),
    /// Not what the receiver asked for: the relay mixed up tracks, or the caller asked wrongly.
    #[error("object belongs elsewhere ({0:?}); the relay misrouted it or the caller asked for another")]
    WrongContext(Mismatch),
    /// Sealed in an epoch that this member has not entered yet. Nobody's fault: hold it up to 1 s and 256 KiB
    /// per sender, then try again.
    #[error("object of an epoch not entered yet: hold it and try again after the next commit")]
    UnknownEpoch,
    /// Sealed in an epoch whose grace is over. The relay or the network delayed it.
    #[error("object of an epoch that is over; it was delayed too long")]
    OldEpoch,
    /// Nobody has that leaf in the object's epoch, or its member was removed since.
    #[error("leaf {} is no member any more; drop what it sends", .0.0)]
    NotAMember(LeafIndex),
    /// The member published a media key that is none. Its fault.
    #[error("the media key of leaf {} is no Ed25519 key; its client is at fault", .0.0)]
    BadMediaKey(LeafIndex),
    /// The member did not sign this. The relay changed it, or another member forged it.
    #[error("object is not signed by its member; changed on the way or forged by another member")]
    BadSignature,
    /// Signed by the member, but not sealed with these keys. The sender's fault, or the wrong private keys.
    #[error("object does not decrypt though its signature is right; its sender used another key")]
    BadTag,
    /// The header says that it is padded, but the plaintext does not end like that. The sender's fault.
    #[error("object says that it is padded and is not; its sender is at fault")]
    BadPadding,
    /// Opened before, or at a place already passed. The relay or the network repeated it.
    #[error("object was opened already, or its place in the order is passed; repeated on the way")]
    Replayed,
    /// Too far behind what was opened to tell whether it is new. Normal for very late groups and datagrams.
    #[error("object is too far behind the newest one; too late")]
    BehindWindow,
    /// The track's objects came on another transport before. The relay's fault: it tried to repeat one.
    #[error("the track's objects travel on another transport; the relay moved one")]
    WrongTransport,
    /// A bulk group has more chunks than the bitmap holds. The sender's fault.
    #[error("bulk chunk {0} is above its bound; the sender must begin another group")]
    TooManyChunks(u64),
    /// The member has authentic objects on too many tracks at once. Its fault.
    #[error("leaf {} uses too many tracks at once; its client is at fault", .0.0)]
    TooManyTracks(LeafIndex),
    /// The private keys are from an epoch too far away from the object's.
    #[error("the private keys are too old for this object: agree on new ones")]
    PrivateKeyExpired,
    /// One was removed or has left. Nobody's fault.
    #[error("the group's keys are wiped: this member left or was removed")]
    Closed,
}

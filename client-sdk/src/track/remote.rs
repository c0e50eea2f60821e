use crate::MemberId;
use isi_wire::{DeliveryClass, TrackAlias, TrackId, TrackKind};

/// A track that another member offers. That it is that member's is the relay's claim until its objects are opened:
/// they open with that member's keys only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RemoteTrack {
    pub(crate) alias: TrackAlias,
    pub(crate) member: MemberId,
    pub(crate) track: TrackId,
    pub(crate) kind: TrackKind,
    pub(crate) class: DeliveryClass,
}

impl RemoteTrack {
    /// Whether it is the same track, whatever the relay calls it: by another connection it has another alias.
    pub(crate) fn is_same(&self, other: Self) -> bool {
        (self.member, self.track, self.kind) == (other.member, other.track, other.kind)
    }

    /// Whose it is.
    #[must_use]
    pub const fn member(&self) -> MemberId {
        self.member
    }

    /// What it carries.
    #[must_use]
    pub const fn kind(&self) -> TrackKind {
        self.kind
    }

    /// How it is delivered.
    #[must_use]
    pub const fn class(&self) -> DeliveryClass {
        self.class
    }
}

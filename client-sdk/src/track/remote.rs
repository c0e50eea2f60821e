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

use crate::arena::Key;
use crate::buffer::SharedBuffer;
use crate::participant::Participant;
use crate::track::Lane;
use bytes::Bytes;
use isi_wire::{DeliveryClass, ResetCode, TrackAlias};

/// A group on its way in, held once for all its receivers.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) alias: TrackAlias,
    pub(crate) class: DeliveryClass,
    pub(crate) number: u64,
    pub(crate) publisher: Key<Participant>,
    /// Stream type and header as they came; they go out unchanged.
    pub(crate) header: Bytes,
    pub(crate) buffer: SharedBuffer,
    /// Whoever took the track when the group began. Nobody joins later.
    pub(crate) egresses: Vec<Key<Egress>>,
    pub(crate) state: GroupState,
    /// Whether a chunk was handed back and its ingress waits for a wake.
    pub(crate) waiting: bool,
    /// Whether the timer of the oldest chunk runs.
    pub(crate) timed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupState {
    /// More chunks may come.
    Open,
    /// Whole; goes when the last receiver has it.
    Finished,
    /// Ended by the relay; waits for its ingress to be told.
    Stopped(ResetCode),
}

/// One receiver's cursor into a group. It ends by Finish or Reset, once; before Open was written it just goes.
#[derive(Debug)]
pub(crate) struct Egress {
    pub(crate) group: Key<Group>,
    pub(crate) lane: Key<Lane>,
    pub(crate) opened: bool,
    /// Number of the chunk it reads next.
    pub(crate) cursor: u64,
    /// Bytes of that chunk already read, when the room was smaller than the chunk.
    pub(crate) within: usize,
    /// Bytes of all chunks already passed.
    pub(crate) passed: u64,
}

impl Egress {
    pub(crate) const fn new(group: Key<Group>, lane: Key<Lane>) -> Self {
        Self { group, lane, opened: false, cursor: 0, within: 0, passed: 0 }
    }

    /// Bytes the relay still holds for this receiver, counted in whole chunks.
    pub(crate) fn backlog(&self, group: &Group) -> usize {
        usize::try_from(group.buffer.pushed() - self.passed).unwrap_or(usize::MAX)
    }
}

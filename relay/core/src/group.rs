use crate::Timestamp;
use crate::admit::Door;
use crate::arena::Key;
use crate::buffer::{Cursor, SharedBuffer};
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
    pub(crate) began: Timestamp,
    /// Stream type and header as they came; they go out unchanged.
    pub(crate) header: Bytes,
    pub(crate) buffer: SharedBuffer,
    /// Whoever took the track when the group began, each at its [`slot`](Egress::slot). Nobody joins later.
    pub(crate) egresses: Vec<Key<Egress>>,
    pub(crate) state: GroupState,
    /// What its ingress waits for, if chunks were left.
    pub(crate) waiting: Option<Door>,
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
    /// Where it stands in the group's list, so that it is taken out without a search.
    pub(crate) slot: usize,
    /// Whether its beginning was written. Those of a lane open in order.
    pub(crate) opened: bool,
    /// The shell says that the stream, which was opened, takes nothing now.
    pub(crate) held: bool,
    pub(crate) cursor: Cursor,
    /// Bytes of all chunks already passed.
    pub(crate) passed: u64,
}

impl Egress {
    pub(crate) const fn new(group: Key<Group>, lane: Key<Lane>, slot: usize, cursor: Cursor) -> Self {
        Self { group, lane, slot, opened: false, held: false, cursor, passed: 0 }
    }

    /// Whether there is something to write to its stream now. What is held still gets its end.
    pub(crate) fn has_next(&self, group: &Group) -> bool {
        match group.buffer.is_at_end(self.cursor) {
            true => !self.opened || group.state == GroupState::Finished,
            false => !self.held,
        }
    }

    /// Bytes the relay still holds for this receiver, counted in whole chunks.
    pub(crate) fn backlog(&self, group: &Group) -> usize {
        usize::try_from(group.buffer.pushed() - self.passed).unwrap_or(usize::MAX)
    }
}

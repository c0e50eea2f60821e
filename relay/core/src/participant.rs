use crate::arena::Key;
use crate::group::Group;
use crate::log_queue::LogQueue;
use crate::pace::Bucket;
use crate::report::Path;
use crate::track::Lane;
use crate::{EgressId, Grants, IngressId, SubjectId};
use isi_wire::{CloseCode, DeliveryClass, ParticipantId, RelayMessage, ResetCode, TrackAlias, TrackId};
use std::collections::{BTreeMap, VecDeque};

/// One connection in the session.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) id: ParticipantId,
    pub(crate) subject: SubjectId,
    pub(crate) grants: Grants,
    /// Set once the relay wants it gone; then nothing but `Close` is written.
    pub(crate) closing: Option<Closing>,
    /// Whether the others were told that it is gone.
    pub(crate) departed: bool,
    /// Whether its writer owes us a look, so needs no further wake.
    pub(crate) awake: bool,
    pub(crate) tracks: BTreeMap<TrackId, TrackAlias>,
    pub(crate) lanes: BTreeMap<TrackAlias, Key<Lane>>,
    pub(crate) outbox: Outbox,
    pub(crate) log: LogQueue,
    /// Bytes of its tracks that are in memory; see
    /// [`resident_bytes_per_publisher_max`](crate::SessionLimits::resident_bytes_per_publisher_max).
    pub(crate) held_bytes: usize,
    /// Bytes of groups that wait for it; see
    /// [`waiting_bytes_per_receiver_max`](crate::SessionLimits::waiting_bytes_per_receiver_max).
    pub(crate) waiting_bytes: usize,
    /// Bulk groups that wait until it holds less, or less waits for it. At most one per group.
    pub(crate) starved: Vec<Key<Group>>,
    /// What was measured of its path; `None` until then.
    pub(crate) path: Option<Path>,
    /// Bytes it may send, if its token says how many.
    pub(crate) pace: Option<Bucket>,
    /// Tracks it may announce: each costs a message to everybody.
    pub(crate) announcements: Bucket,
    /// Commits it may append without being an organizer.
    pub(crate) commits: Bucket,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Closing {
    pub(crate) code: CloseCode,
    pub(crate) told: bool,
}

/// What waits for one participant's writer, beside its log.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Ends of streams. At most one per open stream.
    pub(crate) ends: VecDeque<StreamEnd>,
    /// At most [`control_messages_max`](crate::SessionLimits::control_messages_max).
    pub(crate) control: VecDeque<RelayMessage>,
    /// Lanes with dropped objects that were not told yet.
    pub(crate) notices: VecDeque<Key<Lane>>,
    input: VecDeque<Key<Lane>>,
    live: VecDeque<Key<Lane>>,
    media: VecDeque<Key<Lane>>,
    bulk: VecDeque<Key<Lane>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    Reset(EgressId, ResetCode),
    StopIngress(IngressId, ResetCode),
}

impl Outbox {
    /// Lanes of a class that have something to write; the front one is next, so that tracks take turns.
    pub(crate) const fn lanes(&mut self, class: DeliveryClass) -> &mut VecDeque<Key<Lane>> {
        match class {
            // The log has no lanes; a track of class log carries nothing itself.
            DeliveryClass::Input | DeliveryClass::Log => &mut self.input,
            DeliveryClass::Live => &mut self.live,
            DeliveryClass::Media => &mut self.media,
            DeliveryClass::Bulk => &mut self.bulk,
        }
    }
}

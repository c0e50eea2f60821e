use super::membership::Change;
use crate::command::Reply;
use crate::error::{DriveError, PublishError, RequestError, SubscribeError};
use crate::inbox::Inbox;
use crate::lease::LeaseId;
use crate::limits::REQUESTS_PENDING_MAX;
use crate::track::{OwnTrack, TrackState};
use crate::transport::IncomingGroup;
use bytes::Bytes;
use isi_e2ee::Sealer;
use isi_wire::{RequestId, TrackAlias, TrackId, TrackKind};
use std::collections::HashMap;
use std::sync::Arc;

/// What happens when a simple request is done or refused.
pub(super) type OnDone = Box<dyn FnOnce(Result<(), RequestError>) + Send>;

/// Requests that the relay has not answered, at most [`REQUESTS_PENDING_MAX`].
#[derive(Default)]
pub(super) struct Requests {
    next: u32,
    pending: HashMap<RequestId, Pending>,
}

/// A request that waits for its answer.
pub(super) enum Pending {
    /// Answered by `Done`, `Appended` or `Refused`.
    Simple(OnDone),
    /// Answered by `Published`.
    Publish(Box<Publishing>),
    /// Answered by `Done`.
    Subscribe(TrackAlias, Subscribing),
    /// A commit: answered by `Appended`, and done when it comes back in the log.
    Commit(Change),
    /// An entry of the session record: as a commit.
    Record,
}

pub(super) struct Publishing {
    pub(super) track: TrackId,
    pub(super) kind: TrackKind,
    pub(super) sealer: Sealer,
    pub(super) state: Arc<TrackState>,
    pub(super) then: PublishThen,
}

pub(super) enum PublishThen {
    Track(Reply<OwnTrack, PublishError>),
    Drive(LeaseId, Reply<(TrackId, OwnTrack), DriveError>),
    Ticks(LeaseId),
}

pub(super) enum Subscribing {
    Groups(Inbox<IncomingGroup>, Reply<Inbox<IncomingGroup>, SubscribeError>),
    Datagrams(Inbox<Bytes>, Reply<Inbox<Bytes>, SubscribeError>),
}

impl Requests {
    pub(super) fn is_full(&self) -> bool {
        self.pending.len() >= REQUESTS_PENDING_MAX
    }

    pub(super) fn add(&mut self, pending: Pending) -> RequestId {
        loop {
            let id = RequestId(self.next);
            self.next = self.next.wrapping_add(1);
            if let std::collections::hash_map::Entry::Vacant(place) = self.pending.entry(id) {
                place.insert(pending);
                return id;
            }
        }
    }

    /// Commits that the relay has not answered.
    pub(super) fn commits(&self) -> impl Iterator<Item = &Change> {
        self.pending.values().filter_map(|pending| match pending {
            Pending::Commit(change) => Some(change),
            _ => None,
        })
    }

    /// `None` for an answer that nobody waits for: the relay's mistake.
    pub(super) fn take(&mut self, id: RequestId) -> Option<Pending> {
        self.pending.remove(&id)
    }
}

/// Passes the answer on to the caller, who may be gone.
pub(super) fn answer<E: From<RequestError> + Send + 'static>(reply: Reply<(), E>) -> OnDone {
    Box::new(move |result| drop(reply.send(result.map_err(E::from))))
}

/// For requests that nobody waits for.
pub(super) fn nobody() -> OnDone {
    Box::new(|_| ())
}

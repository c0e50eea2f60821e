use super::membership::Change;
use crate::command::Reply;
use crate::error::{DriveError, PublishError, RequestError, SubscribeError};
use crate::inbox::Inbox;
use crate::lease::LeaseId;
use crate::limits::{OUTGOING_BYTES_MAX, REQUESTS_PENDING_MAX};
use crate::track::{OwnTrack, TrackState};
use crate::transport::IncomingGroup;
use bytes::Bytes;
use isi_e2ee::Sealer;
use isi_wire::{Audience, EntryKind, RequestId, TrackAlias, TrackId, TrackKind};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What happens when a simple request is done or refused.
pub(super) type OnDone = Box<dyn FnOnce(Result<(), RequestError>) + Send>;

/// Requests that the relay has not answered, at most [`REQUESTS_PENDING_MAX`].
#[derive(Default)]
pub(super) struct Requests {
    next: u32,
    pending: BTreeMap<RequestId, Pending>,
    /// Of items of the log, which are kept until they are answered. At most [`OUTGOING_BYTES_MAX`] and one item.
    bytes: usize,
}

/// A request that waits for its answer.
pub(super) enum Pending {
    /// Answered by `Done`, `Appended` or `Refused`.
    Simple(OnDone),
    /// Answered by `Published`.
    Publish(Box<Publishing>),
    /// Answered by `Done`.
    Subscribe(TrackAlias, Subscribing),
    /// A track of before, by another connection: answered by `Published`.
    Republish(TrackId),
    /// A receiver of before: answered by `Done`.
    Resubscribe(TrackAlias),
    /// An item of the log that is sent again if the connection is lost: answered by `Appended`.
    Append(Append),
    /// Marks the log's place where this connection began: answered by `Appended`.
    Mark,
    /// A fresh token: answered by `Done`.
    Refresh(String, OnDone),
    /// A commit: answered by `Appended`, and done when it comes back in the log.
    Commit(Change),
    /// An entry of the session record: as a commit.
    Record,
}

/// An item of the log, as it was sent. Sealed objects are never sealed anew: whoever has read one refuses it then.
pub(super) struct Append {
    pub(super) kind: EntryKind,
    pub(super) audience: Audience,
    pub(super) payload: Bytes,
    pub(super) on_done: OnDone,
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
    Drive(LeaseId, Reply<OwnTrack, DriveError>),
    Ticks(LeaseId),
}

pub(super) enum Subscribing {
    Groups(Inbox<IncomingGroup>, Reply<Inbox<IncomingGroup>, SubscribeError>),
    Datagrams(Inbox<Bytes>, Reply<Inbox<Bytes>, SubscribeError>),
}

impl Requests {
    pub(super) fn is_full(&self) -> bool {
        self.pending.len() >= REQUESTS_PENDING_MAX || self.bytes >= OUTGOING_BYTES_MAX
    }

    pub(super) fn add(&mut self, pending: Pending) -> RequestId {
        loop {
            let id = RequestId(self.next);
            self.next = self.next.wrapping_add(1);
            if let std::collections::btree_map::Entry::Vacant(place) = self.pending.entry(id) {
                self.bytes += pending.bytes();
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
        let pending = self.pending.remove(&id)?;
        self.bytes -= pending.bytes();
        Some(pending)
    }

    /// The connection is lost: none of them is answered any more. In the order in which they were made.
    pub(super) fn take_all(&mut self) -> Vec<Pending> {
        self.bytes = 0;
        let mut pending = std::mem::take(&mut self.pending);
        // Ids wrap: the newest are below `next`, older ones above.
        let older = pending.split_off(&RequestId(self.next));
        older.into_values().chain(pending.into_values()).collect()
    }
}

impl Pending {
    fn bytes(&self) -> usize {
        if let Self::Append(append) = self { append.payload.len() } else { 0 }
    }
}

impl PublishThen {
    /// Whether the track is wanted by another connection as well: a lease is over then.
    pub(super) const fn survives(&self) -> bool {
        matches!(self, Self::Track(_))
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

use crate::clock::Clock;
use crate::room::{NotEntered, Room, Seat};
use crate::stats::NodeStats;
use crate::workers::Workers;
use isi_relay_core::{JoinParams, JoinRefused, Session, SessionLimits, SessionStats};
use isi_wire::{Incarnation, Joined, LeaveReason, SessionId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The node's sessions, at most `sessions_max`. One begins with its first join, on a worker that it never leaves, and ends
/// `linger` after it was left empty.
#[derive(Debug)]
pub(crate) struct Sessions {
    registry: Mutex<Registry>,
    clock: Clock,
    workers: Workers,
    limits: SessionLimits,
    sessions_max: usize,
    linger: Duration,
}

#[derive(Debug, Default)]
struct Registry {
    by_id: HashMap<SessionId, Arc<Room>>,
    /// What sessions that have ended had counted.
    ended: SessionStats,
}

/// Why nobody was let in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnterError {
    /// Every session that the node may hold exists: another node has to take this one.
    #[error("the node holds as many sessions as it may")]
    NodeFull,
    /// The session said no.
    #[error(transparent)]
    Refused(#[from] JoinRefused),
    /// The system gave no random bytes for a new session's incarnation.
    #[error("no random bytes")]
    NoRandomness,
}

impl Sessions {
    pub(crate) fn new(
        clock: Clock,
        workers: Workers,
        limits: SessionLimits,
        sessions_max: usize,
        linger: Duration,
    ) -> Arc<Self> {
        Arc::new(Self { registry: Mutex::default(), clock, workers, limits, sessions_max, linger })
    }

    /// Takes a seat in the session, which begins here if there is none.
    ///
    /// # Errors
    /// [`EnterError`]: nobody was told.
    pub(crate) fn enter(
        self: &Arc<Self>,
        id: SessionId,
        join: &JoinParams,
    ) -> Result<(Seat, Joined), EnterError> {
        loop {
            // Entered without the registry's lock: a large session has many to tell of the newcomer.
            match self.find_or_begin(id)?.enter(join.clone()) {
                Ok(entered) => return Ok(entered),
                Err(NotEntered::Refused(refused)) => return Err(refused.into()),
                // It ended after it was found, and is off the registry.
                Err(NotEntered::Ended) => {}
            }
        }
    }

    /// Gives the seat up. The session ends when it was the last one, at once or after the time it may linger.
    pub(crate) fn leave(&self, id: SessionId, seat: &Seat, reason: LeaveReason) {
        seat.leave(reason);
        if self.linger.is_zero() {
            self.remove_if_empty(id);
        }
    }

    /// Ends the session if nobody was in it for as long as it may linger.
    pub(crate) fn remove_if_empty(&self, id: SessionId) {
        let mut registry = self.lock();
        if let Some(room) = registry.by_id.get(&id).filter(|room| room.end_if_empty()) {
            let counted = room.stats();
            registry.by_id.remove(&id);
            registry.ended.add_counted(&counted);
        }
    }

    /// Fills in what sessions hold and have counted.
    pub(crate) fn report(&self, stats: &mut NodeStats) {
        let registry = self.lock();
        stats.sessions = registry.by_id.len() as u64;
        stats.session_totals = registry.ended;
        for room in registry.by_id.values() {
            let session = room.stats();
            stats.session_totals.add_held(&session);
            stats.session_totals.add_counted(&session);
        }
    }

    fn find_or_begin(self: &Arc<Self>, id: SessionId) -> Result<Arc<Room>, EnterError> {
        let by_id = &mut self.lock().by_id;
        if let Some(room) = by_id.get(&id) {
            return Ok(Arc::clone(room));
        }
        if by_id.len() >= self.sessions_max {
            return Err(EnterError::NodeFull);
        }
        let session = Session::new(random_incarnation()?, self.limits);
        let room = Room::new(self.clock, session, self.workers.for_session(), self.linger);
        room.start(id, Arc::downgrade(self));
        by_id.insert(id, Arc::clone(&room));
        Ok(room)
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        // A panic elsewhere must not end every other session; the map itself is never left half changed.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn random_incarnation() -> Result<Incarnation, EnterError> {
    crate::random::bytes().map(Incarnation).ok_or(EnterError::NoRandomness)
}

use crate::clock::Clock;
use crate::room::{Room, Seat};
use crate::stats::{NodeStats, add_counted, add_held};
use isi_relay_core::{JoinParams, JoinRefused, SessionLimits, SessionStats};
use isi_wire::{Incarnation, Joined, LeaveReason, SessionId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The node's sessions, at most `sessions_max`. One begins with its first join and ends `linger` after it was left empty.
#[derive(Debug)]
pub(crate) struct Sessions {
    registry: Mutex<Registry>,
    clock: Clock,
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
        limits: SessionLimits,
        sessions_max: usize,
        linger: Duration,
    ) -> Arc<Self> {
        Arc::new(Self { registry: Mutex::default(), clock, limits, sessions_max, linger })
    }

    /// Takes a seat in the session, which begins here if nobody is in it.
    ///
    /// # Errors
    /// [`EnterError`]; nothing changed.
    pub(crate) fn enter(
        self: &Arc<Self>,
        id: SessionId,
        join: JoinParams,
    ) -> Result<(Seat, Joined), EnterError> {
        let by_id = &mut self.lock().by_id;
        // Entered under the registry's lock, so that no session is removed between being found and being entered.
        if let Some(room) = by_id.get(&id) {
            return Ok(room.enter(join)?);
        }
        if by_id.len() >= self.sessions_max {
            return Err(EnterError::NodeFull);
        }
        let room = Room::new(self.clock, self.limits, random_incarnation()?);
        let entered = room.enter(join)?;
        room.start();
        by_id.insert(id, room);
        Ok(entered)
    }

    /// Gives the seat up. The session ends when it was the last one, at once or after the time it may linger.
    pub(crate) fn leave(self: &Arc<Self>, id: SessionId, seat: &Seat, reason: LeaveReason) {
        seat.leave(reason);
        if self.linger.is_zero() {
            return self.remove_if_empty(id);
        }
        let sessions = Arc::downgrade(self);
        let linger = self.linger;
        tokio::spawn(async move {
            tokio::time::sleep(linger).await;
            if let Some(sessions) = sessions.upgrade() {
                sessions.remove_if_empty(id);
            }
        });
    }

    /// Fills in what sessions hold and have counted.
    pub(crate) fn report(&self, stats: &mut NodeStats) {
        let registry = self.lock();
        stats.sessions = registry.by_id.len() as u64;
        stats.session_totals = registry.ended;
        for room in registry.by_id.values() {
            let session = room.stats();
            add_held(&mut stats.session_totals, &session);
            add_counted(&mut stats.session_totals, &session);
        }
    }

    fn remove_if_empty(&self, id: SessionId) {
        let mut registry = self.lock();
        if let Some(room) = registry.by_id.remove(&id) {
            match room.end_if_empty(self.linger) {
                true => add_counted(&mut registry.ended, &room.stats()),
                false => drop(registry.by_id.insert(id, room)),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        // A panic elsewhere must not end every other session; the map itself is never left half changed.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn random_incarnation() -> Result<Incarnation, EnterError> {
    crate::random::bytes().map(Incarnation).ok_or(EnterError::NoRandomness)
}

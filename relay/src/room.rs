//! One session with the tasks that wait for it, all on one worker. Whoever works on the core's state machine wakes, before
//! letting go of it, the tasks that it names.

use crate::clock::Clock;
use crate::sessions::Sessions;
use crate::workers::{Urgency, Worker};
use bytes::Bytes;
use isi_relay_core::{
    EgressId, GroupRefused, IngressId, JoinParams, JoinRefused, PushOutcome, Session, SessionStats,
    Timestamp, Wake, Write, WriteRoom,
};
use isi_wire::{DeliveryClass, GroupHeader, Joined, LeaveReason, ParticipantId, ResetCode, SessionId};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// A session that lives on this node.
#[derive(Debug)]
pub(crate) struct Room {
    clock: Clock,
    worker: Arc<Worker>,
    linger_us: u64,
    state: Mutex<State>,
    /// Told when the earliest deadline came closer, or the session ended.
    timer: Notify,
}

#[derive(Debug)]
struct State {
    session: Session,
    writers: HashMap<ParticipantId, Arc<WriterWake>>,
    ingresses: HashMap<IngressId, Arc<IngressSignal>>,
    /// Empty between calls; kept for its capacity.
    wakes: Vec<Wake>,
    /// What the timer task sleeps for.
    armed: Option<Timestamp>,
    /// When it ends, unless somebody comes in before; `None` while somebody is in it.
    ends_at: Option<Timestamp>,
    ended: bool,
}

/// Why nobody took a seat.
#[derive(Debug)]
pub(crate) enum NotEntered {
    /// The session is full or bars the subject.
    Refused(JoinRefused),
    /// It has ended: there may be a new one by now.
    Ended,
}

/// How the core reaches the task that reads an incoming group.
#[derive(Debug, Default)]
struct IngressSignal {
    notify: Notify,
    unwanted: OnceLock<ResetCode>,
}

/// How the core reaches the task that writes to a participant.
#[derive(Debug)]
pub(crate) struct WriterWake {
    pub(crate) notify: Notify,
    /// Input goes first.
    urgency: Arc<Urgency>,
}

/// A group on its way in. Dropped before its end, it counts as given up by its sender.
#[derive(Debug)]
pub(crate) struct OpenGroup {
    room: Arc<Room>,
    ingress: IngressId,
    signal: Arc<IngressSignal>,
    is_input: bool,
}

/// A participant's place in its session. All tasks of a connection hold one.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    room: Arc<Room>,
    participant: ParticipantId,
    writer: Arc<WriterWake>,
}

impl Room {
    /// Nobody is in it yet: it ends like one that was left.
    pub(crate) fn new(clock: Clock, session: Session, worker: Arc<Worker>, linger: Duration) -> Arc<Self> {
        let linger_us = u64::try_from(linger.as_micros()).unwrap_or(u64::MAX);
        worker.session_began();
        Arc::new(Self {
            state: Mutex::new(State {
                session,
                writers: HashMap::new(),
                ingresses: HashMap::new(),
                wakes: Vec::new(),
                armed: None,
                ends_at: Some(clock.now().plus_us(linger_us)),
                ended: false,
            }),
            clock,
            worker,
            linger_us,
            timer: Notify::new(),
        })
    }

    /// Spawns the one task that keeps the session's deadlines. It ends with the session.
    pub(crate) fn start(self: &Arc<Self>, id: SessionId, sessions: Weak<Sessions>) {
        self.worker.spawn(keep_deadlines(Arc::clone(self), id, sessions));
    }

    /// # Errors
    /// [`NotEntered`]
    pub(crate) fn enter(self: &Arc<Self>, join: JoinParams) -> Result<(Seat, Joined), NotEntered> {
        let participant = join.participant;
        let urgency = Urgency::new(self.worker.line());
        let writer = Arc::new(WriterWake { notify: Notify::new(), urgency });
        let joined = self.with(|state, now| {
            if state.ended {
                return Err(NotEntered::Ended);
            }
            let joined = state.session.join(now, join).map_err(NotEntered::Refused)?;
            state.writers.insert(participant, Arc::clone(&writer));
            state.ends_at = None;
            Ok(joined)
        })?;
        self.worker.participant_entered();
        Ok((Seat { room: Arc::clone(self), participant, writer }, joined))
    }

    /// Ends the session if nobody was in it for as long as it may linger. It cannot be entered afterwards.
    pub(crate) fn end_if_empty(&self) -> bool {
        let ends = self.with(|state, now| {
            let ends = !state.ended && state.ends_at.is_some_and(|at| at <= now);
            state.ended |= ends;
            ends
        });
        if ends {
            self.worker.session_ended();
            self.timer.notify_one();
        }
        ends
    }

    /// The core's figures.
    pub(crate) fn stats(&self) -> SessionStats {
        self.with(|state, _now| state.session.stats())
    }

    /// The only way to the core: one lock, then everyone is woken whom the work concerns.
    fn with<T>(&self, work: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        self.with_urgency(false, work)
    }

    /// `is_urgent`: whoever is woken goes before the other tasks of this core.
    fn with_urgency<T>(&self, is_urgent: bool, work: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        // A poisoned lock: another task of this session panicked. Its peers go on with what the core has.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut state, self.clock.now());
        state.wake_tasks(is_urgent);
        if state.next_deadline().is_some_and(|next| state.armed.is_none_or(|armed| next < armed)) {
            self.timer.notify_one();
        }
        result
    }
}

impl State {
    fn next_deadline(&self) -> Option<Timestamp> {
        self.session.next_deadline().into_iter().chain(self.ends_at).min()
    }

    fn handle_deadlines(&mut self, now: Timestamp) -> Next {
        if self.session.next_deadline().is_some_and(|next| next <= now) {
            self.session.handle_deadline(now);
        }
        self.armed = self.next_deadline();
        match self.ends_at {
            _ if self.ended => Next::Ended,
            Some(at) if at <= now => Next::End,
            Some(_) | None => Next::Wait(self.armed),
        }
    }

    fn wake_tasks(&mut self, is_urgent: bool) {
        self.session.drain_wakeups(&mut self.wakes);
        for wake in self.wakes.drain(..) {
            match wake {
                Wake::Writer(participant) => {
                    self.writers.get(&participant).into_iter().for_each(|writer| writer.wake(is_urgent));
                }
                Wake::Ingress(ingress) => {
                    self.ingresses.get(&ingress).into_iter().for_each(|signal| signal.notify.notify_one());
                }
            }
        }
    }
}

impl WriterWake {
    fn wake(&self, is_urgent: bool) {
        if is_urgent {
            self.urgency.mark();
        }
        self.notify.notify_one();
    }
}

impl Seat {
    /// Works on the session as this participant.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Session, Timestamp, ParticipantId) -> T) -> T {
        self.room.with(|state, now| work(&mut state.session, now, self.participant))
    }

    /// Told when there is something to write to this participant.
    pub(crate) fn writer_wake(&self) -> Arc<WriterWake> {
        Arc::clone(&self.writer)
    }

    /// The writer's place among the tasks of its core.
    pub(crate) fn urgency(&self) -> Arc<Urgency> {
        Arc::clone(&self.writer.urgency)
    }

    /// Where everything of this session runs.
    pub(crate) fn worker(&self) -> &Worker {
        &self.room.worker
    }

    pub(crate) fn next_write(&self, room: WriteRoom, chunks: &mut Vec<Bytes>) -> Option<Write> {
        self.with(|session, now, to| session.next_write(now, to, room, chunks))
    }

    /// Told to us by the receiver: it wants no more of this group.
    pub(crate) fn stream_stopped(&self, egress: EgressId) {
        self.with(|session, now, to| session.stream_stopped(now, to, egress));
    }

    /// Announces a group that begins to arrive.
    pub(crate) fn open_group(
        &self,
        header: GroupHeader,
        header_bytes: Bytes,
    ) -> Result<OpenGroup, GroupRefused> {
        let is_input = header.class == DeliveryClass::Input;
        self.room.with(|state, now| {
            let ingress = state.session.open_group(now, self.participant, header, header_bytes)?;
            let signal = Arc::<IngressSignal>::default();
            state.ingresses.insert(ingress, Arc::clone(&signal));
            Ok(OpenGroup { room: Arc::clone(&self.room), ingress, signal, is_input })
        })
    }

    /// Passes the core's wish on to the task that reads the group.
    pub(crate) fn stop_ingress(&self, ingress: IngressId, code: ResetCode) {
        self.room.with(|state, _now| {
            if let Some(signal) = state.ingresses.get(&ingress) {
                // Stopped twice: the first code stands.
                let _ = signal.unwanted.set(code);
                signal.notify.notify_one();
            }
        });
    }

    pub(crate) fn leave(&self, reason: LeaveReason) {
        self.room.with(|state, now| {
            state.session.leave(now, self.participant, reason);
            state.writers.remove(&self.participant);
            state.ends_at = state.session.is_empty().then(|| now.plus_us(self.room.linger_us));
        });
        self.room.worker.participant_left();
    }
}

impl OpenGroup {
    /// Whether it goes before everything else.
    pub(crate) fn is_input(&self) -> bool {
        self.is_input
    }

    pub(crate) fn push(&self, chunks: &mut VecDeque<Bytes>) -> PushOutcome {
        if self.is_input {
            self.room.worker.line().saw_input();
        }
        let push = |state: &mut State, now| state.session.push_chunks(now, self.ingress, chunks);
        self.room.with_urgency(self.is_input, push)
    }

    /// Returns once the core has room again.
    ///
    /// # Errors
    /// The code with which to stop the stream: the core wants no more of it.
    pub(crate) async fn resumed(&self) -> Result<(), ResetCode> {
        self.signal.notify.notified().await;
        self.signal.unwanted.get().map_or(Ok(()), |code| Err(*code))
    }

    /// Returns once the core wants no more of the group.
    pub(crate) async fn unwanted(&self) -> ResetCode {
        loop {
            if let Err(code) = self.resumed().await {
                return code;
            }
        }
    }

    /// The group is whole.
    pub(crate) fn finish(self) {
        self.room.with(|state, now| state.session.finish_group(now, self.ingress));
    }

    /// The group will not become whole.
    pub(crate) fn reset(self, code: ResetCode) {
        self.room.with(|state, now| state.session.reset_group(now, self.ingress, code));
    }
}

impl Drop for OpenGroup {
    fn drop(&mut self) {
        self.room.with(|state, now| {
            state.ingresses.remove(&self.ingress);
            // Without effect on a group that has ended.
            state.session.reset_group(now, self.ingress, ResetCode::Cancelled);
        });
    }
}

/// What the session's timer does next.
enum Next {
    Wait(Option<Timestamp>),
    /// Nobody was in it for as long as it may linger.
    End,
    Ended,
}

async fn keep_deadlines(room: Arc<Room>, id: SessionId, sessions: Weak<Sessions>) {
    loop {
        match room.with(State::handle_deadlines) {
            Next::Wait(None) => room.timer.notified().await,
            Next::Wait(Some(at)) => tokio::select! {
                () = tokio::time::sleep_until(room.clock.instant(at).into()) => {}
                () = room.timer.notified() => {}
            },
            Next::End => match sessions.upgrade() {
                Some(sessions) => sessions.remove_if_empty(id),
                None => return,
            },
            Next::Ended => return,
        }
    }
}

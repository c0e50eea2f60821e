use crate::arena::{Arena, Key};
use crate::gauge::Gauge;
use crate::group::{Egress, Group};
use crate::log::Log;
use crate::participant::Participant;
use crate::peers::Peers;
use crate::timers::Timers;
use crate::track::Tracks;
use crate::{SessionLimits, SessionStats, SubjectId, Timestamp, Violation, Wake};
use isi_wire::limits::{PARTICIPANTS_PER_SESSION_MAX, TRACKS_PER_SESSION_MAX};
use isi_wire::{
    ClientMessage, CloseCode, DeliveryClass, Incarnation, LeaveReason, ParticipantId, RefuseReason,
    RelayMessage, RequestId,
};
use std::collections::BTreeSet;
use std::fmt;

/// One session: who is in it, what they send, and what each of them gets next. See the
/// [crate's documentation](crate) for the order of calls.
///
/// - in and out: [`join`](Self::join), [`leave`](Self::leave), [`update_grants`](Self::update_grants),
///   [`close`](Self::close)
/// - from clients: [`handle_control`](Self::handle_control), [`handle_log`](Self::handle_log),
///   [`open_group`](Self::open_group), [`push_chunks`](Self::push_chunks), [`finish_group`](Self::finish_group),
///   [`reset_group`](Self::reset_group), [`push_datagram`](Self::push_datagram)
/// - to clients: [`next_write`](Self::next_write), [`hold_egress`](Self::hold_egress),
///   [`release_egress`](Self::release_egress), [`stream_stopped`](Self::stream_stopped),
///   [`send_control`](Self::send_control)
/// - after each call: [`drain_wakeups`](Self::drain_wakeups), [`next_deadline`](Self::next_deadline); when that
///   has come: [`handle_deadline`](Self::handle_deadline)
pub struct Session {
    pub(crate) limits: SessionLimits,
    pub(crate) peers: Peers,
    pub(crate) tracks: Tracks,
    pub(crate) groups: Arena<Group>,
    pub(crate) egresses: Arena<Egress>,
    pub(crate) log: Log,
    pub(crate) timers: Timers,
    pub(crate) gauge: Gauge,
    /// Bulk groups that wait until the session holds less. At most one per group.
    pub(crate) starved: Vec<Key<Group>>,
    /// Subjects that were kicked, at most [`SessionLimits::barred_subjects_max`].
    pub(crate) barred: BTreeSet<SubjectId>,
    pub(crate) closed: Option<CloseCode>,
    /// Counters only; what can be read off the rest is filled in by [`stats`](Self::stats).
    pub(crate) stats: SessionStats,
}

// Counters only: what it holds is nobody's to read in a log.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Session {
    /// An empty session whose log begins with `incarnation`: 16 fresh random bytes. Limits above what the wire
    /// can list are lowered to that.
    #[must_use]
    pub fn new(incarnation: Incarnation, limits: SessionLimits) -> Self {
        let limits = SessionLimits {
            participants_max: limits.participants_max.min(PARTICIPANTS_PER_SESSION_MAX),
            tracks_max: limits.tracks_max.min(TRACKS_PER_SESSION_MAX),
            ..limits
        };
        Self {
            limits,
            peers: Peers::new(limits.control_messages_max),
            tracks: Tracks::default(),
            groups: Arena::new(),
            egresses: Arena::new(),
            log: Log::new(incarnation),
            timers: Timers::default(),
            gauge: Gauge::default(),
            starved: Vec::new(),
            barred: BTreeSet::new(),
            closed: None,
            stats: SessionStats::default(),
        }
    }

    /// Carries out what a client says on its control stream. `Hello`, `Join` and `Refresh` are the shell's.
    /// Messages of somebody who is being closed are ignored.
    ///
    /// # Errors
    /// [`Violation`]: the client is at fault; close it.
    pub fn handle_control(
        &mut self,
        now: Timestamp,
        from: ParticipantId,
        message: ClientMessage,
    ) -> Result<(), Violation> {
        let Some(key) = self.peers.present(from) else { return Ok(()) };
        match message {
            ClientMessage::Hello { .. } | ClientMessage::Join { .. } | ClientMessage::Refresh { .. } => {
                Err(Violation {
                    code: CloseCode::ProtocolViolation,
                    what: "handshake message after the join",
                })
            }
            ClientMessage::Publish { request, track, kind, class, audience } => {
                let answer = self.publish(now, key, track, kind, class, audience);
                self.answer(key, request, answer.map(|alias| RelayMessage::Published { request, alias }));
                Ok(())
            }
            ClientMessage::Unpublish { alias } => self.unpublish(key, alias),
            ClientMessage::Subscribe { request, alias } => {
                let answer = self.subscribe(key, alias)?;
                self.answer_done(key, request, answer);
                Ok(())
            }
            ClientMessage::Unsubscribe { alias } => self.unsubscribe(key, alias),
            ClientMessage::RequestKeyframe { alias } => self.request_keyframe(now, key, alias),
            ClientMessage::AcknowledgeWelcome { sequence } => {
                self.acknowledge_welcome(key, sequence);
                Ok(())
            }
            ClientMessage::Kick { request, participant } => {
                let answer = self.kick(key, participant);
                self.answer_done(key, request, answer);
                Ok(())
            }
            ClientMessage::CloseSession { request } => {
                if self.peers.all[key].grants.controls.close {
                    self.close(now, CloseCode::SessionClosed);
                } else {
                    self.answer_done(key, request, Err(RefuseReason::Forbidden));
                }
                Ok(())
            }
            ClientMessage::Leave => {
                self.depart(key, LeaveReason::Left, CloseCode::Done);
                Ok(())
            }
        }
    }

    /// Sends a control message of the shell's own, behind those that wait already.
    pub fn send_control(&mut self, to: ParticipantId, message: RelayMessage) {
        if let Some(key) = self.peers.present(to) {
            self.peers.tell(key, message);
        }
    }

    /// Moves everything to look after into `out`.
    pub fn drain_wakeups(&mut self, out: &mut Vec<Wake>) {
        self.peers.drain_wakes(out);
    }

    /// Whether nobody is left whose connection the shell still holds.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.peers.len() == 0
    }

    /// Whether the session was closed; nobody comes in any more.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// The bounds it keeps.
    #[must_use]
    pub const fn limits(&self) -> &SessionLimits {
        &self.limits
    }

    /// Counters and what is in memory now.
    #[must_use]
    pub fn stats(&self) -> SessionStats {
        let mut classes = self.stats.classes;
        for class in DeliveryClass::ALL {
            classes.get_mut(*class).resident_bytes = self.gauge.class(*class);
        }
        SessionStats {
            classes,
            participants: self.peers.len(),
            tracks: self.tracks.len(),
            resident_bytes: self.gauge.streams(),
            log_bytes: self.gauge.log(),
            total_bytes_peak: self.gauge.peak(),
            ..self.stats
        }
    }

    pub(crate) const fn count_in(&mut self, class: DeliveryClass, bytes: usize) {
        self.stats.bytes_in += bytes as u64;
        self.stats.classes.get_mut(class).bytes_in += bytes as u64;
    }

    pub(crate) const fn count_out(&mut self, class: DeliveryClass, bytes: usize) {
        self.stats.bytes_out += bytes as u64;
        self.stats.classes.get_mut(class).bytes_out += bytes as u64;
    }

    pub(crate) fn answer(
        &mut self,
        to: Key<Participant>,
        request: RequestId,
        answer: Result<RelayMessage, RefuseReason>,
    ) {
        let refused = |reason| RelayMessage::Refused { request, reason, position: None };
        self.peers.tell(to, answer.unwrap_or_else(refused));
    }

    fn answer_done(&mut self, to: Key<Participant>, request: RequestId, answer: Result<(), RefuseReason>) {
        self.answer(to, request, answer.map(|()| RelayMessage::Done { request }));
    }
}

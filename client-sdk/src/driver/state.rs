use super::identity::Identities;
use super::leases::Leases;
use super::membership::Membership;
use super::messages::Messages;
use super::people::People;
use super::presence::Presence;
use super::private::Conversations;
use super::record::Recorder;
use super::requests::{Append, OnDone, Pending, Requests};
use super::rotation::Rotation;
use super::signal::Signal;
use super::tracks::Tracks;
use super::waiting::Waiting;
use super::watching::Watching;
use crate::MemberId;
use crate::clock::Clock;
use crate::error::{Disconnected, RequestError};
use crate::event::EventSink;
use crate::lease::Gate;
use crate::options::{AdmitPolicy, LastOrganizer};
use crate::track::Screens;
use crate::transport::SendWindow;
use isi_e2ee::{Group, MonotonicMs};
use isi_wire::{Audience, ClientMessage, EntryKind, LogPosition, LogUpload, ParticipantId, RequestId};
use std::sync::Arc;
use tokio::sync::watch;

/// Everything a membership is, without I/O: it is told what arrived and what time it is, and leaves in `out` what is to
/// be sent. One file per subject adds its part of the methods.
pub(super) struct State {
    pub(super) clock: Clock,
    pub(super) group: Group,
    pub(super) me: MemberId,
    pub(super) participant: ParticipantId,
    pub(super) presence: Presence,
    /// The connection's, for own tracks.
    pub(super) window: SendWindow,
    /// Where the log stands, as far as its entries were read.
    pub(super) position: LogPosition,
    pub(super) epoch: watch::Sender<u64>,
    pub(super) events: Arc<EventSink>,
    pub(super) out: Out,
    pub(super) requests: Requests,
    pub(super) people: People,
    pub(super) waiting: Waiting,
    pub(super) membership: Membership,
    pub(super) tracks: Tracks,
    pub(super) messages: Messages,
    pub(super) conversations: Conversations,
    pub(super) leases: Leases,
    pub(super) identities: Identities,
    pub(super) rotation: Rotation,
    pub(super) last_organizer: LastOrganizer,
    pub(super) screens: Arc<Screens>,
    pub(super) recorder: Recorder,
    pub(super) watching: Watching,
    /// Taken by the shell: what the relay accepted last.
    pub(super) fresh_token: Option<String>,
}

/// What is to be sent, encoded.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) control: Vec<u8>,
    pub(super) log: Vec<u8>,
    /// Each a whole datagram; what does not fit the path is dropped.
    pub(super) datagrams: Vec<bytes::Bytes>,
    /// Set by the shell when its queues are full: calls are refused as busy until they are not.
    pub(super) is_full: bool,
}

/// What a membership begins with.
pub(super) struct Beginning {
    pub(super) clock: Clock,
    pub(super) group: Group,
    pub(super) participant: ParticipantId,
    pub(super) window: SendWindow,
    pub(super) position: LogPosition,
    /// First number of the log that is to be read.
    pub(super) next_entry: u64,
    pub(super) epoch: watch::Sender<u64>,
    pub(super) events: Arc<EventSink>,
    pub(super) admit: AdmitPolicy,
    pub(super) gate: Arc<Gate>,
    pub(super) watching: Watching,
    pub(super) screens: Arc<Screens>,
}

impl State {
    pub(super) fn new(beginning: Beginning) -> Result<Self, isi_e2ee::SealerError> {
        let Beginning {
            clock,
            group,
            participant,
            window,
            position,
            next_entry,
            epoch,
            events,
            admit,
            gate,
            screens,
            watching,
        } = beginning;
        let people = People::of(&group);
        let me = MemberId { leaf: group.own_leaf(), since_epoch: group.epoch() };
        let messages = Messages::new(&group.keyring())?;
        let organizers = Self::listed_organizers(&group, &people);
        Ok(Self {
            clock,
            me,
            participant,
            presence: Presence::beginning(next_entry),
            window,
            position,
            epoch,
            events,
            out: Out::default(),
            requests: Requests::default(),
            people,
            waiting: Waiting::default(),
            membership: Membership::new(admit, organizers),
            tracks: Tracks::default(),
            messages,
            conversations: Conversations::default(),
            identities: Identities::default(),
            rotation: Rotation::new(clock.now()),
            last_organizer: LastOrganizer::default(),
            leases: Leases::new(gate),
            watching,
            screens,
            recorder: Recorder::default(),
            fresh_token: None,
            group,
        })
    }

    /// When [`handle_deadline`](Self::handle_deadline) is due.
    pub(super) fn next_deadline(&self) -> Option<MonotonicMs> {
        [
            self.membership.next_deadline(),
            self.identities.next_deadline(),
            self.rotation.next_deadline(),
            self.leases.next_deadline(),
            self.watching.next_deadline(),
            self.conversations.next_deadline(),
            self.waiting.next_deadline(),
            self.tracks.next_deadline(),
            self.group.keyring().next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(super) fn handle_deadline(&mut self, now: MonotonicMs) {
        self.group.keyring().expire(now);
        self.expire_lease(now);
        self.tick(now);
        self.watch_due(now);
        self.expire_private_texts(now);
        self.expire_waiting(now);
        self.handle_identity_deadline(now);
        self.handle_membership_deadline(now);
        self.handle_rotation_deadline(now);
        self.expire_parked(now);
    }

    /// While the connection is lost nothing is said: what matters then is said when it is back.
    pub(super) fn send_control(&mut self, message: &ClientMessage) {
        if self.presence.is_connected() {
            message.encode(&mut self.out.control);
        }
    }

    /// Sends a request made with its id.
    pub(super) fn request(&mut self, pending: Pending, message: impl FnOnce(RequestId) -> ClientMessage) {
        if !self.presence.is_connected() {
            return self.not_asked(pending);
        }
        let id = self.requests.add(pending);
        self.send_control(&message(id));
    }

    /// Seals a signal and appends it to the log.
    ///
    /// # Errors
    /// Busy or over; `on_done` comes back uncalled.
    pub(super) fn append(
        &mut self,
        signal: &Signal,
        audience: Audience,
        on_done: OnDone,
    ) -> Result<(), (RequestError, OnDone)> {
        // Nothing is said to a group that nobody vouches for.
        if !self.watching.standing().confirmed {
            return Err((RequestError::Busy, on_done));
        }
        if let Err(error) = self.check_room() {
            return Err((error, on_done));
        }
        match self.messages.seal(self.clock.now(), &signal.encode()) {
            Ok(object) => {
                self.append_payload(EntryKind::Message, audience, object, on_done);
                Ok(())
            }
            Err(_) => Err((RequestError::Over(Disconnected::RemovedFromGroup), on_done)),
        }
    }

    /// [`append`](Self::append) where a failure goes to whoever waits.
    pub(super) fn append_or_fail(&mut self, signal: &Signal, audience: Audience, on_done: OnDone) {
        if let Err((error, on_done)) = self.append(signal, audience, on_done) {
            on_done(Err(error));
        }
    }

    pub(super) fn append_payload(
        &mut self,
        kind: EntryKind,
        audience: Audience,
        payload: bytes::Bytes,
        on_done: OnDone,
    ) {
        if !self.presence.is_online() {
            return on_done(Err(RequestError::Interrupted));
        }
        let append = Append { kind, audience, payload: payload.clone(), on_done };
        let request = self.requests.add(Pending::Append(append));
        LogUpload::Append { request, kind, audience, payload }.encode(&mut self.out.log);
    }

    pub(super) fn check_room(&self) -> Result<(), RequestError> {
        if !self.presence.is_online() {
            Err(RequestError::Interrupted)
        } else if self.out.is_full || self.requests.is_full() {
            Err(RequestError::Busy)
        } else {
            Ok(())
        }
    }
}

impl Out {
    /// The connection is lost.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

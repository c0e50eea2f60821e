use crate::error::Disconnected;
use crate::limits::EVENTS_QUEUED_MAX;
use crate::payload::PayloadError;
use crate::{Alarm, ApplicantId, Lease, LeaseRefusal, MemberId, ObjectObserver, RemoteTrack};
use bytes::Bytes;
use isi_e2ee::{
    HandshakeError, HeartbeatError, InputRefused, InvitationId, JoinRequestRefused, LeaseEndReason,
    LeaseError, OpenError, RecordRefused, Role, SessionCode, Standing,
};
use isi_wire::TrackKind;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, watch};

/// What happens in a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A member came; it can open what is sent from now on.
    MemberJoined(MemberId),
    /// A member is gone; it can open nothing that is sent from now on.
    MemberLeft(MemberId),
    /// A member's connection is known: leases and private messages reach it.
    MemberOnline(MemberId),
    /// A member's connection is gone, as the relay says. An organizer takes it out of the group.
    MemberOffline(MemberId),
    /// Somebody holds an invitation, and organizers decide. Call [`Session::admit`](crate::Session::admit) or
    /// [`Session::deny`](crate::Session::deny), or leave it to another organizer.
    JoinRequested {
        /// Names the request.
        applicant: ApplicantId,
        /// The account service's opaque name for the person.
        subject: String,
        /// Upper bound of its rights.
        role: Role,
        /// By which invitation it asks.
        invitation: InvitationId,
        /// The same person's membership, if it has one: to admit it takes that out of the group.
        already_in: Option<MemberId>,
    },
    /// An applicant told of in [`JoinRequested`](Self::JoinRequested) waits no more: somebody admitted or denied it, or it
    /// went away.
    ApplicantGone(ApplicantId),
    /// Other members organize from now on: these, the root organizer first.
    OrganizersChanged(Vec<MemberId>),
    /// A member offers a track. Subscribe to receive it.
    TrackAvailable(RemoteTrack),
    /// A track is gone.
    TrackEnded(RemoteTrack),
    /// A member wrote.
    Message(TextReceived),
    /// A member asks to drive this one's screen. Call [`Session::grant_lease`](crate::Session::grant_lease), or leave it.
    LeaseRequested(MemberId),
    /// A member does not let this one drive its screen.
    LeaseRefused {
        /// Who was asked.
        from: MemberId,
        /// Why not.
        reason: LeaseRefusal,
    },
    /// The driver of this member's screen wants somebody else to go on. Call
    /// [`Session::hand_over_lease`](crate::Session::hand_over_lease), or leave it.
    LeaseHandOverRequested {
        /// The lease that runs.
        lease: Lease,
        /// Who shall drive next.
        to: MemberId,
    },
    /// Input of a lease was dropped, at the driven side, because it came too late: somebody on the way holds it back, or the
    /// network is slow. Both sides hear it, at most once a second.
    InputHeldBack {
        /// Which lease.
        lease: Lease,
        /// How many events since it was last told.
        events: u64,
    },
    /// Somebody drives somebody from now on. If the driver is this member, call [`Session::drive`](crate::Session::drive).
    LeaseGranted(Lease),
    /// A lease is over.
    LeaseEnded {
        /// Which.
        lease: Lease,
        /// Why.
        reason: LeaseEndReason,
    },
    /// Some receiver needs a new group of this member's track of this kind.
    KeyframeRequested(TrackKind),
    /// The membership changed, and with it the code that people compare.
    EpochChanged(SessionCode),
    /// An organizer turned the session record on or off; a member that comes later hears it too. Show it.
    RecordingChanged {
        /// Whether who comes and goes, drives and shares is recorded from now on.
        on: bool,
        /// Who turned it on or off; for a member that came later, whose entry told it.
        by: MemberId,
    },
    /// Entries of the session record did not come: the relay held them back, or this client was too slow.
    RecordGap {
        /// Number of the first one.
        first: u64,
        /// Number of the last one.
        last: u64,
    },
    /// This member's statement ends soon. Get a new one from the account service and call
    /// [`Session::refresh_statement`](crate::Session::refresh_statement), or it is removed from the session.
    StatementExpires {
        /// Seconds until then, by this machine's clock.
        in_seconds: u64,
    },
    /// A member's commit states a time that is more than 60 s off this machine's clock. It counts nevertheless, as it does for
    /// everybody else. If several members are named it is this machine's clock; if one is, that one's, or the relay has
    /// held its commit back.
    ClockSkew {
        /// Who.
        member: MemberId,
        /// How far its clock is ahead; below zero: behind.
        seconds: i64,
    },
    /// Messages of others are lost: the relay dropped this many entries of the log.
    Gap {
        /// How many.
        entries: u64,
    },
    /// Something was received that does not count. Nothing of it was handed on.
    Refused {
        /// Whose it claims to be, where that is known.
        from: Option<MemberId>,
        /// Why.
        why: Refused,
    },
    /// The app took events too slowly: this many were dropped here, [`EVENTS_QUEUED_MAX`] being queued.
    Missed {
        /// How many.
        events: u64,
    },
    /// Something is wrong with the relay or the network, or a member lies.
    AlarmRaised(Alarm),
    /// That is over.
    AlarmOver(Alarm),
    /// What this member may do has changed, because of alarms: leases that it gave or drove by end when input stops, and
    /// publishers fail when media does, until it is in touch again.
    StandingChanged(Standing),
    /// The connection to the relay is lost; the client tries to get it back, as [`ConnectOptions::reconnect`] says.
    ///
    /// Leases of this member are over. Its tracks and receivers wait; tracks that it does not receive have ended. Calls
    /// that need the relay wait.
    ///
    /// [`ConnectOptions::reconnect`]: crate::ConnectOptions::reconnect
    ConnectionLost {
        /// Why.
        why: Disconnected,
    },
    /// The connection is back, and everything missed was read: this is the same member as before. Its tracks go on, a
    /// screen with a keyframe; tracks that it received come again, or end.
    Reconnected,
    /// This client missed a membership change and was let in again, as another member. Whatever came of the one before is
    /// over: tracks, receivers, leases, [`MemberId`]s. Ask [`Session::members`](crate::Session::members) who is there.
    Rejoined {
        /// Who this client is now, as [`Session::me`](crate::Session::me) says.
        me: MemberId,
    },
    /// The session is over for this client. Always the last event, never dropped.
    Ended(Disconnected),
}

/// A text that arrived. Its sender is proven.
#[derive(Clone, PartialEq, Eq)]
pub struct TextReceived {
    /// Who wrote it.
    pub from: MemberId,
    /// The text.
    pub text: String,
    /// Whether only this member could read it.
    pub private: bool,
    /// Microseconds since 1970 on the sender's clock: the sender's claim.
    pub at_us: u64,
    /// Its place in the session's log, as the relay ordered it; rises, with gaps.
    pub sequence: u64,
}

/// Why something received does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// A sealed object was not opened.
    #[error(transparent)]
    Object(#[from] OpenError),
    /// A signed plaintext makes no sense: its sender's fault.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// An input event is not covered by a lease.
    #[error(transparent)]
    Input(#[from] InputRefused),
    /// Input events were lost on the way, so the lease ends: a lost release would be a key that stays down.
    #[error("input events were lost; the lease ends")]
    InputLost,
    /// A lease or its end does not count.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// An entry of the session record does not count.
    #[error(transparent)]
    Record(#[from] RecordRefused),
    /// A request to be let in is not valid.
    #[error(transparent)]
    JoinRequest(#[from] JoinRequestRefused),
    /// A handshake message is not valid; the group stays as it is.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// A heartbeat does not count.
    #[error(transparent)]
    Heartbeat(#[from] HeartbeatError),
    /// A track or stream comes from a member that may not send it here.
    #[error("a stream that nobody asked for; it was stopped")]
    UnexpectedStream,
    /// A member's role does not allow a track of this kind, whatever the relay lets through. The track is not shown.
    #[error("the member's role does not allow it to publish {0:?}; the track is not shown")]
    RoleForbids(TrackKind),
    /// Only organizers tell organizers about invitations and the policy.
    #[error("only organizers share invitations and the policy, with organizers alone")]
    NotAnOrganizer,
    /// A member's private keys do not fit any conversation or lease.
    #[error("private keys that belong to no conversation or lease")]
    UnknownConversation,
}

/// The session's events, in order.
///
/// At most [`EVENTS_QUEUED_MAX`] wait; when the app takes them too slowly new ones are dropped and counted in
/// [`Event::Missed`]. Dropping this stream drops all events; the session goes on.
#[derive(Debug)]
pub struct Events {
    queue: mpsc::Receiver<Event>,
    end: watch::Receiver<Option<Disconnected>>,
    ended: bool,
}

impl Events {
    /// The next event; `None` after [`Event::Ended`]. Cancel safe.
    pub async fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.queue.recv().await {
            return Some(event);
        }
        if std::mem::replace(&mut self.ended, true) {
            return None;
        }
        Some(Event::Ended(self.end.borrow().unwrap_or(Disconnected::Over)))
    }
}

/// Where events go in. Held by the driver; handles have weak references, so that the stream ends with the driver.
#[derive(Debug)]
pub(crate) struct EventSink {
    queue: mpsc::Sender<Event>,
    missed: AtomicU64,
    observer: Option<ObjectObserver>,
}

impl EventSink {
    pub(crate) fn new(end: watch::Receiver<Option<Disconnected>>) -> (Self, Events) {
        let (sender, queue) = mpsc::channel(EVENTS_QUEUED_MAX);
        (
            Self { queue: sender, missed: AtomicU64::new(0), observer: None },
            Events { queue, end, ended: false },
        )
    }

    pub(crate) fn observed_by(self, observer: Option<ObjectObserver>) -> Self {
        Self { observer, ..self }
    }

    /// An object was opened.
    pub(crate) fn opened(&self, sealed: &Bytes, plaintext: &[u8]) {
        if let Some(observer) = &self.observer {
            observer.see(sealed, plaintext);
        }
    }

    pub(crate) fn send(&self, event: Event) {
        let missed = self.missed.load(Ordering::Relaxed);
        if missed > 0 && self.queue.try_send(Event::Missed { events: missed }).is_ok() {
            self.missed.fetch_sub(missed, Ordering::Relaxed);
        }
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(event) {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn refused(&self, from: Option<MemberId>, why: impl Into<Refused>) {
        self.send(Event::Refused { from, why: why.into() });
    }
}

// What people write belongs in no log.
impl fmt::Debug for TextReceived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextReceived")
            .field("from", &self.from)
            .field("private", &self.private)
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_events_are_counted_and_told() {
        let (_end, ended) = watch::channel(None);
        let (sink, mut events) = EventSink::new(ended);
        for _ in 0..EVENTS_QUEUED_MAX + 3 {
            sink.send(Event::KeyframeRequested(TrackKind::Screen));
        }
        for _ in 0..2 {
            assert!(matches!(events.queue.try_recv(), Ok(Event::KeyframeRequested(_))));
        }
        sink.send(Event::Gap { entries: 1 });
        let rest: Vec<_> = std::iter::from_fn(|| events.queue.try_recv().ok()).collect();
        let [.., Event::Missed { events: 3 }, Event::Gap { entries: 1 }] = &rest[..] else {
            panic!("{:?}", &rest[rest.len() - 2..]);
        };
    }
}

use crate::MemberId;
use crate::clock::Clock;
use crate::command::Command;
use crate::error::Disconnected;
use crate::event::{EventSink, Refused};
use crate::lease::Gate;
use crate::track::{RemoteTrack, Screens};
use isi_e2ee::{Keyring, Standing};
use isi_wire::TrackId;
use std::sync::{Arc, Weak};
use tokio::sync::{mpsc, watch};

/// What every handle of a session has. It keeps nothing alive: the session lives as long as a
/// [`Session`](crate::Session) does.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Another one when this client was let in again.
    pub(crate) seat: watch::Receiver<Seat>,
    pub(crate) clock: Clock,
    /// Changes with every epoch that the group enters.
    pub(crate) epoch: watch::Receiver<u64>,
    /// Set when the driver has stopped.
    pub(crate) end: watch::Receiver<Option<Disconnected>>,
    pub(crate) commands: mpsc::WeakSender<Command>,
    /// What handles say in `Drop`, where nothing can wait.
    pub(crate) notices: mpsc::Sender<Notice>,
    pub(crate) events: Weak<EventSink>,
    /// Decides about input of the lease this member gave.
    pub(crate) gate: Arc<Gate>,
    pub(crate) screens: Arc<Screens>,
    /// What this member may do, as far as it is in touch with the organizers.
    pub(crate) standing: watch::Receiver<Standing>,
}

/// A place in the group.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) keyring: Keyring,
    pub(crate) me: MemberId,
}

/// What a handle tells the driver without waiting for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// A publisher was dropped.
    Unpublish(TrackId),
    /// A receiver was dropped.
    Unsubscribe(RemoteTrack),
    /// A receiver lost its place.
    RequestKeyframe(RemoteTrack),
    /// The driven side dropped its receiver, or the driver its sender.
    DropLease([u8; 16]),
    /// The input stream of a lease ended before the lease.
    InputCut([u8; 16]),
    /// A panic switch ended the lease that this member gave.
    LeaseTakenBack,
}

impl Shared {
    pub(crate) fn keyring(&self) -> Keyring {
        self.seat.borrow().keyring.clone()
    }

    pub(crate) fn unpublish(&self, track: TrackId) {
        self.notice(Notice::Unpublish(track));
    }

    pub(crate) fn unsubscribe(&self, track: RemoteTrack) {
        self.notice(Notice::Unsubscribe(track));
    }

    pub(crate) fn request_keyframe(&self, track: RemoteTrack) {
        self.notice(Notice::RequestKeyframe(track));
    }

    pub(crate) fn refused(&self, from: MemberId, why: impl Into<Refused>) {
        if let Some(events) = self.events.upgrade() {
            events.refused(Some(from), why);
        }
    }

    pub(crate) fn notice(&self, notice: Notice) {
        // Full only when the driver is stuck while NOTICES_QUEUED_MAX handles go; the relay then keeps a track too long.
        let _ = self.notices.try_send(notice);
    }
}

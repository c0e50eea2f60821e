use crate::MemberId;
use crate::clock::Clock;
use crate::command::Command;
use crate::error::Disconnected;
use crate::event::{EventSink, Refused};
use crate::lease::Gate;
use crate::track::Screens;
use crate::transport::SendWindow;
use isi_e2ee::{Keyring, Standing};
use isi_wire::TrackAlias;
use std::sync::{Arc, Weak};
use tokio::sync::{mpsc, watch};

/// What every handle of a session has. It keeps nothing alive: the session lives as long as a
/// [`Session`](crate::Session) does.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) keyring: Keyring,
    pub(crate) clock: Clock,
    pub(crate) connection: quinn::Connection,
    pub(crate) window: SendWindow,
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

/// What a handle tells the driver without waiting for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// A publisher was dropped.
    Unpublish(TrackAlias),
    /// A receiver was dropped.
    Unsubscribe(TrackAlias),
    /// A receiver lost its place.
    RequestKeyframe(TrackAlias),
    /// The driven side dropped its receiver, or the driver its sender.
    DropLease([u8; 16]),
    /// The input stream of a lease ended before the lease.
    InputCut([u8; 16]),
    /// A panic switch ended the lease that this member gave.
    LeaseTakenBack,
}

impl Shared {
    pub(crate) fn unpublish(&self, alias: TrackAlias) {
        self.notice(Notice::Unpublish(alias));
    }

    pub(crate) fn unsubscribe(&self, alias: TrackAlias) {
        self.notice(Notice::Unsubscribe(alias));
    }

    pub(crate) fn request_keyframe(&self, alias: TrackAlias) {
        self.notice(Notice::RequestKeyframe(alias));
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

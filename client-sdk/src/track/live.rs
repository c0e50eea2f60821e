use super::screen_publisher::seal_failed;
use super::{Delivery, ObjectOpener, OwnPath, OwnTrack, RemoteTrack, TrackState};
use crate::error::TrackSendError;
use crate::handle::Shared;
use crate::inbox::Inbox;
use bytes::Bytes;
use isi_e2ee::{Expected, Opener, SealMeta, Sealer, Transport};
use isi_wire::limits::DATAGRAM_OBJECT_BYTES_MAX;
use isi_wire::{DatagramHeader, TrackId};
use std::sync::Arc;

/// Sends what is worthless when late, each object in a datagram: pointer positions, audio. Dropping it ends the track.
#[derive(Debug)]
pub struct LivePublisher {
    shared: Arc<Shared>,
    track: TrackId,
    sealer: Sealer,
    state: Arc<TrackState>,
}

/// Receives a live track. Dropping it ends the subscription.
#[derive(Debug)]
pub struct LiveReceiver {
    shared: Arc<Shared>,
    track: RemoteTrack,
    opener: ObjectOpener,
    datagrams: Inbox<Bytes>,
}

/// An object that its sender has signed. Objects may be lost or arrive out of order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveObject {
    /// Its place in the order of sending, from 0. Rises within a membership epoch, gaps are losses.
    pub index: u64,
    /// What was sent.
    pub data: Bytes,
}

impl LivePublisher {
    pub(crate) fn new(shared: Arc<Shared>, own: OwnTrack) -> Self {
        let OwnTrack { track, sealer, state } = own;
        Self { shared, track, sealer, state }
    }

    /// How the objects reach the receivers; `None` until the relay has said something.
    #[must_use]
    pub fn delivery(&self) -> Option<Arc<Delivery>> {
        self.state.delivery()
    }

    /// The newest such report, unless a call gave it already; then waits for the next. `None` when the track has ended.
    /// Cancel safe.
    pub async fn next_delivery(&self) -> Option<Arc<Delivery>> {
        self.state.next_delivery().await
    }

    /// Seals `data`, at most about 1,000 bytes, and sends it at once; when the connection does not keep up older
    /// datagrams give way, and while it is lost nothing is sent.
    ///
    /// # Errors
    /// Any [`TrackSendError`]; after [`TrackSendError::TooLarge`] the track goes on.
    pub fn send(&mut self, data: &[u8]) -> Result<(), TrackSendError> {
        if self.state.is_ended() {
            return Err(TrackSendError::Ended);
        }
        if !self.shared.standing.borrow().media {
            return Err(TrackSendError::OutOfTouch);
        }
        if data.len() >= DATAGRAM_OBJECT_BYTES_MAX {
            return Err(TrackSendError::TooLarge);
        }
        let Some(OwnPath { window, alias }) = self.state.path() else { return Ok(()) };
        let meta = SealMeta { group: 0, keyframe: false };
        let object =
            self.sealer.seal(self.shared.clock.now(), meta, data).map_err(|error| seal_failed(&error))?;
        if object.len() > DATAGRAM_OBJECT_BYTES_MAX {
            return Err(TrackSendError::TooLarge);
        }
        match window.send_datagram(DatagramHeader { alias }.encode(&object)) {
            Err(quinn::SendDatagramError::TooLarge) => Err(TrackSendError::TooLarge),
            // The connection is lost, and either comes back or ends the track.
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl LiveReceiver {
    pub(crate) fn new(shared: Arc<Shared>, track: RemoteTrack, datagrams: Inbox<Bytes>) -> Self {
        let opener = Opener::new(&shared.keyring(), track.member.leaf, track.track, track.kind);
        let opener = ObjectOpener::new(Arc::clone(&shared), opener);
        Self { shared, track, opener, datagrams }
    }

    /// The track.
    #[must_use]
    pub const fn track(&self) -> RemoteTrack {
        self.track
    }

    /// The next object; `None` when the track or the session has ended. Objects that do not open are reported as
    /// [`Event::Refused`](crate::Event::Refused) and skipped. A dropped call may lose one datagram.
    pub async fn next(&mut self) -> Option<LiveObject> {
        loop {
            let object = self.datagrams.next().await?;
            let expected = Expected { group: Some(0), transport: Transport::Datagram };
            match self.opener.open(expected, object).await {
                Ok(opened) => return Some(LiveObject { index: opened.index, data: opened.plaintext.into() }),
                Err(error) => self.shared.refused(self.track.member, error),
            }
        }
    }
}

impl Drop for LivePublisher {
    fn drop(&mut self) {
        self.shared.unpublish(self.track);
    }
}

impl Drop for LiveReceiver {
    fn drop(&mut self) {
        self.datagrams.close();
        self.shared.unsubscribe(self.track);
    }
}

use super::constant_rate::{ConstantRateSender, TimedEvent};
use super::{Agreement, Lease, Prologue, TicksSeen, scope_covers};
use crate::command::Command;
use crate::error::InputSendError;
use crate::handle::{Notice, Shared};
use crate::payload::{InputEvent, InputMessage, put_input};
use crate::track::{OwnPath, OwnTrack, TrackState};
use crate::transport::{GroupWriter, Priority};
use isi_e2ee::{Padding, SealMeta, Sealer};
use isi_wire::{DeliveryClass, GroupHeader, TrackId, TrackKind};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Bytes of events in an object that always has the length of the smallest bucket, 256 bytes: without the header (35 at most), the
/// padding's mark, the tag and the signature.
const PADDED_EVENTS_BYTES_MAX: usize = isi_e2ee::BUCKET_BYTES_MIN - isi_e2ee::OBJECT_OVERHEAD_BYTES_MAX - 1;

/// Drives another member's screen under a lease. Dropping it gives the lease up.
///
/// Only the driven member can read the events: they are sealed with keys that die with the lease.
#[derive(Debug)]
pub struct InputSender {
    shared: Arc<Shared>,
    lease: Lease,
    track: TrackId,
    state: Arc<TrackState>,
    prologues: Sealer,
    private: Option<(u64, Sealer)>,
    /// `None` before the first event.
    ticks: Option<Arc<TicksSeen>>,
    /// `None` while an event is written: if that call is dropped the stream is cut, and the lease with it.
    writer: Option<GroupWriter>,
    next_sequence: u64,
    /// At a constant rate all objects are padded, whatever the session's other tracks do.
    is_padded: bool,
}

impl InputSender {
    pub(crate) async fn open(
        shared: Arc<Shared>,
        lease: Lease,
        own: OwnTrack,
    ) -> Result<Self, InputSendError> {
        let OwnTrack { track, sealer, state } = own;
        let path = state.path();
        let mut sender = Self {
            shared,
            lease,
            track,
            state,
            prologues: sealer,
            private: None,
            ticks: None,
            writer: None,
            next_sequence: 0,
            is_padded: false,
        };
        // Dropping `sender` on failure gives the lease up.
        let OwnPath { window, alias } = path.ok_or(InputSendError::LeaseEnded)?;
        let header =
            GroupHeader { alias, group: lease.terms.generation, class: DeliveryClass::Input, offset: 0 };
        let writer = GroupWriter::open(&window, header, Priority::Input).await;
        sender.writer = Some(writer.map_err(|_| InputSendError::LeaseEnded)?);
        Ok(sender)
    }

    /// The lease it drives by.
    #[must_use]
    pub const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Sends one event; `at_us` is any clock of the caller, in microseconds, that the driven side is told. Events
    /// arrive in order and none is lost while the lease runs; waits when the connection does not keep up. It does not
    /// happen if this member has not seen for too long what is on the driven screen
    /// ([`Event::InputHeldBack`](crate::Event::InputHeldBack)). Not cancel safe: a dropped call ends the lease.
    ///
    /// # Errors
    /// [`InputSendError::OutOfScope`] changes nothing; after [`InputSendError::LeaseEnded`] drop this.
    pub async fn send(&mut self, event: InputEvent, at_us: u64) -> Result<(), InputSendError> {
        if !scope_covers(&self.lease.terms.scope, &event) {
            return Err(InputSendError::OutOfScope);
        }
        self.send_waiting(&mut VecDeque::from([(event, at_us)])).await
    }

    /// From now on sends an object at every interval, whether something happened or not; see [`ConstantRateSender`]. Spawns the
    /// task that does it on the current tokio runtime.
    #[must_use]
    pub fn at_constant_rate(mut self, every: Duration) -> ConstantRateSender {
        self.is_padded = true;
        self.prologues.set_padding(Padding::Buckets);
        if let Some((_, sealer)) = &mut self.private {
            sealer.set_padding(Padding::Buckets);
        }
        ConstantRateSender::spawn(self, every)
    }

    /// Sends the first of these events in one object, as many as fit into the smallest bucket and at least one, if there is one.
    pub(super) async fn send_waiting(
        &mut self,
        waiting: &mut VecDeque<TimedEvent>,
    ) -> Result<(), InputSendError> {
        if self.state.is_ended() {
            return Err(InputSendError::LeaseEnded);
        }
        let mut writer = self.writer.take().ok_or(InputSendError::LeaseEnded)?;
        if let Some(prologue) = self.follow_epoch().await? {
            writer.object(&prologue).await.map_err(|_| InputSendError::LeaseEnded)?;
        }
        let events = self.take_fitting(waiting);
        let object = self.seal(&events)?;
        writer.object(&object).await.map_err(|_| InputSendError::LeaseEnded)?;
        self.writer = Some(writer);
        Ok(())
    }

    fn take_fitting(&mut self, waiting: &mut VecDeque<TimedEvent>) -> Vec<u8> {
        let mut plaintext = Vec::new();
        while let Some(&(event, at_us)) = waiting.front() {
            let before = plaintext.len();
            let message =
                InputMessage { sequence: self.next_sequence, at_us, tick: self.newest_tick(), event };
            put_input(&mut plaintext, &message);
            if plaintext.len() > PADDED_EVENTS_BYTES_MAX && before > 0 {
                plaintext.truncate(before);
                break;
            }
            waiting.pop_front();
            self.next_sequence += 1;
        }
        plaintext
    }

    /// Agrees on keys for the newest epoch; gives the prologue that tells them, unless they are agreed already.
    async fn follow_epoch(&mut self) -> Result<Option<bytes::Bytes>, InputSendError> {
        let newest = *self.shared.epoch.borrow();
        if self.private.as_ref().is_some_and(|(epoch, _)| *epoch == newest) {
            return Ok(None);
        }
        let (Agreement { epoch, enc, keys }, ticks) = self.agree().await.ok_or(InputSendError::LeaseEnded)?;
        let sealer = Sealer::private(&self.shared.keyring(), self.track, TrackKind::Input, keys);
        self.ticks = Some(ticks);
        let mut sealer = sealer.map_err(|_| InputSendError::LeaseEnded)?;
        if self.is_padded {
            sealer.set_padding(Padding::Buckets);
        }
        self.private = Some((epoch, sealer));
        let prologue = Prologue { lease: self.lease.id.0, epoch, enc }.encode();
        let object = self.prologues.seal(self.shared.clock.now(), self.meta(), &prologue);
        object.map(Some).map_err(|_| InputSendError::LeaseEnded)
    }

    fn newest_tick(&self) -> u64 {
        self.ticks.as_ref().map_or(0, |ticks| ticks.newest(&self.shared.screens))
    }

    async fn agree(&self) -> Option<(Agreement, Arc<TicksSeen>)> {
        let (reply, answer) = oneshot::channel();
        let commands = self.shared.commands.upgrade()?;
        commands.send(Command::Agree { lease: self.lease.id, reply }).await.ok()?;
        answer.await.ok()?
    }

    fn seal(&mut self, plaintext: &[u8]) -> Result<bytes::Bytes, InputSendError> {
        let (now, meta) = (self.shared.clock.now(), self.meta());
        let (_, sealer) = self.private.as_mut().ok_or(InputSendError::LeaseEnded)?;
        sealer.seal(now, meta, plaintext).map_err(|_| InputSendError::LeaseEnded)
    }

    const fn meta(&self) -> SealMeta {
        SealMeta { group: self.lease.terms.generation, keyframe: false }
    }
}

impl Drop for InputSender {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.finish();
        }
        self.shared.notice(Notice::DropLease(self.lease.id.0));
        self.shared.unpublish(self.track);
    }
}

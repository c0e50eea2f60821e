use super::input_reader::{InputReader, InputStreams};
use super::{Lease, category};
use crate::event::Refused;
use crate::handle::{Notice, Shared};
use crate::payload::{InputEvent, InputMessage};
use isi_e2ee::{Ended, LeaseEndReason, LeaseState, Release};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Hands out what the driver of this member's screen does, until the lease ends.
///
/// Each event is checked against the lease right before it is handed out: apply it at once. Take events until `None`:
/// when the lease ends, whatever ends it, everything the driver still held is handed out to be released. Dropping this
/// ends the lease, but then nobody is told what was held.
#[derive(Debug)]
pub struct InputReceiver {
    shared: Arc<Shared>,
    lease: Lease,
    gate: Arc<Mutex<LeaseState>>,
    reader: InputReader,
    next_sequence: Option<u64>,
    end: oneshot::Receiver<Ended>,
    ended: Option<LeaseEndReason>,
    releases: VecDeque<InputEvent>,
}

/// What to do to the shared screen.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputToApply {
    /// The driver did this.
    Event {
        /// What.
        event: InputEvent,
        /// The driver's clock, microseconds, as given to [`InputSender::send`](crate::InputSender::send).
        at_us: u64,
    },
    /// The lease has ended while the driver held this: let it go.
    Release(InputEvent),
}

/// A lease as the driver task hands it out to the driven side.
#[derive(Debug)]
pub(crate) struct GivenLease {
    pub(crate) lease: Lease,
    pub(crate) gate: Arc<Mutex<LeaseState>>,
    pub(crate) streams: InputStreams,
    pub(crate) ended: oneshot::Receiver<Ended>,
}

impl InputReceiver {
    pub(crate) fn new(shared: Arc<Shared>, given: GivenLease) -> Self {
        let GivenLease { lease, gate, streams, ended: end } = given;
        let reader = InputReader::new(Arc::clone(&shared), lease, streams);
        Self { shared, lease, gate, reader, next_sequence: None, end, ended: None, releases: VecDeque::new() }
    }

    /// The lease.
    #[must_use]
    pub const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Why the lease has ended, once [`next`](Self::next) gave a release or `None`.
    #[must_use]
    pub const fn ended(&self) -> Option<LeaseEndReason> {
        self.ended
    }

    /// What to apply next; `None` when the lease has ended and everything held is released. Events that the lease does
    /// not cover are reported as [`Event::Refused`](crate::Event::Refused) and skipped. Cancel safe.
    pub async fn next(&mut self) -> Option<InputToApply> {
        loop {
            if let Some(release) = self.releases.pop_front() {
                return Some(InputToApply::Release(release));
            }
            if self.ended.is_some() {
                return None;
            }
            tokio::select! {
                biased;
                // The driver task says when and why; if it is gone, so is everything it stood for.
                ended = &mut self.end => {
                    let ended = ended.ok().or_else(|| lock(&self.gate).end(LeaseEndReason::DriverGone));
                    self.release(ended);
                }
                message = self.reader.next() => match message.and_then(|message| self.admit(message)) {
                    Ok(event) => return Some(event),
                    Err(why) => self.shared.refused(self.lease.driver, why),
                },
            }
        }
    }

    /// The lease decides, with the clock read right here.
    fn admit(&mut self, message: InputMessage) -> Result<InputToApply, Refused> {
        let InputMessage { sequence, at_us, event } = message;
        if self.next_sequence.is_some_and(|next| next != sequence) {
            // Something was lost, perhaps a release: nothing after it can be trusted to make sense.
            self.shared.notice(Notice::InputCut(self.lease.id.0));
            return Err(Refused::InputLost);
        }
        self.next_sequence = Some(sequence.saturating_add(1));
        let (first, then) = category(&event);
        let mut gate = lock(&self.gate);
        for category in std::iter::once(first).chain(then) {
            gate.admit(self.shared.clock.now(), self.lease.terms.driver, &self.lease.id.0, category)?;
        }
        drop(gate);
        Ok(InputToApply::Event { event, at_us })
    }

    fn release(&mut self, ended: Option<Ended>) {
        self.reader.close();
        self.ended = Some(ended.as_ref().map_or(LeaseEndReason::DriverGone, |ended| ended.reason));
        self.releases.extend(ended.into_iter().flat_map(|ended| ended.releases).map(
            |release| match release {
                Release::Key(keysym) => InputEvent::Key { keysym, pressed: false },
                Release::Button(button) => InputEvent::Button { button, pressed: false },
            },
        ));
    }
}

impl Drop for InputReceiver {
    fn drop(&mut self) {
        self.reader.close();
        self.shared.notice(Notice::DropLease(self.lease.id.0));
    }
}

// A poisoned lock means a panic between two whole updates elsewhere; the state is as valid as before.
fn lock(gate: &Mutex<LeaseState>) -> MutexGuard<'_, LeaseState> {
    gate.lock().unwrap_or_else(PoisonError::into_inner)
}

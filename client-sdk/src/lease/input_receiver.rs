use super::gate::{EndedInput, InputReport};
use super::input_reader::{InputReader, InputStreams};
use super::{Lease, PanicSwitch};
use crate::event::Refused;
use crate::handle::{Notice, Shared};
use crate::payload::{InputEvent, InputMessage};
use isi_e2ee::{InputRefused, LeaseEndReason};
use std::collections::VecDeque;
use std::sync::Arc;
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
    reader: InputReader,
    next_sequence: Option<u64>,
    end: oneshot::Receiver<EndedInput>,
    ended: Option<(LeaseEndReason, InputReport)>,
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
    pub(crate) streams: InputStreams,
    pub(crate) ended: oneshot::Receiver<EndedInput>,
}

impl InputReceiver {
    pub(crate) fn new(shared: Arc<Shared>, given: GivenLease) -> Self {
        let GivenLease { lease, streams, ended: end } = given;
        let reader = InputReader::new(Arc::clone(&shared), lease, streams);
        Self { shared, lease, reader, next_sequence: None, end, ended: None, releases: VecDeque::new() }
    }

    /// The lease.
    #[must_use]
    pub const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Why the lease has ended, once [`next`](Self::next) gave a release or `None`.
    #[must_use]
    pub fn ended(&self) -> Option<LeaseEndReason> {
        self.ended.map(|(reason, _)| reason)
    }

    /// What became of the driver's input so far.
    #[must_use]
    pub fn report(&self) -> InputReport {
        let ended = self.ended.map(|(_, report)| report);
        ended.or_else(|| self.shared.gate.report(self.lease.id.0)).unwrap_or_default()
    }

    /// Takes this lease back at once, from any thread, and no other.
    #[must_use]
    pub fn panic_switch(&self) -> PanicSwitch {
        PanicSwitch::new(Arc::clone(&self.shared), Some(self.lease.id))
    }

    /// What to apply next; `None` when the lease has ended and everything held is released. Events that the lease does
    /// not cover are reported as [`Event::Refused`](crate::Event::Refused) and skipped, those that were held back on their
    /// way are counted in [`report`](Self::report) and told in [`Event::InputHeldBack`](crate::Event::InputHeldBack).
    /// Cancel safe.
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
                // Whoever ends the lease says so here; if all of them are gone, so is everything they stood for.
                ended = &mut self.end => match ended {
                    Ok(ended) => self.release(ended),
                    Err(_) => self.ended = Some((LeaseEndReason::DriverGone, InputReport::default())),
                },
                message = self.reader.next() => match message.and_then(|message| self.admit(message)) {
                    Ok(event) => return Some(event),
                    Err(Refused::Input(InputRefused::HeldBack)) => {}
                    Err(why) => self.shared.refused(self.lease.driver, why),
                },
            }
        }
    }

    /// The lease decides.
    fn admit(&mut self, message: InputMessage) -> Result<InputToApply, Refused> {
        let InputMessage { sequence, at_us, event, .. } = message;
        if self.next_sequence.is_some_and(|next| next != sequence) {
            // Something was lost, perhaps a release: nothing after it can be trusted to make sense.
            self.shared.notice(Notice::InputCut(self.lease.id.0));
            return Err(Refused::InputLost);
        }
        self.next_sequence = Some(sequence.saturating_add(1));
        self.shared.gate.admit(self.lease.terms.driver, &self.lease.id.0, &message)?;
        Ok(InputToApply::Event { event, at_us })
    }

    fn release(&mut self, ended: EndedInput) {
        self.reader.close();
        self.ended = Some((ended.reason, ended.report));
        self.releases.extend(ended.releases);
    }
}

impl Drop for InputReceiver {
    fn drop(&mut self) {
        self.reader.close();
        self.shared.notice(Notice::DropLease(self.lease.id.0));
    }
}

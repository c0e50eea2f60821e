use super::end::End;
use super::finished::FinishedStreams;
use super::opening::Opening;
use super::outgoing::{Flushed, Outgoing};
use bytes::Bytes;
use isi_relay_core::EgressId;
use isi_wire::{CloseCode, DeliveryClass, RelayMessage, ResetCode, StreamType};
use quinn::{Connection, SendStream};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::task::{Context, Poll};

/// A stream to the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    Control,
    Log,
    Egress(EgressId),
}

/// All streams to one receiver. Bytes are staged, then flushed; no stream waits for another.
pub(super) struct Lanes {
    connection: Connection,
    streams: HashMap<Lane, Outgoing>,
    opening: Opening,
    /// Wait until the receiver allows one more stream.
    unopened: Vec<Lane>,
    /// Have something to write that was not tried yet.
    ready: Vec<Lane>,
    /// Were tried in vain; quinn wakes the task when one can go on.
    blocked: Vec<Lane>,
    finished: FinishedStreams,
}

impl Lanes {
    /// The control stream exists already; `first` is what stands on it before anything the core says.
    pub(super) fn new(connection: Connection, control: SendStream, first: Bytes) -> Self {
        let mut lanes = Self {
            streams: HashMap::new(),
            opening: Opening::new(connection.clone()),
            connection,
            unopened: Vec::new(),
            ready: Vec::new(),
            blocked: Vec::new(),
            finished: FinishedStreams::default(),
        };
        let mut outgoing = Outgoing::new(None);
        outgoing.attach(control);
        lanes.streams.insert(Lane::Control, outgoing);
        lanes.stage(Lane::Control, first);
        let mut log_type = Vec::new();
        StreamType::Log.encode(&mut log_type);
        lanes.open(Lane::Log, DeliveryClass::Log, log_type.into());
        lanes
    }

    /// Staged bytes that wait for the receiver: urgent ones, others. Looks at blocked streams only: nothing else keeps any
    /// after a flush.
    pub(super) fn staged_bytes(&self) -> (usize, usize) {
        let blocked = self.blocked.iter().filter_map(|lane| self.streams.get(lane));
        blocked.fold((0, 0), |(urgent, others), outgoing| match outgoing.is_urgent() {
            true => (urgent + outgoing.staged_bytes(), others),
            false => (urgent, others + outgoing.staged_bytes()),
        })
    }

    pub(super) fn stage_control(&mut self, message: &RelayMessage) {
        let mut frame = Vec::new();
        message.encode(&mut frame);
        self.stage(Lane::Control, frame.into());
    }

    /// Adds bytes to a stream. For a stream that is gone (the receiver stopped it) they are dropped.
    pub(super) fn stage(&mut self, lane: Lane, bytes: Bytes) {
        if let Some(outgoing) = self.streams.get_mut(&lane) {
            outgoing.stage(bytes);
            self.mark_ready(lane);
        }
    }

    pub(super) fn open(&mut self, lane: Lane, class: DeliveryClass, header: Bytes) {
        self.streams.insert(lane, Outgoing::new(Some(class)));
        self.unopened.push(lane);
        self.stage(lane, header);
    }

    pub(super) fn finish(&mut self, egress: EgressId) {
        if let Some(outgoing) = self.streams.get_mut(&Lane::Egress(egress)) {
            outgoing.finish();
            self.mark_ready(Lane::Egress(egress));
        }
    }

    pub(super) fn reset(&mut self, egress: EgressId, code: ResetCode) {
        match self.streams.remove(&Lane::Egress(egress)) {
            Some(outgoing) => outgoing.reset(code),
            None => self.finished.reset(egress, code),
        }
    }

    /// Begins a turn: everything blocked may be tried again, the most urgent first.
    pub(super) fn begin_turn(&mut self, cx: &mut Context<'_>) {
        self.finished.poll_stale(cx);
        self.ready.append(&mut self.blocked);
        let streams = &self.streams;
        self.ready.sort_by_key(|lane| Reverse(streams.get(lane).map(Outgoing::priority)));
        self.unopened.sort_by_key(|lane| Reverse(streams.get(lane).map(Outgoing::priority)));
    }

    /// Writes all that is ready. Returns the groups whose streams the receiver stopped.
    ///
    /// # Errors
    /// [`End`]: the connection is lost, or the receiver stopped a stream that it must not stop.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) -> Result<Vec<EgressId>, End> {
        self.open_streams(cx)?;
        let mut stopped = Vec::new();
        let mut ready = std::mem::take(&mut self.ready);
        for lane in ready.drain(..) {
            let Some(outgoing) = self.streams.get_mut(&lane) else { continue };
            match (lane, outgoing.flush(&self.connection, cx).map_err(|_| End::lost())?) {
                (_, Flushed::All) => {}
                (lane, Flushed::Blocked) => self.blocked.push(lane),
                (Lane::Egress(egress), Flushed::Finished(stream)) => {
                    if self.streams.remove(&lane).is_some_and(|outgoing| outgoing.may_go_stale()) {
                        self.finished.push(egress, stream, cx);
                    }
                }
                (Lane::Egress(egress), Flushed::Stopped) => {
                    self.streams.remove(&lane);
                    stopped.push(egress);
                }
                // We never finish them, so it was the receiver.
                (Lane::Control | Lane::Log, Flushed::Finished(_) | Flushed::Stopped) => {
                    return Err(End::violation(CloseCode::ProtocolViolation));
                }
            }
        }
        self.ready = ready;
        Ok(stopped)
    }

    fn open_streams(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        while let Some(lane) = self.unopened.first() {
            // Reset before it was ever opened: the receiver never hears of it.
            let Some(outgoing) = self.streams.get_mut(lane) else {
                self.unopened.remove(0);
                continue;
            };
            match self.opening.poll(cx) {
                Poll::Ready(stream) => outgoing.attach(stream?),
                Poll::Pending => break,
            }
            self.unopened.remove(0);
        }
        Ok(())
    }

    fn mark_ready(&mut self, lane: Lane) {
        if !self.ready.contains(&lane) && !self.blocked.contains(&lane) {
            self.ready.push(lane);
        }
    }
}

use super::end::End;
use super::finished::FinishedStreams;
use super::opening::Opening;
use super::outgoing::{Flushed, Outgoing};
use crate::transport::SEND_WINDOW_BYTES_MIN;
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
    /// Streams opened so far.
    opened: u32,
    send_window: u64,
    /// What the core has to be told of its streams.
    news: Vec<News>,
}

/// Something that happened to a group's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The receiver wants no more of it.
    Stopped(EgressId),
    /// It takes nothing now.
    Held(EgressId),
    /// It goes on.
    Released(EgressId),
}

/// Bytes that wait for the receiver.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Staged {
    /// Of control, input and log.
    pub(super) urgent: usize,
    /// Of media that goes as fast as the path does.
    pub(super) media: usize,
    /// Of media whose receiver holds it back.
    pub(super) held_media: usize,
    pub(super) bulk: usize,
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
            opened: 0,
            send_window: SEND_WINDOW_BYTES_MIN,
            news: Vec::new(),
        };
        let mut outgoing = Outgoing::new(None, 0);
        outgoing.attach(control);
        lanes.streams.insert(Lane::Control, outgoing);
        lanes.stage(Lane::Control, first);
        let mut log_type = Vec::new();
        StreamType::Log.encode(&mut log_type);
        lanes.open(Lane::Log, DeliveryClass::Log, log_type.into());
        lanes
    }

    /// Looks at blocked streams only: nothing else keeps any bytes after a flush.
    pub(super) fn staged(&self) -> Staged {
        let mut staged = Staged::default();
        for outgoing in self.blocked.iter().filter_map(|lane| self.streams.get(lane)) {
            *match outgoing.class() {
                Some(DeliveryClass::Media) if outgoing.held => &mut staged.held_media,
                Some(DeliveryClass::Media) => &mut staged.media,
                Some(DeliveryClass::Bulk) => &mut staged.bulk,
                Some(DeliveryClass::Input | DeliveryClass::Live | DeliveryClass::Log) | None => {
                    &mut staged.urgent
                }
            } += outgoing.staged_bytes();
        }
        staged
    }

    pub(super) fn stage_control(&mut self, message: &RelayMessage) {
        let mut frame = Vec::new();
        message.encode(&mut frame);
        self.stage(Lane::Control, frame.into());
    }

    /// Adds bytes to a stream. For a stream that is gone (the receiver stopped it) they are dropped.
    pub(super) fn stage(&mut self, lane: Lane, bytes: Bytes) {
        self.stage_all(lane, std::iter::once(bytes));
    }

    pub(super) fn stage_all(&mut self, lane: Lane, chunks: impl Iterator<Item = Bytes>) {
        if let Some(outgoing) = self.streams.get_mut(&lane) {
            chunks.for_each(|chunk| outgoing.stage(chunk));
            self.mark_ready(lane);
        }
    }

    pub(super) fn open(&mut self, lane: Lane, class: DeliveryClass, header: Bytes) {
        self.opened = self.opened.wrapping_add(1);
        self.streams.insert(lane, Outgoing::new(Some(class), self.opened));
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

    /// Whether an input track's stream to the receiver is open.
    pub(super) fn has_input(&self) -> bool {
        self.streams.values().any(|outgoing| outgoing.class() == Some(DeliveryClass::Input))
    }

    /// What media and bulk may fill from now on.
    pub(super) fn set_send_window(&mut self, bytes: u64) {
        if bytes != self.send_window {
            self.send_window = bytes;
            self.connection.set_send_window(bytes);
        }
    }

    /// Begins a turn: everything blocked may be tried again, the most urgent first.
    pub(super) fn begin_turn(&mut self, cx: &mut Context<'_>) {
        self.finished.poll_stale(cx);
        for egress in self.finished.take_unwritten() {
            self.streams
                .remove(&Lane::Egress(egress))
                .into_iter()
                .for_each(|late| late.reset(ResetCode::Stale));
        }
        self.ready.append(&mut self.blocked);
        let streams = &self.streams;
        self.ready.sort_by_key(|lane| Reverse(streams.get(lane).map(Outgoing::priority)));
        self.unopened.sort_by_key(|lane| Reverse(streams.get(lane).map(Outgoing::priority)));
    }

    /// Writes all that is ready.
    ///
    /// # Errors
    /// [`End`]: the connection is lost, or the receiver stopped a stream that it must not stop.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        self.open_streams(cx)?;
        let mut ready = std::mem::take(&mut self.ready);
        for lane in ready.drain(..) {
            self.flush_lane(lane, cx)?;
        }
        self.ready = ready;
        Ok(())
    }

    /// What happened to groups since the last call.
    pub(super) fn news(&mut self) -> impl Iterator<Item = News> {
        self.news.drain(..)
    }

    fn flush_lane(&mut self, lane: Lane, cx: &mut Context<'_>) -> Result<(), End> {
        let Some(outgoing) = self.streams.get_mut(&lane) else { return Ok(()) };
        let flushed = outgoing.flush(&self.connection, self.send_window, cx).map_err(|_| End::lost())?;
        match (lane, flushed) {
            (Lane::Egress(egress), Flushed::All) => {
                if std::mem::replace(&mut outgoing.held, false) {
                    self.news.push(News::Released(egress));
                }
            }
            (Lane::Control | Lane::Log, Flushed::All) => {}
            (Lane::Egress(egress), Flushed::Blocked) => {
                self.blocked.push(lane);
                if !outgoing.held && outgoing.is_stuck() {
                    outgoing.held = true;
                    self.news.push(News::Held(egress));
                }
                if outgoing.is_finishing() && outgoing.may_go_stale() && !outgoing.watched {
                    outgoing.watched = true;
                    self.finished.push(egress, None, cx);
                }
            }
            (Lane::Control | Lane::Log, Flushed::Blocked) => self.blocked.push(lane),
            (Lane::Egress(egress), Flushed::Finished(stream)) => {
                if self.streams.remove(&lane).is_some_and(|outgoing| outgoing.may_go_stale()) {
                    self.finished.push(egress, Some(stream), cx);
                }
            }
            (Lane::Egress(egress), Flushed::Stopped) => {
                self.streams.remove(&lane);
                self.news.push(News::Stopped(egress));
            }
            // We never finish them, so it was the receiver.
            (Lane::Control | Lane::Log, Flushed::Finished(_) | Flushed::Stopped) => {
                return Err(End::violation(CloseCode::ProtocolViolation));
            }
        }
        Ok(())
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

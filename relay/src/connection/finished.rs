use isi_relay_core::EgressId;
use isi_wire::ResetCode;
use quinn::{SendStream, VarInt};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a whole group may still be on its way to a receiver. What is not acknowledged then is stale and given up, so
/// that it does not stay in quinn's buffer for as long as the receiver likes.
const UNACKNOWLEDGED_MS_MAX: u64 = 3_000;
/// Finished groups that can still be reset; beyond, the oldest is given up early.
const FINISHED_STREAMS_MAX: usize = 64;

/// Media groups of which nothing more will come, but which are perhaps not acknowledged, or not even written.
#[derive(Default)]
pub(super) struct FinishedStreams {
    streams: VecDeque<(Instant, EgressId, Option<SendStream>)>,
    timer: Option<Pin<Box<Sleep>>>,
    unwritten: Vec<EgressId>,
}

impl FinishedStreams {
    /// Keeps the handle of a finished group, and has `cx` woken when it is stale. `None`: its end is still to be written.
    pub(super) fn push(&mut self, egress: EgressId, stream: Option<SendStream>, cx: &mut Context<'_>) {
        if self.streams.len() == FINISHED_STREAMS_MAX {
            self.give_up_oldest();
        }
        let stale_at = Instant::now() + Duration::from_millis(UNACKNOWLEDGED_MS_MAX);
        self.streams.push_back((stale_at, egress, stream));
        self.poll_stale(cx);
    }

    /// Groups that became stale before their end was written.
    pub(super) fn take_unwritten(&mut self) -> Vec<EgressId> {
        std::mem::take(&mut self.unwritten)
    }

    /// Resets one group, if it is still here.
    pub(super) fn reset(&mut self, egress: EgressId, code: ResetCode) {
        let index = self.streams.iter().position(|(_, known, stream)| *known == egress && stream.is_some());
        if let Some((_, _, Some(stream))) = index.and_then(|index| self.streams.remove(index)) {
            give_up(stream, code);
        }
    }

    /// Gives up what is stale, and has `cx` woken when the next one is.
    pub(super) fn poll_stale(&mut self, cx: &mut Context<'_>) {
        while let Some((stale_at, _, _)) = self.streams.front() {
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(*stale_at)));
            if timer.deadline() < *stale_at {
                timer.as_mut().reset(*stale_at);
            }
            match timer.as_mut().poll(cx) {
                Poll::Ready(()) => self.give_up_oldest(),
                Poll::Pending => return,
            }
        }
    }

    fn give_up_oldest(&mut self) {
        match self.streams.pop_front() {
            Some((_, _, Some(stream))) => give_up(stream, ResetCode::Stale),
            Some((_, egress, None)) => self.unwritten.push(egress),
            None => {}
        }
    }
}

fn give_up(mut stream: SendStream, code: ResetCode) {
    // An acknowledged stream is closed: there is nothing to reset, which is the common case.
    let _ = stream.reset(VarInt::from_u32(code as u32));
}

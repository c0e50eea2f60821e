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

/// Media groups that were written whole and finished, but are perhaps not acknowledged.
#[derive(Default)]
pub(super) struct FinishedStreams {
    streams: VecDeque<(Instant, EgressId, SendStream)>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl FinishedStreams {
    /// Keeps the handle of a finished group, and has `cx` woken when it is stale.
    pub(super) fn push(&mut self, egress: EgressId, stream: SendStream, cx: &mut Context<'_>) {
        if self.streams.len() == FINISHED_STREAMS_MAX {
            self.give_up_oldest();
        }
        let stale_at = Instant::now() + Duration::from_millis(UNACKNOWLEDGED_MS_MAX);
        self.streams.push_back((stale_at, egress, stream));
        self.poll_stale(cx);
    }

    /// Resets one group, if it is still here.
    pub(super) fn reset(&mut self, egress: EgressId, code: ResetCode) {
        if let Some(index) = self.streams.iter().position(|(_, known, _)| *known == egress) {
            self.streams.remove(index).into_iter().for_each(|(_, _, stream)| give_up(stream, code));
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
        self.streams.pop_front().into_iter().for_each(|(_, _, stream)| give_up(stream, ResetCode::Stale));
    }
}

fn give_up(mut stream: SendStream, code: ResetCode) {
    // An acknowledged stream is closed: there is nothing to reset, which is the common case.
    let _ = stream.reset(VarInt::from_u32(code as u32));
}

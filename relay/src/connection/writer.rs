//! The one task that writes to a receiver. It owns all streams to it and asks the core what comes next only when there is
//! room, so priority is decided late.

use super::datagrams::DatagramSender;
use super::end::End;
use super::lanes::{Lane, Lanes, News};
use super::outgoing::STUCK_AFTER;
use super::path::PathWatch;
use crate::room::Seat;
use bytes::Bytes;
use isi_relay_core::{Write, WriteRoom};
use isi_wire::CloseCode;
use quinn::{Connection, SendStream};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// Writes per turn before other tasks get theirs.
const WRITES_PER_TURN_MAX: usize = 64;
/// Bytes of media, and of bulk, taken from the core at once while the receiver takes everything.
const STEP_BYTES_MAX: usize = 64 * 1024;
/// The same while a stream of the class is stalled. Small: what was taken can no longer be replaced by something newer.
const STALLED_STEP_BYTES_MAX: usize = 16 * 1024;
/// Bytes of media, and of bulk, taken from the core that quinn has not taken. More than a step, so that one stalled stream
/// does not hold back the others of its class.
const STAGED_BYTES_MAX: usize = 128 * 1024;
/// The same for control, input and log. A receiver that does not read those gets nothing at all until it does,
const STAGED_URGENT_BYTES_MAX: usize = 64 * 1024;
/// and is closed with `Flood` when it takes longer: it could not even be told that it is kicked.
const URGENT_STALL: Duration = Duration::from_secs(10);

/// Runs until the core closes the connection or the connection is lost. `first` goes out before anything the core says.
pub(super) async fn write_to_receiver(
    connection: Connection,
    seat: Seat,
    control: SendStream,
    first: Bytes,
) -> End {
    let wake = seat.writer_wake();
    let lanes = Lanes::new(connection.clone(), control, first);
    let mut writer = Writer {
        connection,
        seat,
        lanes,
        chunks: Vec::new(),
        datagrams: DatagramSender::default(),
        path: PathWatch::default(),
        stuck: None,
        stalled: None,
    };
    loop {
        let mut woken = pin!(wake.notify.notified());
        let turn = std::future::poll_fn(|cx| match writer.take_turn(cx) {
            Ok(()) => woken.as_mut().poll(cx).map(|()| None),
            Err(end) => Poll::Ready(Some(end)),
        });
        if let Some(end) = turn.await {
            // Before the streams are dropped: quinn finishes what is dropped, and a cut group would look whole.
            end.close(&writer.connection);
            return end;
        }
    }
}

struct Writer {
    connection: Connection,
    seat: Seat,
    lanes: Lanes,
    /// Empty between turns; kept for its capacity.
    chunks: Vec<Bytes>,
    datagrams: DatagramSender,
    path: PathWatch,
    /// Runs while media waits for the path: does it take nothing, others are to go on.
    stuck: Option<Pin<Box<Sleep>>>,
    /// Runs while the receiver does not take what is urgent.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Writer {
    /// Writes what the receiver takes now. Afterwards `cx` is woken by every stream that was blocked.
    fn take_turn(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        self.look_at_path();
        self.lanes.begin_turn(cx);
        self.flush(cx)?;
        self.watch_stuck(cx);
        for _ in 0..WRITES_PER_TURN_MAX {
            let Some(room) = self.room() else { return self.wait_for_urgent(cx) };
            self.stalled = None;
            let Some(write) = self.seat.next_write(room, &mut self.chunks) else { return Ok(()) };
            self.write(write)?;
            self.flush(cx)?;
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// The forwarding path's last step: one decision of the core becomes one action on a stream.
    fn write(&mut self, write: Write) -> Result<(), End> {
        match write {
            Write::Control(message) => self.lanes.stage_control(&message),
            Write::Log(entry) => self.lanes.stage(Lane::Log, entry),
            Write::Stream { egress, class, opens, bytes: _, finishes } => {
                let mut chunks = self.chunks.drain(..);
                if opens && let Some(header) = chunks.next() {
                    self.lanes.open(Lane::Egress(egress), class, header);
                }
                self.lanes.stage_all(Lane::Egress(egress), chunks);
                if finishes {
                    self.lanes.finish(egress);
                }
            }
            Write::Reset { egress, code } => self.lanes.reset(egress, code),
            Write::Datagram(datagram) => self.datagrams.send(&self.connection, datagram),
            Write::StopIngress { ingress, code } => self.seat.stop_ingress(ingress, code),
            Write::Close(code) => return Err(End::closed_by_core(code)),
        }
        Ok(())
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        self.datagrams.poll(cx);
        self.lanes.flush(cx)?;
        for news in self.lanes.news() {
            match news {
                News::Stopped(egress) => self.seat.stream_stopped(egress),
                News::Held(egress) => self.seat.with(|session, _, to| session.hold_egress(to, egress)),
                News::Released(egress) => self.seat.with(|session, _, to| session.release_egress(to, egress)),
            }
        }
        Ok(())
    }

    fn look_at_path(&mut self) {
        let Some(news) = self.path.look(&self.connection, || self.lanes.has_input()) else { return };
        self.lanes.set_send_window(news.send_window_bytes);
        if let Some(report) = news.report {
            self.seat.with(|session, now, to| session.report_path(now, to, report));
        }
    }

    /// Nothing else wakes the task when all that it waits for is a stream that its receiver holds back.
    fn watch_stuck(&mut self, cx: &mut Context<'_>) {
        if self.lanes.staged().media == 0 {
            return;
        }
        let timer = self.stuck.get_or_insert_with(|| Box::pin(sleep(STUCK_AFTER)));
        if timer.as_mut().poll(cx).is_ready() {
            self.stuck = None;
            cx.waker().wake_by_ref();
        }
    }

    fn room(&self) -> Option<WriteRoom> {
        let staged = self.lanes.staged();
        (staged.urgent < STAGED_URGENT_BYTES_MAX).then(|| WriteRoom {
            media_bytes: if staged.media == 0 { step_bytes(staged.held_media) } else { 0 },
            // Media that waits means that the connection is full, as far as can be told.
            bulk_bytes: if staged.media == 0 { step_bytes(staged.bulk) } else { 0 },
            datagram: self.datagrams.has_room(),
        })
    }

    fn wait_for_urgent(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        match self.stalled.get_or_insert_with(|| Box::pin(sleep(URGENT_STALL))).as_mut().poll(cx) {
            Poll::Ready(()) => Err(End::violation(CloseCode::Flood)),
            Poll::Pending => Ok(()),
        }
    }
}

fn step_bytes(staged: usize) -> usize {
    match staged {
        0 => STEP_BYTES_MAX,
        staged => STAGED_BYTES_MAX.saturating_sub(staged).min(STALLED_STEP_BYTES_MAX),
    }
}

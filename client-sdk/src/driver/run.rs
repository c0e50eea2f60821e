use super::budget::Budget;
use super::dialler::Dialler;
use super::handles::Handles;
use super::renewal::Renewal;
use super::requests::nobody;
use super::state::State;
use crate::command::Command;
use crate::error::Disconnected;
use crate::handle::Seat;
use crate::limits::LEAVE_TIMEOUT;
use crate::transport::{FrameReader, Link, Opened, OutQueue};
use isi_wire::{CloseCode, LogEntry, RelayMessage};
use quinn::VarInt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

/// Moves bytes between [`State`] and the connection.
///
/// Priorities of the loop, highest first: what the relay says, the log, what is to be sent, what is due, new streams,
/// datagrams, calls of handles, notices of handles. Each is served at most 32 times before the next has its turn.
pub(super) struct Driver {
    pub(super) state: State,
    pub(super) link: Link,
    pub(super) log: Option<FrameReader>,
    pub(super) dialler: Dialler,
    pub(super) renewal: Renewal,
    pub(super) handles: Handles,
    pub(super) seat: watch::Sender<Seat>,
    pub(super) end: watch::Sender<Option<Disconnected>>,
    /// Set once this member leaves: when the relay must have answered.
    pub(super) leaving: Option<Instant>,
    /// When the connection was lost that is not made up for yet.
    pub(super) lost_at: Instant,
}

const CONTROL: usize = 0;
const LOG: usize = 1;
const SENDING: usize = 2;
const DUE: usize = 3;
const STREAMS: usize = 4;
const DATAGRAMS: usize = 5;
const COMMANDS: usize = 6;
const NOTICES: usize = 7;
const SOURCES: usize = 8;

impl Driver {
    pub(super) async fn run(mut self) {
        let mut budget = Budget::<SOURCES>::new();
        let reason = loop {
            if let Err(why) = self.turn(&mut budget).await
                && let Err(reason) = self.recover(why).await
            {
                break reason;
            }
        };
        self.stop(reason).await;
    }

    /// Serves whatever is ready and has the highest priority.
    async fn turn(&mut self, budget: &mut Budget<SOURCES>) -> Result<(), Disconnected> {
        self.handles.calls.release(&mut self.state);
        if let Some(token) = self.state.fresh_token.take() {
            self.dialler.use_token(token);
            self.renewal.schedule(self.dialler.claims.lifetime_s);
        }
        self.move_output();
        let Self { state, link, log, handles, renewal, leaving, .. } = self;
        let Handles { calls, notices } = handles;
        let Link { connection, control, control_out, log_out, incoming, .. } = link;
        let has_output = !control_out.is_empty() || !log_out.is_empty();
        let deadline = state.next_deadline().map(|at| Instant::from_std(state.clock.instant(at)));
        let served = tokio::select! {
            biased;
            frame = control.next(), if budget.allows(CONTROL) => {
                let message = RelayMessage::decode(frame?).map_err(|_| Disconnected::RelayBrokeProtocol)?;
                state.handle_relay(message)?;
                CONTROL
            }
            entry = next_entry(log), if budget.allows(LOG) => {
                state.handle_entry(entry?)?;
                LOG
            }
            flushed = flush(control_out, log_out), if has_output && budget.allows(SENDING) => {
                flushed?;
                SENDING
            }
            () = wait_until(deadline), if budget.allows(DUE) => {
                state.handle_deadline(state.clock.now());
                DUE
            }
            () = wait_until(*leaving) => return Err(Disconnected::Done),
            opened = incoming.next(), if budget.allows(STREAMS) => {
                match opened? {
                    Opened::Log(reader) if log.is_none() => *log = Some(reader),
                    Opened::Log(_) => return Err(Disconnected::RelayBrokeProtocol),
                    Opened::Group(group) => state.handle_group(group),
                    Opened::Nothing => {}
                }
                STREAMS
            }
            datagram = connection.read_datagram(), if budget.allows(DATAGRAMS) => {
                state.handle_datagram(datagram.map_err(|error| Disconnected::from_connection(&error))?);
                DATAGRAMS
            }
            token = renewal.next() => {
                state.offer_token(token, nobody());
                return Ok(());
            }
            command = calls.next(), if leaving.is_none() && budget.allows(COMMANDS) => {
                if matches!(command, Command::Leave) {
                    *leaving = Some(Instant::now() + LEAVE_TIMEOUT);
                }
                calls.handle(state, notices, command);
                COMMANDS
            }
            Some(notice) = notices.recv(), if budget.allows(NOTICES) => {
                state.handle_notice(notice);
                NOTICES
            }
            () = std::future::ready(()), if budget.is_spent() => {
                budget.renew();
                return Ok(());
            }
        };
        budget.served(served);
        Ok(())
    }

    fn move_output(&mut self) {
        let out = &mut self.state.out;
        if !out.control.is_empty() {
            self.link.control_out.push(|queue| queue.append(&mut out.control));
        }
        if !out.log.is_empty() {
            self.link.log_out.push(|queue| queue.append(&mut out.log));
        }
        for datagram in out.datagrams.drain(..) {
            // What is lost on the way may be lost here.
            let _ = self.link.connection.send_datagram(datagram);
        }
        out.is_full = self.link.control_out.is_full() || self.link.log_out.is_full();
    }

    /// Tells every handle, wipes the keys, closes the connection.
    async fn stop(self, reason: Disconnected) {
        let Self { mut state, link, end, .. } = self;
        state.end_tracks();
        state.end_record_file();
        state.group.keyring().close();
        end.send_replace(Some(reason));
        drop(state);
        link.connection.close(VarInt::from_u32(CloseCode::Done as u32), b"");
        let _ = timeout(LEAVE_TIMEOUT, link.endpoint.wait_idle()).await;
    }
}

async fn next_entry(log: &mut Option<FrameReader>) -> Result<LogEntry, Disconnected> {
    let Some(reader) = log else { return std::future::pending().await };
    LogEntry::decode(reader.next().await?).map_err(|_| Disconnected::RelayBrokeProtocol)
}

/// Control first: the log may be long.
async fn flush(control: &mut OutQueue, log: &mut OutQueue) -> Result<(), Disconnected> {
    control.flush().await?;
    log.flush().await
}

pub(super) async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

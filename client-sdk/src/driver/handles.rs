use super::run::wait_until;
use super::state::State;
use crate::command::Command;
use crate::error::Disconnected;
use crate::handle::Notice;
use crate::limits::COMMANDS_QUEUED_MAX;
use std::collections::VecDeque;
use std::pin::pin;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// What handles say. While the connection is lost, calls that need it are held, at most [`COMMANDS_QUEUED_MAX`] of them;
/// further ones wait in the caller.
pub(super) struct Handles {
    pub(super) calls: Calls,
    pub(super) notices: mpsc::Receiver<Notice>,
}

pub(super) struct Calls {
    commands: mpsc::Receiver<Command>,
    held: VecDeque<Command>,
}

impl Handles {
    pub(super) const fn new(commands: mpsc::Receiver<Command>, notices: mpsc::Receiver<Notice>) -> Self {
        Self { calls: Calls { commands, held: VecDeque::new() }, notices }
    }

    /// Serves handles and timers while there is no connection and `work` goes on.
    ///
    /// # Errors
    /// [`Disconnected::Done`] when this member leaves: nobody can be told.
    pub(super) async fn serve_while<T>(
        &mut self,
        state: &mut State,
        work: impl Future<Output = T>,
    ) -> Result<T, Disconnected> {
        let mut work = pin!(work);
        loop {
            let deadline = state.next_deadline().map(|at| Instant::from_std(state.clock.instant(at)));
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = wait_until(deadline) => state.handle_deadline(state.clock.now()),
                command = self.calls.next() => {
                    if matches!(command, Command::Leave) {
                        return Err(Disconnected::Done);
                    }
                    self.calls.handle(state, &mut self.notices, command);
                }
                Some(notice) = self.notices.recv() => state.handle_notice(notice),
            }
        }
    }
}

impl Calls {
    /// The next call, unless too many are held. Cancel safe.
    pub(super) async fn next(&mut self) -> Command {
        if self.held.len() >= COMMANDS_QUEUED_MAX {
            return std::future::pending().await;
        }
        // No command and none to come: the last handle is dropped.
        self.commands.recv().await.unwrap_or(Command::Leave)
    }

    pub(super) fn handle(
        &mut self,
        state: &mut State,
        notices: &mut mpsc::Receiver<Notice>,
        command: Command,
    ) {
        // What was dropped before the call was made has its turn before it.
        while let Ok(notice) = notices.try_recv() {
            state.handle_notice(notice);
        }
        if state.takes_calls() || needs_no_relay(&command) {
            state.handle_command(command);
        } else {
            self.held.push_back(command);
        }
    }

    /// The connection is back: what was held has its turn.
    pub(super) fn release(&mut self, state: &mut State) {
        while state.takes_calls()
            && let Some(command) = self.held.pop_front()
        {
            state.handle_command(command);
        }
    }
}

/// Calls about what this member knows by itself, and the end of a lease, which must not wait.
const fn needs_no_relay(command: &Command) -> bool {
    matches!(
        command,
        Command::Members { .. }
            | Command::SessionCode { .. }
            | Command::PairCode { .. }
            | Command::EndLease { .. }
            | Command::Agree { .. }
            | Command::AcceptInput { .. }
            | Command::Leave
    )
}

use super::state::State;
use crate::MemberId;
use crate::command::Command;
use crate::error::{DriveError, GrantError, LeaseRequestError, SendPrivateError};
use isi_e2ee::MonotonicMs;

/// Calls that wait for a member's connection to become known. Beyond it they fail at once.
const WAITING_CALLS_MAX: usize = 64;
/// How long they wait: a member that has just come announces itself within a round trip.
const WAITING_MS_MAX: u64 = 5_000;

/// Calls about a member whose connection is not known yet.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    calls: Vec<(MonotonicMs, MemberId, Command)>,
}

impl Waiting {
    pub(super) fn next_deadline(&self) -> Option<MonotonicMs> {
        self.calls.iter().map(|(deadline, ..)| *deadline).min()
    }
}

impl State {
    /// Keeps the call until the member announces itself.
    pub(super) fn wait_for(&mut self, member: MemberId, command: Command) {
        if self.waiting.calls.len() >= WAITING_CALLS_MAX {
            fail(command);
            return;
        }
        let deadline = MonotonicMs(self.clock.now().0.saturating_add(WAITING_MS_MAX));
        self.waiting.calls.push((deadline, member, command));
    }

    /// The member's connection is known now, or it is a member no more: either way the calls can go on.
    pub(super) fn resume_waiting(&mut self, member: MemberId) {
        for (.., command) in
            self.waiting.calls.extract_if(.., |(_, waits_for, _)| *waits_for == member).collect::<Vec<_>>()
        {
            self.handle_command(command);
        }
    }

    pub(super) fn expire_waiting(&mut self, now: MonotonicMs) {
        for (.., command) in self.waiting.calls.extract_if(.., |(deadline, ..)| now >= *deadline) {
            fail(command);
        }
    }
}

fn fail(command: Command) {
    // Only these four are ever kept; a caller that is gone does not mind.
    match command {
        Command::SendPrivate { reply, .. } => drop(reply.send(Err(SendPrivateError::NotReachable))),
        Command::RequestLease { reply, .. } => drop(reply.send(Err(LeaseRequestError::NotReachable))),
        Command::GrantLease { reply, .. } => drop(reply.send(Err(GrantError::NotReachable))),
        Command::Drive { reply, .. } => drop(reply.send(Err(DriveError::NotReachable))),
        _ => {}
    }
}

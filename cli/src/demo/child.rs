//! A participant as a process of its own.

use std::{
    collections::VecDeque,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::BufReader,
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::mpsc,
};

use super::{
    pipe,
    protocol::{Counts, Note, Order},
};
use crate::failure::{Exit, Failure};

/// Longest wait for an answer. Longer ones end the demo.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for a participant that was told to leave.
const END_TIMEOUT: Duration = Duration::from_secs(5);
/// Notes kept for whoever waits for them later; there is never more than one of a kind under way.
const NOTES_MAX: usize = 64;

/// This program, to start itself again.
///
/// # Errors
/// When the system does not tell.
pub fn own_program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("cannot find this program itself: {error}"),
            "start isi by its full path",
        )
    })
}

/// One participant's process with the pipes to it. Dropping it ends it.
pub struct ParticipantProcess {
    name: String,
    child: Child,
    pid: Pid,
    orders: ChildStdin,
    notes: mpsc::Receiver<Result<Note, Failure>>,
    waiting: VecDeque<Note>,
    counts: Arc<Mutex<Counts>>,
}

impl ParticipantProcess {
    /// Starts one. `name` is for messages to the person at the demo.
    ///
    /// # Errors
    /// When no process can be started.
    pub fn start(name: String) -> Result<Self, Failure> {
        let mut command = Command::new(own_program()?);
        command
            .arg(crate::args::PARTICIPANT_COMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let cannot = |what: &str| {
            Failure::new(
                Exit::Usage,
                format!("cannot start {name}: {what}"),
                "check the limit of processes (ulimit -u)",
            )
        };
        let mut child = command.spawn().map_err(|error| cannot(&error.to_string()))?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let (Some(pid), Some(orders), Some(output)) = (pid, child.stdin.take(), child.stdout.take()) else {
            return Err(cannot("it has no pipes"));
        };
        let counts = Arc::new(Mutex::new(Counts::default()));
        let (sender, notes) = mpsc::channel(NOTES_MAX);
        tokio::spawn(read_notes(output, name.clone(), Arc::clone(&counts), sender)); // ends with the child's output
        Ok(Self { name, child, pid, orders, notes, waiting: VecDeque::new(), counts })
    }

    /// For messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// What it counted last.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives an order.
    ///
    /// # Errors
    /// When the participant is gone; its own last words, where it left some.
    pub async fn order(&mut self, order: &Order) -> Result<(), Failure> {
        let Err(error) = pipe::send(&mut self.orders, order).await else { return Ok(()) };
        while let Some(note) = self.notes.recv().await {
            note?;
        }
        Err(Failure::of(Exit::ChecksFailed, &error).while_doing(&self.name))
    }

    /// Waits for the note that `pick` takes; others are kept for later. Cancel safe.
    ///
    /// # Errors
    /// When the participant failed, ended, or does not answer in time.
    pub async fn wait<T>(&mut self, pick: impl Fn(&Note) -> Option<T>) -> Result<T, Failure> {
        if let Some((at, value)) =
            self.waiting.iter().enumerate().find_map(|(at, note)| Some((at, pick(note)?)))
        {
            self.waiting.remove(at);
            return Ok(value);
        }
        let deadline = tokio::time::Instant::now() + ANSWER_TIMEOUT;
        loop {
            let note = match tokio::time::timeout_at(deadline, self.notes.recv()).await {
                Ok(Some(note)) => note?,
                Ok(None) => return Err(ended(&self.name)),
                Err(_) => return Err(silent(&self.name)),
            };
            match pick(&note) {
                Some(value) => return Ok(value),
                None if self.waiting.len() < NOTES_MAX => self.waiting.push_back(note),
                None => {}
            }
        }
    }

    /// Stops the process where it stands, as a receiver that reads nothing any more.
    pub fn freeze(&self) {
        let _ = kill_process(self.pid, Signal::STOP); // gone: the next order tells
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        let _ = kill_process(self.pid, Signal::CONT); // gone: the next order tells
    }

    /// Waits until it has ended by itself, after [`Order::Leave`].
    pub async fn end(mut self) {
        if tokio::time::timeout(END_TIMEOUT, self.child.wait()).await.is_err() {
            drop(self.child.kill().await); // dropping kills as well
        }
    }
}

/// Reads notes until the pipe ends. Progress replaces what was there; everything else waits in the channel.
async fn read_notes(
    output: ChildStdout,
    name: String,
    counts: Arc<Mutex<Counts>>,
    notes: mpsc::Sender<Result<Note, Failure>>,
) {
    let mut output = BufReader::new(output);
    loop {
        let note = match pipe::receive::<Note>(&mut output).await {
            Ok(Some(Note::Progress(new))) => {
                *counts.lock().unwrap_or_else(PoisonError::into_inner) = *new;
                continue;
            }
            Ok(Some(note)) => match note.clone().into_failure() {
                Some(failure) => Err(failure.while_doing(&name)),
                None => Ok(note),
            },
            Ok(None) => return,
            Err(error) => Err(Failure::of(Exit::ChecksFailed, &error).while_doing(&name)),
        };
        let failed = note.is_err();
        if notes.send(note).await.is_err() || failed {
            return;
        }
    }
}

fn ended(name: &str) -> Failure {
    let hint = "read its last lines above, and run the demo again";
    Failure::new(Exit::ChecksFailed, format!("{name} ended unexpectedly"), hint)
}

fn silent(name: &str) -> Failure {
    let what = format!("{name} does not answer for {} s", ANSWER_TIMEOUT.as_secs());
    Failure::new(Exit::ChecksFailed, what, "run the demo again on a machine that is less busy")
}

//! Relays as processes of their own, each pinned to the relay's core from its first instruction on.

use super::error::DuelError;
use super::system::System;
use serde::Deserialize;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long a relay may take until it serves.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How much of its last words is told.
const LAST_WORDS_CHARS_MAX: usize = 400;

/// A running relay; dropping it ends it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it serves.
    pub address: SocketAddr,
}

/// How a relay says that it serves.
#[derive(Clone, Copy, Debug)]
pub enum Readiness {
    /// By a line of JSON with its address on standard output; it ends when its standard input does.
    Line,
    /// Not at all; it was told this address, and clients try until it is there.
    Address(SocketAddr),
}

#[derive(Deserialize)]
struct ReadyLine {
    address: SocketAddr,
}

impl Server {
    /// Starts a relay on `core`. `folder` takes what it writes to standard error.
    ///
    /// # Errors
    /// [`DuelError::NotStarted`] with its last words.
    pub fn start(
        system: System,
        mut command: Command,
        readiness: Readiness,
        core: usize,
        folder: &Path,
    ) -> Result<Self, DuelError> {
        let words = folder.join(format!("{system}.errors"));
        let errors = File::create(&words).map_err(|source| DuelError::File {
            what: "write",
            path: words.clone(),
            source,
        })?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let not_started =
            |problem: String| DuelError::NotStarted { system, last_words: last_words(&words, problem) };
        let mut child = spawn_pinned(command, core).map_err(|error| not_started(error.to_string()))?;
        let line = first_line(&mut child);
        let address = match readiness {
            Readiness::Address(address) => Some(address),
            Readiness::Line => line
                .recv_timeout(START_TIMEOUT)
                .ok()
                .and_then(|line| serde_json::from_str(&line).ok())
                .map(|ReadyLine { address }| address),
        };
        match address {
            Some(address) => Ok(Self { child, address }),
            None => {
                end(&mut child);
                Err(not_started("it said nothing".to_owned()))
            }
        }
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Most memory it ever had resident, in bytes.
    ///
    /// # Errors
    /// The system's answer; `NotFound` also when it has ended.
    pub fn resident_bytes_max(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Whether it has ended already does not matter here.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// A child inherits the affinity of the thread that starts it, so all its threads have it from the beginning.
fn spawn_pinned(mut command: Command, core: usize) -> io::Result<Child> {
    let spawned = thread::spawn(move || {
        isi_load::process::pin_current_thread(core)?;
        command.spawn()
    });
    spawned.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
}

/// Reads on to the end, so that the child never blocks on its output.
fn first_line(child: &mut Child) -> mpsc::Receiver<String> {
    let (found, line) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut first = String::new();
            if output.read_line(&mut first).is_ok() {
                // Nobody waits when the address is known anyway.
                let _ = found.send(first);
            }
            let _ = io::copy(&mut output, &mut io::sink());
        });
    }
    line
}

fn last_words(file: &Path, otherwise: String) -> String {
    let mut words = String::new();
    let read = File::open(file).and_then(|mut file| file.read_to_string(&mut words));
    let words: Vec<_> = words.split_whitespace().collect();
    match read {
        Ok(_) if !words.is_empty() => {
            let words = words.join(" ");
            let beginning = words.chars().count().saturating_sub(LAST_WORDS_CHARS_MAX);
            words.chars().skip(beginning).collect()
        }
        Ok(_) | Err(_) => otherwise,
    }
}

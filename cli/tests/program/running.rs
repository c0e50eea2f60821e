//! Programs that run beside a test.

use crate::support::{Folder, isi};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStderr, ChildStdin, Command, Stdio},
};

/// Ends a program that does not say what a test waits for; far above what one takes.
pub(crate) const LIMIT_S: &str = "120";

/// A program that runs beside the test and is ended with it.
pub(crate) struct Running {
    child: Child,
    errors: Option<BufReader<ChildStderr>>,
}

impl Running {
    pub(crate) fn of(mut child: Child) -> Self {
        let errors = child.stderr.take().map(BufReader::new);
        Self { child, errors }
    }

    /// Waits until a line on standard error has this in it.
    pub(crate) fn says(&mut self, what: &str) -> bool {
        self.errors
            .as_mut()
            .expect("its errors")
            .lines()
            .map_while(Result::ok)
            .any(|line| line.contains(what))
    }

    /// Waits for an event of this kind from a program that was started with `--json`.
    pub(crate) fn hear(&mut self, kind: &str) -> Value {
        let lines = self.errors.as_mut().expect("its errors").lines().map_while(Result::ok);
        let mut events = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        events.find(|event| event["event"] == kind).unwrap_or_else(|| panic!("no {kind} before its end"))
    }

    /// Types a line.
    pub(crate) fn types(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().expect("its input"), "{line}").unwrap();
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(kill.unwrap().success());
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a program and gives its first line of output.
pub(crate) fn start(mut command: Command) -> (Running, String, impl Iterator<Item = String>) {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
    let output = child.stdout.take().expect("its output");
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    (Running::of(child), first, lines)
}

pub(crate) fn start_relay(folder: &Folder) -> Running {
    let (relay, ready, _) = start(isi(&["internal-relay", "--config", &folder.text("relay.toml")]));
    assert!(ready.contains("ready"), "{ready}");
    relay
}

/// Shares the desktop that needs no display; what it says goes to the test's standard error.
pub(crate) fn start_sharing(folder: &Folder, identity: &str) -> (Running, String) {
    let (sharing, link, _) =
        start(isi(&["share", &folder.text(identity), "--source", "desktop", "--lend", "--seconds", LIMIT_S]));
    assert!(link.starts_with("isi://127.0.0.1:"), "{link}");
    (sharing, link)
}

/// Shares the desktop with these arguments; the test reads what it says, and types.
pub(crate) fn start_sharing_with(folder: &Folder, identity: &str, more: &[&str]) -> (Running, String) {
    let identity = folder.text(identity);
    let share = ["share", &identity, "--source", "desktop", "--seconds", LIMIT_S];
    let mut command = isi(&[&share[..], more].concat());
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let (mut sharing, link, _) = start(command);
    assert!(link.starts_with("isi://127.0.0.1:"), "{link}: {}", sharing.says("error"));
    (sharing, link)
}

pub(crate) fn start_chat(
    folder: &Folder,
    identity: &str,
    link: &str,
    more: &[&str],
) -> (Running, ChildStdin, impl Iterator<Item = String>) {
    let identity = folder.text(identity);
    let mut command = isi(&[&["chat", &identity, link, "--seconds", LIMIT_S], more].concat());
    command.stdin(Stdio::piped());
    let (mut chat, first, lines) = start(command);
    let input = chat.child.stdin.take().expect("its input");
    (chat, input, std::iter::once(first).chain(lines))
}

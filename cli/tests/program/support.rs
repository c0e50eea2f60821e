//! Running the program.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// The program under test, without a display.
pub(crate) fn isi(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isi"));
    // What it keeps of people must not come from, or go to, the home of who runs the tests.
    command.env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.args(arguments).env_remove("DISPLAY").stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    isi(arguments).output().expect("the program starts")
}

/// Standard output as text.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Standard error as text.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Asserts that a run failed as people deserve: this exit code, one line that says what, one that says what to do.
pub(crate) fn assert_failed(output: &Output, code: i32, what: &str) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    let hints: Vec<&str> = text.lines().filter(|line| line.starts_with("hint: ")).collect();
    assert_eq!((errors.len(), hints.len()), (1, 1), "{text}");
    assert!(errors[0].contains(what), "{what:?} is not in {text}");
    assert!(hints[0].len() > 12, "{text}");
    assert!(!text.contains("panicked") && !text.contains("RUST_BACKTRACE"), "{text}");
}

/// A folder for one test, removed at its end.
pub(crate) struct Folder(isi_cli::temp::TempFolder);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(isi_cli::temp::TempFolder::create().expect("a folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }
}

/// A port of loopback that is free at the moment.
pub(crate) fn free_port() -> u16 {
    std::net::UdpSocket::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr()).expect("a port").port()
}

/// Certificates, configuration and identities for a relay on this port.
pub(crate) fn prepare(folder: &Folder, port: u16, people: &[&str]) {
    let here = folder.path().display().to_string();
    let relay = format!("127.0.0.1:{port}");
    let certs = run(&["certs", &here, "--listen", &relay]);
    assert!(certs.status.success(), "{}", stderr(&certs));
    let issue = run(&[&["token", "issue", here.as_str(), "--relay", relay.as_str()], people].concat());
    assert!(issue.status.success(), "{}", stderr(&issue));
}

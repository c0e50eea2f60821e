//! The demo's relay: a process of its own on loopback, with throw-away certificates and a log that is searched later.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::{
    failure::{Exit, Failure},
    relay_config,
    search::Needles,
};

/// How long a relay may take until it serves.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long it may take to end.
const END_TIMEOUT: Duration = Duration::from_secs(8);
/// Files in the run's folder.
const CONFIG_FILE: &str = "relay.toml";
const LOG_FILE: &str = "relay.log";
const ERRORS_FILE: &str = "relay.errors";

/// Which program is the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayBinary {
    /// An `isi-relay` beside this program, of the same build.
    Neighbour(PathBuf),
    /// This program itself, by a hidden subcommand.
    BuiltIn(PathBuf),
    /// The one named by `--relay-bin`.
    Given(PathBuf),
}

impl RelayBinary {
    /// Chooses: the one given, else a neighbour of the same build, else this program.
    ///
    /// # Errors
    /// When this program does not know where it is, or the one given is not there.
    pub async fn choose(given: Option<PathBuf>) -> Result<Self, Failure> {
        if let Some(path) = given {
            return if path.is_file() { Ok(Self::Given(path)) } else { Err(not_there(&path)) };
        }
        let own = super::child::own_program()?;
        let neighbour = own.with_file_name(format!("isi-relay{}", std::env::consts::EXE_SUFFIX));
        let same = build_id_of(&neighbour).await.is_some_and(|id| id == isi_relay::BUILD_ID);
        Ok(if same { Self::Neighbour(neighbour) } else { Self::BuiltIn(own) })
    }

    /// As the report names it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Neighbour(_) => "neighbour".to_owned(),
            Self::BuiltIn(_) => "built-in".to_owned(),
            Self::Given(path) => path.display().to_string(),
        }
    }

    fn command(&self, config: &Path) -> Command {
        let mut command = match self {
            Self::Neighbour(path) | Self::Given(path) => Command::new(path),
            Self::BuiltIn(path) => {
                let mut command = Command::new(path);
                command.arg(crate::args::RELAY_COMMAND);
                command
            }
        };
        // It ends with this process, whatever ends this process.
        command.arg("--config").arg(config).args(["--json", "--until-stdin-closes"]);
        command
    }
}

fn not_there(path: &Path) -> Failure {
    Failure::new(
        Exit::Usage,
        format!("there is no relay program at {}", path.display()),
        "correct --relay-bin, or leave it out to use the built-in relay",
    )
}

async fn build_id_of(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--build-id").stdin(Stdio::null()).output().await.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What the relay says when it serves.
#[derive(Deserialize)]
struct Ready {
    address: SocketAddr,
    admin: Option<SocketAddr>,
}

/// A running relay; dropping it ends it.
pub struct RelayProcess {
    child: Child,
    pid: u32,
    address: SocketAddr,
    admin: Option<SocketAddr>,
    folder: PathBuf,
    // Kept open: a relay whose output is gone cannot say its last line.
    output: Lines<BufReader<ChildStdout>>,
}

impl RelayProcess {
    /// Writes the configuration into `folder`, where certificate and keys are already, and starts the relay with it.
    ///
    /// # Errors
    /// When the file cannot be written or the relay does not come up; its own last words are in the failure.
    pub async fn start(binary: &RelayBinary, folder: &Path) -> Result<Self, Failure> {
        Self::start_with(binary, folder, &configuration()).await
    }

    /// As [`start`](Self::start), with a configuration of the caller's.
    ///
    /// # Errors
    /// As there.
    pub async fn start_with(binary: &RelayBinary, folder: &Path, text: &str) -> Result<Self, Failure> {
        let (config, errors) = (folder.join(CONFIG_FILE), folder.join(ERRORS_FILE));
        fs::write(&config, text).map_err(|error| cannot_write(&config, &error))?;
        let errors_file = fs::File::create(&errors).map_err(|error| cannot_write(&errors, &error))?;
        let mut command = binary.command(&config);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors_file).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| cannot_start(&error))?;
        let (Some(pid), Some(output)) = (child.id(), child.stdout.take()) else {
            return Err(cannot_start(&io::ErrorKind::BrokenPipe.into()));
        };
        let mut output = BufReader::new(output).lines();
        let line = timeout(START_TIMEOUT, output.next_line()).await.ok().and_then(Result::ok).flatten();
        match line.and_then(|line| serde_json::from_str::<Ready>(&line).ok()) {
            Some(Ready { address, admin }) => {
                Ok(Self { child, pid, address, admin, folder: folder.to_owned(), output })
            }
            None => {
                drop(child.start_kill()); // gone already: as good
                let code = child.wait().await.ok().and_then(|status| status.code());
                Err(last_words(&errors, code))
            }
        }
    }

    /// Where it serves QUIC.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its figures are.
    #[must_use]
    pub const fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Its process.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks it to end, and waits.
    pub async fn end(mut self) {
        drop(self.child.stdin.take());
        if timeout(END_TIMEOUT, self.child.wait()).await.is_err() {
            drop(self.child.kill().await); // dropping kills as well
        }
    }

    /// Asks it to end, waits, and searches what it wrote: log, standard output and standard error.
    ///
    /// # Errors
    /// When its log cannot be read: then it was not searched.
    pub async fn end_and_search_log(mut self, needles: &mut Needles) -> io::Result<()> {
        drop(self.child.stdin.take());
        if timeout(END_TIMEOUT, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        while let Some(line) = self.output.next_line().await? {
            needles.scan(line.as_bytes());
        }
        for name in [LOG_FILE, ERRORS_FILE] {
            needles.scan(&fs::read(self.folder.join(name))?);
        }
        Ok(())
    }
}

/// Ports are the system's choice. Trace level: whatever the relay can say about what it carries is to be searched.
fn configuration() -> String {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    relay_config::render(any_port, "127.0.0.1:0", Some(any_port), Some(("trace", LOG_FILE)))
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Exit::Usage,
        format!("cannot write {}: {error}", path.display()),
        "set TMPDIR to a folder that may be written to",
    )
}

fn cannot_start(error: &io::Error) -> Failure {
    Failure::new(
        Exit::Relay,
        format!("cannot start the relay: {error}"),
        "correct --relay-bin, or leave it out",
    )
}

/// The relay's own error and hint, where it left some.
fn last_words(file: &Path, code: Option<i32>) -> Failure {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start)).map(str::to_owned);
    let exit = code.and_then(|code| u8::try_from(code).ok()).and_then(Exit::from_code).unwrap_or(Exit::Relay);
    let message = line("error: ").unwrap_or_else(|| "it ended at once".to_owned());
    let hint =
        line("hint: ").unwrap_or_else(|| "start isi-relay --config by hand and read its log".to_owned());
    Failure::new(exit, message, hint).while_doing("the relay did not start")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_one_that_the_relay_accepts() {
        let folder = crate::temp::TempFolder::create().unwrap();
        let file = folder.path().join(CONFIG_FILE);
        fs::write(&file, configuration()).unwrap();
        let config = isi_relay::Config::load(&file).unwrap();
        assert!(config.listen.ip().is_loopback() && config.admin.is_some());
        assert_eq!(config.log.file, Some(folder.path().join(LOG_FILE)));
    }

    #[test]
    fn the_relays_last_words_become_the_failure() {
        let folder = crate::temp::TempFolder::create().unwrap();
        let file = folder.path().join("words");
        fs::write(&file, "error: address in use\nhint: choose another\n").unwrap();
        let failure = last_words(&file, Some(5));
        assert_eq!(failure.exit(), Exit::Bind);
        assert_eq!(
            failure.to_string(),
            "error: the relay did not start: address in use\nhint: choose another"
        );
        assert_eq!(last_words(&file, None).exit(), Exit::Relay);
    }

    #[tokio::test]
    async fn a_given_relay_must_be_there() {
        let failure = RelayBinary::choose(Some("/nonexistent/isi-relay".into())).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
    }
}

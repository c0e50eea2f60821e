//! Keys, certificates and programs of a duel, and one run of one system.

use super::drive::{Outcome, drive};
use super::error::DuelError;
use super::ours_client::Door;
use super::peers::{self, Papers};
use super::plan::Plan;
use super::quic::Dialler;
use super::server::{Readiness, Server};
use super::system::System;
use super::tally::Tally;
use super::through_floor;
use super::through_mixed::{self, Beside};
use super::through_ours;
use super::through_stock;
use isi_account::AccountKey;
use isi_certs_dev::{DevCertificates, SavedFiles};
use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Names of the files that our relay's configuration refers to.
const JWKS_FILE: &str = "jwks.json";
const CONFIG_FILE: &str = "relay.toml";
/// For what relays write to standard error. Not beside the certificates: a relay that watches their folder would see itself write.
const WORDS_FOLDER: &str = "words";
const CONFIG: &str = "\
[listen]
address = \"127.0.0.1:0\"

[tls]
certificate_file = \"relay.crt\"
private_key_file = \"relay.key\"

[admission]
origins = [\"localhost:0\"]
jwks_file = \"jwks.json\"
";

/// Where the relays of this run come from, and on which cores all runs.
#[derive(Clone, Debug)]
pub struct Choices {
    /// The relay's core.
    pub relay_core: usize,
    /// The load's.
    pub load_core: usize,
    /// Our relay as a program of its own; `None` is the one in this program.
    pub relay_bin: Option<PathBuf>,
    /// The program that is the system `other`.
    pub other_relay: Option<PathBuf>,
    /// Where peers are looked for first.
    pub peers_dir: Option<PathBuf>,
}

/// What all runs share: certificates, keys and a folder that goes with it.
pub struct Ground {
    choices: Choices,
    certificates: DevCertificates,
    files: SavedFiles,
    account: Arc<AccountKey>,
    folder: Folder,
}

/// What one run of one system showed.
#[derive(Debug)]
pub struct Run {
    /// What the load saw, and the relay's processor time.
    pub outcome: Outcome,
    /// Most memory the relay ever had resident.
    pub resident_bytes_max: u64,
    /// What else went through it.
    pub beside: Option<Beside>,
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left in the system's folder for temporary files goes with the next boot.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Ground {
    /// Makes keys and certificates in a folder of its own.
    ///
    /// # Errors
    /// [`DuelError::File`], [`DuelError::System`]
    pub fn prepare(choices: Choices) -> Result<Self, DuelError> {
        let folder = Folder(std::env::temp_dir().join(format!("isi-duel-{}", std::process::id())));
        let written = |source| DuelError::File { what: "write to", path: folder.0.clone(), source };
        let system = |source| DuelError::System { what: "make keys", source };
        let certificates = DevCertificates::generate().map_err(|error| system(io::Error::other(error)))?;
        let files = certificates.save(&folder.0).map_err(|error| written(io::Error::other(error)))?;
        let account = AccountKey::generate().map_err(|error| system(io::Error::other(error)))?;
        fs::create_dir(folder.0.join(WORDS_FOLDER)).map_err(written)?;
        fs::write(folder.0.join(JWKS_FILE), account.jwks().to_json()).map_err(written)?;
        fs::write(folder.0.join(CONFIG_FILE), CONFIG).map_err(written)?;
        Ok(Self { choices, certificates, files, account: Arc::new(account), folder })
    }

    /// One run of one system. It starts the relay, connects, measures, and ends the relay.
    ///
    /// # Errors
    /// [`DuelError`]
    pub async fn run(&self, system: System, plan: &Plan) -> Result<Run, DuelError> {
        let server = self.start(system)?;
        let tally = Arc::new(Tally::new(plan.measured_receivers()));
        let (outcome, beside) = self.outcome(system, &server, plan, &tally).await?;
        if outcome.measured.objects == 0 {
            return Err(DuelError::NothingDelivered { system });
        }
        let resident = server.resident_bytes_max();
        let resident_bytes_max = resident.map_err(|error| load_failed(system, &error))?;
        Ok(Run { outcome, resident_bytes_max, beside })
    }

    fn start(&self, system: System) -> Result<Server, DuelError> {
        let (core, folder) = (self.choices.relay_core, &self.folder.0.join(WORDS_FOLDER));
        if system.is_peer() {
            let (command, address) =
                peers::command(system, self.papers(), self.choices.peers_dir.as_deref())?;
            return Server::start(system, command, Readiness::Address(address), core, folder);
        }
        let command = match system {
            System::Ours | System::OursAgain => self.relay(self.choices.relay_bin.as_deref())?,
            System::Other => self.relay(self.choices.other_relay.as_deref())?,
            _ => self.own(system)?,
        };
        Server::start(system, command, Readiness::Line, core, folder)
    }

    fn papers(&self) -> Papers<'_> {
        let SavedFiles { ca, certificate, private_key } = &self.files;
        Papers { certificate, private_key, ca, folder: &self.folder.0 }
    }

    /// A relay of this project with the configuration in our folder.
    fn relay(&self, program: Option<&Path>) -> Result<Command, DuelError> {
        let mut command = match program {
            Some(program) => Command::new(program),
            None => {
                let mut command = own_program()?;
                command.args(["serve", "ours"]);
                command
            }
        };
        command.arg("--config").arg(self.folder.0.join(CONFIG_FILE)).args(["--json", "--until-stdin-closes"]);
        Ok(command)
    }

    fn own(&self, system: System) -> Result<Command, DuelError> {
        let mut command = own_program()?;
        command.args(["serve", system.name(), "--certificate"]).arg(&self.files.certificate);
        command.arg("--private-key").arg(&self.files.private_key);
        Ok(command)
    }

    async fn outcome(
        &self,
        system: System,
        server: &Server,
        plan: &Plan,
        tally: &Arc<Tally>,
    ) -> Result<(Outcome, Option<Beside>), DuelError> {
        if system.is_peer() {
            let outcome = peers::load(system, server, plan, self.papers(), self.choices.peers_dir.as_deref());
            return Ok((outcome?, None));
        }
        let failed = |error: &dyn Display| load_failed(system, error);
        let ca = self.certificates.ca_der();
        let dialler = Dialler::new(server.address, ca).map_err(|error| failed(&error))?;
        let outcome = match system {
            System::Ours | System::OursAgain | System::Other => {
                return self.through_ours(system, server, &dialler, plan, tally).await;
            }
            System::Floor | System::Floor10 => {
                let publisher = through_floor::connect(server.address, plan.receivers, tally).await;
                let mut publisher = publisher.map_err(|error| failed(&error))?;
                drive(plan, &mut publisher, tally, server.pid()).await
            }
            _ => {
                let publisher = through_stock::connect(&dialler, plan.receivers, tally).await;
                let mut publisher = publisher.map_err(|error| failed(&error))?;
                drive(plan, &mut publisher, tally, server.pid()).await
            }
        };
        Ok((outcome.map_err(|error| failed(&error))?, None))
    }

    async fn through_ours(
        &self,
        system: System,
        server: &Server,
        dialler: &Dialler,
        plan: &Plan,
        tally: &Arc<Tally>,
    ) -> Result<(Outcome, Option<Beside>), DuelError> {
        let failed = |error: &dyn Display| load_failed(system, error);
        let origin = format!("localhost:{}", server.address.port());
        let door = Door { account: Arc::clone(&self.account), origin };
        let (mut publisher, others) = if plan.load.is_amid_others() {
            let connected = through_mixed::connect(dialler, &door, plan, tally).await;
            connected.map(|(publisher, others)| (publisher, Some(others)))
        } else {
            through_ours::connect(dialler, &door, plan, tally).await.map(|publisher| (publisher, None))
        }
        .map_err(|error| failed(&error))?;
        let driven = drive(plan, &mut publisher, tally, server.pid()).await;
        let outcome = driven.map_err(|error| failed(&error))?;
        let beside = match others {
            Some(others) => others.end().await.map_err(|error| failed(&error))?,
            None => None,
        };
        Ok((outcome, beside))
    }
}

fn load_failed(system: System, problem: &dyn Display) -> DuelError {
    DuelError::Load { system, problem: problem.to_string() }
}

fn own_program() -> Result<Command, DuelError> {
    let own = std::env::current_exe();
    Ok(Command::new(own.map_err(|source| DuelError::System { what: "find this program", source })?))
}

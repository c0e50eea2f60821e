//! The duel kit's load in the peers' own protocols. The program `duel` starts it, once for each run, and reads the one line of JSON
//! that it prints. Only the relay's processor time counts, so what these clients cost does not matter.

#[path = "../../src/duel/drive.rs"]
mod drive;
mod iroh;
mod moq;
mod nats;
#[path = "../../src/duel/pieces.rs"]
mod pieces;
#[path = "../../src/duel/plan.rs"]
mod plan;
#[path = "../../src/duel/tally.rs"]
mod tally;
mod trust;
mod turn;

use clap::{Parser, ValueEnum};
use drive::{DriveError, Outcome, drive};
use plan::{Load, Plan};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tally::Tally;

/// What `duel` tells.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "duel-peers",
    version,
    about = "The duel kit's load in the peers' own protocols; `duel` starts it."
)]
struct Args {
    /// Through which relay.
    peer: Peer,
    /// Where it serves.
    #[arg(long)]
    address: SocketAddr,
    /// Its process.
    #[arg(long)]
    relay_pid: u32,
    /// The CA of its certificate, PEM.
    #[arg(long)]
    ca: PathBuf,
    /// What is sent.
    #[arg(long)]
    load: Load,
    /// To how many.
    #[arg(long)]
    receivers: usize,
    /// Bytes of each object.
    #[arg(long)]
    frame_bytes: usize,
    /// Objects per second, 0 for as many as go.
    #[arg(long)]
    fps: u32,
    /// Objects on their way at once.
    #[arg(long)]
    window: usize,
    /// How long it is measured.
    #[arg(long)]
    measured_ms: u64,
    /// After so long.
    #[arg(long)]
    warm_up_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Peer {
    MoqRelay,
    IrohRelay,
    NatsServer,
    Coturn,
}

/// Why a load through a peer came to no end.
#[derive(Debug, thiserror::Error)]
enum PeerError {
    #[error(transparent)]
    Trust(#[from] trust::TrustError),
    #[error(transparent)]
    Nats(#[from] nats::NatsError),
    #[error(transparent)]
    Moq(#[from] moq::MoqError),
    #[error(transparent)]
    Iroh(#[from] iroh::IrohError),
    #[error(transparent)]
    Turn(#[from] turn::TurnError),
    #[error(transparent)]
    Drive(#[from] DriveError),
    #[error("no runtime: {0}")]
    Runtime(#[from] std::io::Error),
    #[error("no JSON: {0}")]
    Json(#[from] serde_json::Error),
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), PeerError> {
    // The libraries of two peers take the process's.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(outcome(args))?;
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

async fn outcome(args: &Args) -> Result<Outcome, PeerError> {
    let plan = args.plan();
    let tally = Arc::new(Tally::new(plan.measured_receivers()));
    let (address, pid) = (args.address, args.relay_pid);
    Ok(match args.peer {
        Peer::NatsServer => {
            let tls = trust::tls(&args.ca)?;
            drive(&plan, &mut nats::connect(address, tls, &plan, &tally).await?, &tally, pid).await?
        }
        Peer::MoqRelay => {
            drive(&plan, &mut moq::connect(address, &args.ca, &plan, &tally).await?, &tally, pid).await?
        }
        Peer::IrohRelay => {
            let tls = trust::tls(&args.ca)?;
            drive(&plan, &mut iroh::connect(address, &tls, &plan, &tally).await?, &tally, pid).await?
        }
        Peer::Coturn => drive(&plan, &mut turn::connect(address, &plan, &tally).await?, &tally, pid).await?,
    })
}

impl Args {
    fn plan(&self) -> Plan {
        let mut plan = self.load.plan();
        plan.receivers = self.receivers;
        plan.frame_bytes = self.frame_bytes;
        plan.fps = (self.fps > 0).then_some(self.fps);
        plan.warm_up = Duration::from_millis(self.warm_up_ms);
        plan.measured = Duration::from_millis(self.measured_ms);
        plan.set_window(Some(self.window));
        plan
    }
}

//! What the program is told, and what that means.

use super::error::DuelError;
use super::ground::Choices;
use super::plan::{Load, Plan};
use super::plot::PlotArgs;
use super::serve::ServeArgs;
use super::system::System;
use clap::{Parser, Subcommand};
use isi_load::stamp::STAMP_BYTES;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  duel                                                  ours, stock and stock-tuned, 64 KiB frames to 8 receivers
  duel --only ours,stock,stock-tuned --load fanout --receivers 8 --frame-bytes 65536 --seconds 4 --runs 5 --json
  duel --only ours,moq-relay,nats-server --peers-dir DIR  also relays that others made, found in DIR or on the path
  duel --load paced --runs 5                            a shared screen instead of as much as goes
  duel --load mixed --runs 5                            input by itself, and amid a shared screen and a document
  duel plot benches/results/*.json --out duel.svg       results as bars
  duel --only ours,other --other-relay OLD/isi-relay    two builds of this relay against each other

Each relay is a process on one core, the load runs on another. Only the relay's processor time counts. The machine should have
nothing else to do: `spread` among the ratios tells how far two runs of the same relay lie apart.
Exit codes: 0 all runs done; 1 a relay delivered nothing; 2 arguments or files; 3 something needed cannot run; 4 a relay cannot be used.";

/// The same work through this relay and through others, side by side.
#[derive(Debug, Parser)]
#[command(name = "duel", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) duel: DuelArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Is one of the kit's relays, until standard input closes; the kit starts it itself.
    #[command(hide = true)]
    Serve(ServeArgs),
    /// Draws results as bars: CPU and p99 of each system, a row for each file.
    Plot(PlotArgs),
}

/// What is compared, and how.
#[derive(Debug, clap::Args)]
pub struct DuelArgs {
    /// Systems, separated by commas; the default is ours, stock and stock-tuned, as far as they can carry the load.
    #[arg(long, value_delimiter = ',', value_name = "SYSTEMS")]
    only: Vec<System>,
    /// What is sent.
    #[arg(long, value_enum, default_value = "fanout")]
    pub(super) load: Load,
    /// How many receive; the default is the load's.
    #[arg(long, value_name = "COUNT")]
    receivers: Option<usize>,
    /// Bytes of each object; the default is the load's.
    #[arg(long, value_name = "BYTES")]
    frame_bytes: Option<usize>,
    /// Objects per second, 0 for as many as go; the default is the load's.
    #[arg(long, value_name = "RATE")]
    fps: Option<u32>,
    /// Objects on their way at once when there is no rate; the default is 512 KiB of them, 2 to 256.
    #[arg(long, value_name = "OBJECTS")]
    window: Option<usize>,
    /// How long each run is measured, after half a second that does not count.
    #[arg(long, default_value_t = 4.0, value_name = "S")]
    seconds: f64,
    /// Runs of each system.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) runs: u32,
    /// Prints one line of JSON instead of a table.
    #[arg(long)]
    pub(super) json: bool,
    /// Also writes that JSON to a file.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// A relay program of this project for `ours`, instead of the same relay within this program.
    #[arg(long, value_name = "FILE")]
    relay_bin: Option<PathBuf>,
    /// The relay program of this project that is the system `other`.
    #[arg(long, value_name = "FILE")]
    other_relay: Option<PathBuf>,
    /// Where the peers' programs and `duel-peers` are, if not on the path or beside this program.
    #[arg(long, value_name = "FOLDER")]
    peers_dir: Option<PathBuf>,
    /// The relays' core; the default is the first that may be used.
    #[arg(long, value_name = "CORE")]
    relay_core: Option<usize>,
    /// The load's core; the default is the last that may be used.
    #[arg(long, value_name = "CORE")]
    pub(super) load_core: Option<usize>,
    /// Leaves out the second run of ours in each round, which shows the spread.
    #[arg(long)]
    once: bool,
}

/// Most of each: beyond that the load itself is what is measured.
const RECEIVERS_MAX: usize = 2000;
const FRAME_BYTES_MAX: usize = isi_wire::limits::OBJECT_BYTES_MAX;
const SECONDS: std::ops::RangeInclusive<f64> = 0.1..=3600.0;

impl DuelArgs {
    /// What each system is loaded with in each round.
    ///
    /// # Errors
    /// [`DuelError::Arguments`]: out of bounds, or a system that the load cannot go through.
    pub fn plans(&self) -> Result<Vec<Plan>, DuelError> {
        if let Some(system) = self.named().into_iter().find(|system| !system.carries(self.load)) {
            return Err(DuelError::Arguments {
                problem: format!("{system} cannot carry the load {}", self.load.name()),
                next: "leave it out of --only".to_owned(),
            });
        }
        let plan = self.plan()?;
        let alone = (plan.load == Load::InputMixed).then(|| Plan { load: Load::InputAlone, ..plan.clone() });
        Ok(alone.into_iter().chain([plan]).collect())
    }

    /// The load with its figures.
    fn plan(&self) -> Result<Plan, DuelError> {
        let mut plan = self.load.plan();
        plan.receivers = self.receivers.unwrap_or(plan.receivers);
        plan.frame_bytes = self.frame_bytes.unwrap_or(plan.frame_bytes);
        plan.fps = self.fps.map_or(plan.fps, |fps| (fps > 0).then_some(fps));
        bounded("--receivers", plan.receivers, 1, RECEIVERS_MAX)?;
        bounded("--frame-bytes", plan.frame_bytes, STAMP_BYTES, FRAME_BYTES_MAX)?;
        if self.load == Load::Events {
            bounded("--receivers of the load events", plan.receivers, 1, 1)?;
        }
        plan.set_window(self.window);
        bounded("--window", plan.objects_in_flight_max, 1, 1_000_000)?;
        if !SECONDS.contains(&self.seconds) {
            return Err(DuelError::Arguments {
                problem: format!("--seconds is {}", self.seconds),
                next: "say 0.1 to 3600".to_owned(),
            });
        }
        plan.measured = Duration::from_secs_f64(self.seconds);
        Ok(plan)
    }

    /// The systems in their order, each once; with ours twice, so that there is a spread.
    ///
    /// # Errors
    /// [`DuelError::Arguments`]: `other` without its program.
    pub fn systems(&self) -> Result<Vec<System>, DuelError> {
        let mut systems: Vec<System> = Vec::new();
        for system in self.named() {
            if !systems.contains(&system) {
                systems.push(system);
            }
        }
        if systems.contains(&System::Other) && self.other_relay.is_none() {
            return Err(DuelError::Arguments {
                problem: "the system `other` has no program".to_owned(),
                next: "name one with --other-relay".to_owned(),
            });
        }
        if systems.contains(&System::Ours) && !systems.contains(&System::OursAgain) && !self.once {
            systems.push(System::OursAgain);
        }
        Ok(systems)
    }

    fn named(&self) -> Vec<System> {
        if self.only.is_empty() {
            let default = [System::Ours, System::Stock, System::StockTuned];
            return default.into_iter().filter(|system| system.carries(self.load)).collect();
        }
        self.only.clone()
    }

    /// Which programs and cores.
    ///
    /// # Errors
    /// [`DuelError::System`]: the system does not tell which cores there are.
    pub fn choices(&self) -> Result<Choices, DuelError> {
        let cores = isi_load::process::cores()
            .map_err(|source| DuelError::System { what: "find the processor's cores", source })?;
        let (first, last) = (cores.first().copied().unwrap_or(0), cores.last().copied().unwrap_or(0));
        Ok(Choices {
            relay_core: self.relay_core.unwrap_or(first),
            load_core: self.load_core.unwrap_or(last),
            relay_bin: self.relay_bin.clone(),
            other_relay: self.other_relay.clone(),
            peers_dir: self.peers_dir.clone(),
        })
    }
}

fn bounded(name: &str, value: usize, min: usize, max: usize) -> Result<(), DuelError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(DuelError::Arguments {
        problem: format!("{name} is {value}"),
        next: if min == max { format!("it must be {min}") } else { format!("say {min} to {max}") },
    })
}

//! The duel kit: the same work through this relay and through others, interleaved, with only the relay's processor time counted.
//!
//! [`main`] is the program `duel`. A run starts a relay as a process on one core ([`server`]), connects a publisher and its
//! receivers on another ([`through_ours`], [`through_stock`]), drives a load through them ([`drive`]), and ends the relay.
//! [`rounds`] interleaves the runs and makes medians and ratios of them.

pub mod args;
pub mod drive;
pub mod error;
pub mod ground;
pub mod ours_client;
pub mod peers;
pub mod pieces;
pub mod plan;
pub mod plot;
pub mod quic;
pub mod rounds;
pub mod serve;
pub mod server;
pub mod system;
pub mod table;
pub mod tally;
pub mod through_floor;
pub mod through_mixed;
pub mod through_ours;
pub mod through_stock;

use args::{Args, Command, DuelArgs};
use clap::Parser;
use error::DuelError;
use ground::Ground;
use isi_load::process::pin_current_thread;
use isi_load::row::{Machine, Report};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

/// Runs the kit with these arguments, the program's name first.
///
/// Exit codes: 0 all runs done; 1 a relay delivered nothing; 2 arguments or files; 3 something needed cannot run; 4 a relay cannot
/// be used.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments: Vec<_> = arguments.into_iter().collect();
    // Our relay within this program: the same build and the same allocator as the forwarders.
    if arguments.get(1..3).is_some_and(|words| words == ["serve", "ours"]) {
        arguments.drain(1..3);
        return isi_relay::program::main(arguments);
    }
    let args = Args::parse_from(arguments);
    let done = match args.command {
        Some(Command::Serve(args)) => serve::serve(&args),
        Some(Command::Plot(args)) => plot::plot(&args),
        None => duel(&args.duel),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.report();
            ExitCode::from(error.exit_code())
        }
    }
}

fn duel(args: &DuelArgs) -> Result<(), DuelError> {
    let (plans, systems, choices) = (args.plans()?, args.systems()?, args.choices()?);
    if choices.relay_core == choices.load_core {
        eprintln!(
            "warning: relay and load share a core, so that they slow each other down; have two cores or more"
        );
    }
    // Before this thread is bound to one core: of all that may be used.
    let machine = Machine::here();
    let system = |what| move |source| DuelError::System { what, source };
    pin_current_thread(choices.load_core).map_err(system("keep the load on its core"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(system("start the load"))?;
    let ground = Ground::prepare(choices)?;
    let report = runtime.block_on(rounds::play(&ground, machine, &plans, &systems, args.runs))?.report();
    publish(&report, args)
}

fn publish(report: &Report, args: &DuelArgs) -> Result<(), DuelError> {
    let json = serde_json::to_string(report)
        .map_err(|error| DuelError::System { what: "write JSON", source: io::Error::other(error) })?;
    if let Some(path) = &args.out {
        fs::write(path, format!("{json}\n")).map_err(|source| DuelError::File {
            what: "write",
            path: path.clone(),
            source,
        })?;
    }
    let text = if args.json { format!("{json}\n") } else { table::render(report) };
    let printed = io::stdout().lock().write_all(text.as_bytes());
    printed.map_err(|source| DuelError::System { what: "print the result", source })
}

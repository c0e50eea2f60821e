//! `isi demo`: the main job, as a test of itself.
//!
//! [`run::run`] is the order of events. The parent ([`crew`], [`blindness`]) searches and judges; the participants
//! ([`participant`]) and the relay ([`relay_process`]) are processes of their own.

pub mod blindness;
pub mod child;
pub mod crew;
pub mod figures;
pub mod histogram;
pub mod participant;
pub mod pipe;
pub mod protocol;
pub mod proxy;
pub mod relay_process;
pub mod report;
pub mod run;
pub mod summary;
pub mod table;
mod totals;

use crate::{
    args::DemoArgs,
    failure::{Exit, Failure},
};

/// Runs the demo, prints report or JSON line.
///
/// # Errors
/// When it cannot be carried through, or a condition does not hold.
pub async fn command(args: &DemoArgs) -> Result<(), Failure> {
    check_png(args)?;
    // Processes and files of a run go with its future, so an interruption leaves nothing behind.
    let summary = tokio::select! {
        summary = run::run(args) => summary?,
        _ = tokio::signal::ctrl_c() => return Err(Failure::new(Exit::ChecksFailed, "interrupted", "let the demo run to its end")),
    };
    let verdict = summary.verdict();
    if args.json {
        println!("{}", serde_json::to_string(&summary).unwrap_or_default());
    } else {
        println!("{}", report::Report { summary: &summary, verdict: &verdict });
    }
    let reasons = verdict.failed.join("; ");
    let hint = "run again with --seconds 30; if it stays, report the JSON line";
    match verdict.exit() {
        None => Ok(()),
        Some(Exit::NotSearched) => {
            let places = verdict.not_searched.join(", ");
            Err(Failure::new(
                Exit::NotSearched,
                format!("not searched: {places}"),
                "`isi doctor` says what to allow",
            ))
        }
        Some(exit) => Err(Failure::new(exit, reasons, hint)),
    }
}

/// Told before the run, not after it.
fn check_png(args: &DemoArgs) -> Result<(), Failure> {
    let folder = args.png.as_deref().and_then(std::path::Path::parent);
    match folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        None => Ok(()),
        Some(folder) => {
            let message = format!("--png: there is no folder {}", folder.display());
            Err(Failure::new(Exit::Usage, message, "make it, or name another file"))
        }
    }
}

//! The program `isi-relay`, as a function, so that other binaries can be the same relay.

mod args;
mod failure;

use crate::admin::AdminServer;
use crate::admission::Admission;
use crate::{BUILD_ID, Config, Monitor, Node, logging, tls};
use args::Args;
use failure::Failure;
use serde_json::json;
use std::ffi::OsString;
use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

/// Runs the relay with these arguments, the program's name first, until it is told to stop.
///
/// Prints one line with the bound address on standard output when clients can connect. Exit codes: 0 stopped
/// as told; 1 it failed while it ran; 2 arguments, configuration, certificate or keys; 5 an address cannot be bound.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let ended = match args::parse(arguments) {
        Ok(args) => run(&args),
        Err(args::NotParsed::Shown) => return ExitCode::SUCCESS,
        Err(args::NotParsed::Wrong(failure)) => Err(failure),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    let Some(path) = args.config.as_deref().filter(|_| !args.build_id) else {
        return say(BUILD_ID);
    };
    let mut config = Config::load(path).map_err(|error| Failure::usage(&error))?;
    if let Some(level) = args.log_level {
        config.log.level = level;
    }
    if args.check {
        return check(config);
    }
    logging::init(&config.log).map_err(|error| Failure::usage(&error))?;
    // One thread for the socket, and for the sessions as well when there shall be no more: see `Node::bind`.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::system(&error))?.block_on(serve(config, args))
}

fn check(config: Config) -> Result<(), Failure> {
    tls::server_crypto(&config.tls, &[config.listen]).map_err(|error| Failure::usage(&error))?;
    Admission::new(config.admission).map_err(|error| Failure::usage(&error))?;
    say("configuration, certificate and issuer keys are valid")
}

async fn serve(config: Config, args: &Args) -> Result<(), Failure> {
    let stop = stop_requested(args.until_stdin_closes).map_err(|error| Failure::system(&error))?;
    let admin = match config.admin {
        None => None,
        Some(address) => Some(AdminServer::bind(address).await.map_err(|error| Failure::bind(&error))?),
    };
    let node = Node::bind(config).map_err(|error| Failure::start(&error))?;
    let monitor = node.monitor();
    announce(node.local_addr(), admin.as_ref().map(AdminServer::local_addr), args.json)?;
    let admin = admin.map(|server| tokio::spawn(server.serve(monitor.clone())));
    let ended = node.run(stop).await;
    if let Some(admin) = admin {
        admin.abort();
    }
    if args.json {
        say(&ended_line(&monitor))?;
    }
    ended.map_err(Failure::run)
}

fn announce(address: SocketAddr, admin: Option<SocketAddr>, as_json: bool) -> Result<(), Failure> {
    if as_json {
        let pid = std::process::id();
        let admin = admin.map(|address| address.to_string());
        let line = json!({"event": "ready", "address": address.to_string(), "admin": admin, "pid": pid, "build_id": BUILD_ID});
        return say(&line.to_string());
    }
    match admin {
        None => say(&format!("isi-relay ready on {address}")),
        Some(admin) => say(&format!("isi-relay ready on {address}, metrics on http://{admin}/metrics")),
    }
}

fn ended_line(monitor: &Monitor) -> String {
    let stats = monitor.stats();
    let residence = &stats.residence;
    json!({
        "event": "ended",
        "resident_bytes_max": residence.resident_bytes_max,
        "residence_ms": {
            "p50": residence.residence_ms_p50, "p99": residence.residence_ms_p99, "max": residence.residence_ms_max
        },
        "received_bytes": residence.received_bytes,
        "joins": stats.joins,
        "cpu_ms": cpu_ms(),
    })
    .to_string()
}

/// Processor time of this process since its start.
fn cpu_ms() -> u64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let ms = used.tv_sec.saturating_mul(1_000).saturating_add(used.tv_nsec / 1_000_000);
    u64::try_from(ms).unwrap_or_default()
}

/// One line for whoever waits for it, at once.
fn say(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| Failure::system(&error))
}

/// Ready when the process is asked to stop. Signals are caught from this call on, not only when it is polled.
fn stop_requested(until_stdin_closes: bool) -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stdin = stdin_closed(until_stdin_closes);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = stdin => {}
        }
        tracing::info!("draining");
    })
}

async fn stdin_closed(wanted: bool) {
    if !wanted {
        return std::future::pending().await;
    }
    let (closed, until_closed) = tokio::sync::oneshot::channel::<()>();
    // A thread of its own: a read of standard input cannot be cancelled, and it ends with the process.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        drop(closed);
    });
    let _ = until_closed.await;
}

//! `isi load`: puts load on a relay, and tells what it took.
//!
//! [`run`] is one run: a relay ([`target`]), processes that make the load ([`crew`], each a [`loader`]), a look at the relay from time
//! to time ([`watch`]). [`rows`] makes figures of it, [`table`] and [`html`] show them.

pub mod args;
pub mod crew;
pub mod html;
pub mod loader;
pub mod progress;
pub mod protocol;
pub mod rows;
pub mod run;
pub mod shapes;
pub mod table;
pub mod target;
pub mod watch;

pub use args::LoadArgs;

use isi_load::row::{Machine, Report, Row, median};

use self::{
    protocol::Work,
    rows::{Series, Told},
    run::Places,
    table::Table,
};
use crate::failure::{Exit, Failure};

/// Runs it, prints table or JSON line, writes the report.
///
/// # Errors
/// When it did not come about, or the load was not reached.
pub async fn command(args: &LoadArgs) -> Result<(), Failure> {
    html::check(args)?;
    let points = points(args)?;
    // Processes and files of a run go with its future, so an interruption leaves nothing behind.
    let all = tokio::select! {
        all = all(args, &points) => all?,
        _ = tokio::signal::ctrl_c() => {
            return Err(Failure::new(Exit::ChecksFailed, "interrupted", "let the load run to its end"));
        }
    };
    if let Some(path) = &args.html {
        html::write(path, &all.report, &all.series, args.sweep.as_ref())?;
    }
    if args.json {
        println!("{}", serde_json::to_string(&all.report).unwrap_or_default());
    } else {
        print!("{}", Table(&all.report));
    }
    if all.not_reached.is_empty() {
        return Ok(());
    }
    let hint =
        "use a smaller load, or more --processes where the load's own cores are the limit (clients_cpu_pct)";
    Err(Failure::new(Exit::ChecksFailed, format!("load not reached: {}", all.not_reached.join("; ")), hint))
}

/// One load to measure.
struct Load {
    args: LoadArgs,
    work: Work,
}

#[derive(Default)]
struct All {
    report: Report,
    series: Vec<Series>,
    not_reached: Vec<String>,
}

/// The points of a sweep, or the load without and with its slow receivers, or the one load.
fn points(args: &LoadArgs) -> Result<Vec<Load>, Failure> {
    let load = |args: LoadArgs| shapes::work(&args).map(|work| Load { args, work });
    if let Some(sweep) = &args.sweep {
        return sweep.values.iter().map(|value| load(args.with(sweep.what, *value))).collect();
    }
    let mut points = vec![load(args.clone())?];
    if !args.slow.is_empty() {
        points.insert(0, load(LoadArgs { slow: Vec::new(), ..args.clone() })?);
    }
    Ok(points)
}

/// Repeats go through all points in turn, so that what the machine does meanwhile meets all of them.
async fn all(args: &LoadArgs, points: &[Load]) -> Result<All, Failure> {
    let mut told: Vec<Vec<Told>> = points.iter().map(|_| Vec::new()).collect();
    let (machine, places) = (Machine::here(), Places::of(args));
    for _ in 0..args.repeat {
        for (point, told) in points.iter().zip(&mut told) {
            let ran = run::run(&point.args, &point.work, &places).await?;
            told.push(rows::tell(&ran));
        }
    }
    let mut all = All::default();
    all.report.machine = machine;
    let command: Vec<String> = std::env::args().skip(1).collect();
    all.report.more.insert("command".to_owned(), format!("isi {}", command.join(" ")).into());
    for mut runs in told {
        all.not_reached.extend(runs.iter().flat_map(|told| told.not_reached.iter().cloned()));
        all.report.rows.extend(medians(&runs));
        spreads(&mut all.report, &runs);
        all.series.extend(runs.pop().map(|last| last.series));
    }
    all.not_reached.dedup();
    if !args.slow.is_empty() {
        slow_ratios(&mut all.report);
    }
    let series = serde_json::to_value(&all.series).unwrap_or_default();
    all.report.more.insert("series".to_owned(), series);
    Ok(all)
}

fn medians(runs: &[Told]) -> Vec<Row> {
    let count = runs.first().map_or(0, |told| told.rows.len());
    let of = |at: usize| {
        let rows: Vec<Row> = runs.iter().filter_map(|told| told.rows.get(at).cloned()).collect();
        Row::median(&rows)
    };
    (0..count).filter_map(of).collect()
}

type Figure = fn(&Row) -> Option<f64>;

/// How far runs of the same load are apart: what is within is noise.
fn spreads(report: &mut Report, runs: &[Told]) {
    if runs.len() < 2 {
        return;
    }
    let figures: [(&str, Figure); 2] =
        [("cpu_ns_per_kib", |row| row.cpu_ns_per_kib), ("p99_ms", |row| row.p99_ms)];
    for (name, figure) in figures {
        let first = |told: &Told| told.rows.first().and_then(figure);
        let values: Vec<f64> = runs.iter().filter_map(first).collect();
        let (least, most) =
            (values.iter().copied().reduce(f64::min), values.iter().copied().reduce(f64::max));
        let load = runs.first().and_then(|told| told.rows.first()).map(label).unwrap_or_default();
        if let (Some(least), Some(most), Some(middle)) = (least, most, median(values)) {
            report
                .ratios
                .insert(format!("{load} {name} spread"), (most - least) / middle.max(f64::MIN_POSITIVE));
        }
    }
}

fn label(row: &Row) -> String {
    let sessions = row.more.get("sessions").and_then(serde_json::Value::as_u64).unwrap_or(1);
    format!("{} {}x{}x{}", row.load, sessions, row.receivers, row.frame_bytes)
}

/// What the others notice of slow receivers. Rows come in pairs: without, with.
fn slow_ratios(report: &mut Report) {
    let (without, with) = report.rows.split_at(report.rows.len() / 2);
    let mut ratios = Vec::new();
    for (without, with) in without.iter().zip(with) {
        if let (Some(before), Some(after)) = (without.p99_ms, with.p99_ms) {
            let ratio = after / before.max(f64::MIN_POSITIVE);
            ratios.push((format!("{} p99_ms with slow receivers / without", without.load), ratio));
        }
    }
    report.ratios.extend(ratios);
}

//! Interleaved runs, their medians and ratios.

use super::error::DuelError;
use super::ground::{Ground, Run};
use super::plan::Plan;
use super::system::System;
use isi_load::row::{Machine, Report, Row, median, round};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Every run of every system, in the order in which they were run.
#[derive(Debug)]
pub struct Rounds {
    plan: Plan,
    machine: Machine,
    systems: Vec<System>,
    rows: BTreeMap<System, Vec<Row>>,
}

/// Figures of which a ratio says something; less is better but for what is delivered.
const COMPARED: [&str; 5] = ["cpu_ns_per_kib", "cpu_us_per_object", "delivered_gbit_s", "p50_ms", "p99_ms"];
/// What a relay is optimised for: the figure whose spread is told.
const SPREAD_OF: &str = "cpu_ns_per_kib";

/// Runs every system once in each round: what changes on the machine in between meets all of them.
///
/// # Errors
/// The first [`DuelError`].
pub async fn play(
    ground: &Ground,
    machine: Machine,
    plan: &Plan,
    systems: &[System],
    runs: u32,
) -> Result<Rounds, DuelError> {
    let mut rows: BTreeMap<System, Vec<Row>> = BTreeMap::new();
    for number in 1..=runs {
        for &system in systems {
            let row = row_of(system, plan, &ground.run(system, plan).await?);
            eprintln!("{number}/{runs} {}", line_of(&row));
            rows.entry(system).or_default().push(row);
        }
    }
    Ok(Rounds { plan: plan.clone(), machine, systems: systems.to_vec(), rows })
}

impl Rounds {
    /// Medians, their ratios, and beside them every run.
    #[must_use]
    pub fn report(&self) -> Report {
        let rows: Vec<_> = self.systems.iter().filter_map(|system| self.median_of(*system)).collect();
        let mut more = serde_json::Map::new();
        more.insert("plan".into(), plan_json(&self.plan));
        Report { machine: self.machine.clone(), ratios: self.ratios(), rows, more }
    }

    fn median_of(&self, system: System) -> Option<Row> {
        let runs = self.rows.get(&system)?;
        let mut row = Row::median(runs)?;
        let singly: Vec<_> = runs.iter().map(figures_json).collect();
        row.more.insert("note".into(), system.note().into());
        row.more.insert("runs".into(), singly.into());
        Some(row)
    }

    /// Of ours to each other system, and of the spread: how far `ours` and `ours-again`, the same program, lie apart.
    fn ratios(&self) -> BTreeMap<String, f64> {
        let Some(ours) = self.median_of(System::Ours) else { return BTreeMap::new() };
        let mut ratios = BTreeMap::new();
        for system in self.systems.iter().filter(|system| **system != System::Ours) {
            let Some(other) = self.median_of(*system) else { continue };
            for name in COMPARED {
                let ratio = figure(&ours, name).zip(figure(&other, name)).map(|(ours, other)| ours / other);
                if let Some(ratio) = ratio.filter(|ratio| ratio.is_finite()) {
                    ratios.insert(format!("ours/{system} {name}"), round(ratio));
                }
            }
        }
        if let Some(spread) = self.spread() {
            ratios.insert(format!("spread {SPREAD_OF}"), round(spread));
        }
        ratios
    }

    /// The largest distance between two neighbouring runs of ours, as a part of their median.
    fn spread(&self) -> Option<f64> {
        let of = |system| {
            let rows = self.rows.get(&system).into_iter().flatten();
            rows.filter_map(|row| figure(row, SPREAD_OF)).collect::<Vec<_>>()
        };
        let (first, again) = (of(System::Ours), of(System::OursAgain));
        let apart: Vec<f64> = if again.is_empty() {
            first.windows(2).filter_map(|pair| Some((pair.first()? - pair.last()?).abs())).collect()
        } else {
            first.iter().zip(&again).map(|(first, again)| (first - again).abs()).collect()
        };
        let largest = apart.into_iter().max_by(f64::total_cmp)?;
        Some(largest / median(first)?)
    }
}

fn row_of(system: System, plan: &Plan, run: &Run) -> Row {
    let outcome = &run.outcome;
    let cpu_ns = outcome.after.cpu_ns.saturating_sub(outcome.before.cpu_ns) as f64;
    let elapsed_ns = outcome.after.at_ns.saturating_sub(outcome.before.at_ns) as f64;
    let (measured, totals) = (&outcome.measured, outcome.totals);
    let lost = totals.due.saturating_sub(totals.arrived) as f64;
    Row {
        system: system.to_string(),
        load: plan.load.name().to_owned(),
        receivers: plan.receivers as u64,
        frame_bytes: plan.frame_bytes as u64,
        fps: plan.fps,
        cpu_ns_per_kib: Some(cpu_ns * 1024.0 / measured.bytes as f64),
        cpu_us_per_object: Some(cpu_ns / 1000.0 / measured.objects as f64),
        delivered_gbit_s: Some(measured.bytes as f64 * 8.0 / elapsed_ns),
        p50_ms: measured.latency.p50_ms(),
        p99_ms: measured.latency.p99_ms(),
        max_ms: measured.latency.max_ms(),
        loss_pct: Some(100.0 * lost / totals.due as f64),
        rss_mib: Some(run.resident_bytes_max as f64 / f64::from(1024 * 1024)),
        more: serde_json::Map::new(),
    }
}

/// A line for whoever waits.
fn line_of(row: &Row) -> String {
    let [kib, object, gbit, _, p99, _, loss, _] = row.figures().map(Option::unwrap_or_default);
    format!(
        "{:<8} {:<12} {kib:>8.0} ns/KiB {object:>9.2} us/object {gbit:>6.2} Gbit/s  p99 {p99:>7.2} ms  lost {loss:.2} %",
        row.load, row.system
    )
}

fn figure(row: &Row, name: &str) -> Option<f64> {
    Row::FIGURES.iter().zip(row.figures()).find_map(|(known, value)| value.filter(|_| *known == name))
}

fn figures_json(row: &Row) -> Value {
    let named = Row::FIGURES.iter().zip(row.figures());
    named
        .map(|(name, value)| ((*name).to_owned(), json!(value.map(round))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn plan_json(plan: &Plan) -> Value {
    json!({
        "objects_in_flight_max": plan.objects_in_flight_max,
        "warm_up_s": plan.warm_up.as_secs_f64(),
        "measured_s": plan.measured.as_secs_f64(),
    })
}

//! Interleaved runs, their medians and ratios.

use super::error::DuelError;
use super::ground::{Ground, Run};
use super::plan::Plan;
use super::system::System;
use super::through_mixed::Beside;
use isi_load::row::{Machine, Report, Row, median, round};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Every run of every system under every load, in the order in which they were run.
#[derive(Debug)]
pub struct Rounds {
    machine: Machine,
    plans: Vec<Plan>,
    systems: Vec<System>,
    rows: BTreeMap<(System, &'static str), Vec<Row>>,
}

/// Figures of which a ratio says something; less is better but for what is delivered.
const COMPARED: [&str; 5] = ["cpu_ns_per_kib", "cpu_us_per_object", "delivered_gbit_s", "p50_ms", "p99_ms"];
/// Of two loads of one relay: what the second does to the first.
const COMPARED_BETWEEN_LOADS: [&str; 3] = ["p50_ms", "p99_ms", "max_ms"];

/// Runs every system under every load once in each round: what changes on the machine in between meets all of them.
///
/// # Errors
/// The first [`DuelError`].
pub async fn play(
    ground: &Ground,
    machine: Machine,
    plans: &[Plan],
    systems: &[System],
    runs: u32,
) -> Result<Rounds, DuelError> {
    let mut rows: BTreeMap<_, Vec<Row>> = BTreeMap::new();
    for number in 1..=runs {
        for (&system, plan) in systems.iter().flat_map(|system| plans.iter().map(move |plan| (system, plan)))
        {
            let row = row_of(system, plan, &ground.run(system, plan).await?);
            eprintln!("{number}/{runs} {}", line_of(&row));
            rows.entry((system, plan.load.name())).or_default().push(row);
        }
    }
    Ok(Rounds { plans: plans.to_vec(), machine, systems: systems.to_vec(), rows })
}

impl Rounds {
    /// Medians, their ratios, and beside them every run.
    #[must_use]
    pub fn report(&self) -> Report {
        let of = |plan| self.systems.iter().filter_map(move |system| self.median_of(*system, plan));
        let rows: Vec<_> = self.plans.iter().flat_map(of).collect();
        let mut more = serde_json::Map::new();
        if let Some(plan) = self.plans.last() {
            more.insert("plan".into(), plan_json(plan));
        }
        Report { machine: self.machine.clone(), ratios: self.ratios(), rows, more }
    }

    fn runs_of(&self, system: System, plan: &Plan) -> &[Row] {
        self.rows.get(&(system, plan.load.name())).map_or(&[], Vec::as_slice)
    }

    fn median_of(&self, system: System, plan: &Plan) -> Option<Row> {
        let runs = self.runs_of(system, plan);
        let mut row = Row::median(runs)?;
        let singly: Vec<_> = runs.iter().map(figures_json).collect();
        for (name, value) in &mut row.more {
            let values = runs.iter().filter_map(|run| run.more.get(name)?.as_f64()).collect();
            *value = json!(median(values).map(round));
        }
        row.more.insert("note".into(), system.note().into());
        row.more.insert("runs".into(), singly.into());
        Some(row)
    }

    /// Of ours to each other system, of one load to another, and of the spread: how far `ours` and `ours-again`, the same program,
    /// lie apart.
    fn ratios(&self) -> BTreeMap<String, f64> {
        let ratios = match self.plans.as_slice() {
            [plan] => self.between_systems(plan),
            [alone, mixed] => self.between_loads(alone, mixed),
            _ => BTreeMap::new(),
        };
        ratios
            .into_iter()
            .filter(|(_, ratio)| ratio.is_finite())
            .map(|(name, ratio)| (name, round(ratio)))
            .collect()
    }

    fn between_systems(&self, plan: &Plan) -> BTreeMap<String, f64> {
        let Some(ours) = self.median_of(System::Ours, plan) else { return BTreeMap::new() };
        let mut ratios = BTreeMap::new();
        for system in self.systems.iter().filter(|system| **system != System::Ours) {
            let Some(other) = self.median_of(*system, plan) else { continue };
            for name in COMPARED {
                let ratio = figure(&ours, name).zip(figure(&other, name)).map(|(ours, other)| ours / other);
                ratios.extend(ratio.map(|ratio| (format!("ours/{system} {name}"), ratio)));
            }
        }
        // What a relay is optimised for.
        let name = "cpu_ns_per_kib";
        ratios.extend(self.spread(plan, name).map(|spread| (format!("spread {name}"), spread)));
        ratios
    }

    fn between_loads(&self, alone: &Plan, mixed: &Plan) -> BTreeMap<String, f64> {
        let mut ratios = BTreeMap::new();
        let (from, to) = (alone.load.name(), mixed.load.name());
        for name in COMPARED_BETWEEN_LOADS {
            for &system in &self.systems {
                let of = |plan| figure(&self.median_of(system, plan)?, name);
                let ratio = of(mixed).zip(of(alone)).map(|(mixed, alone)| mixed / alone);
                ratios.extend(ratio.map(|ratio| (format!("{system} {to}/{from} {name}"), ratio)));
            }
            for plan in [alone, mixed] {
                let spread = self.spread(plan, name);
                ratios.extend(spread.map(|spread| (format!("spread {} {name}", plan.load.name()), spread)));
            }
        }
        ratios
    }

    /// The largest distance between two neighbouring runs of ours, as a part of their median.
    fn spread(&self, plan: &Plan, name: &str) -> Option<f64> {
        let of = |system| {
            let rows = self.runs_of(system, plan);
            rows.iter().filter_map(|row| figure(row, name)).collect::<Vec<_>>()
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
    // With a screen and a document on their way, what input costs cannot be told from what they cost.
    let of_measured = |figure: f64| run.beside.is_none().then_some(figure);
    Row {
        system: system.to_string(),
        load: plan.load.name().to_owned(),
        receivers: plan.measured_receivers() as u64,
        frame_bytes: plan.frame_bytes as u64,
        fps: plan.fps,
        cpu_ns_per_kib: of_measured(cpu_ns * 1024.0 / measured.bytes as f64),
        cpu_us_per_object: of_measured(cpu_ns / 1000.0 / measured.objects as f64),
        delivered_gbit_s: Some(measured.bytes as f64 * 8.0 / elapsed_ns),
        p50_ms: measured.latency.p50_ms(),
        p99_ms: measured.latency.p99_ms(),
        max_ms: measured.latency.max_ms(),
        loss_pct: Some(100.0 * lost / totals.due as f64),
        rss_mib: Some(run.resident_bytes_max as f64 / f64::from(1024 * 1024)),
        more: if plan.load.is_amid_others() {
            beside_json(cpu_ns / elapsed_ns, run.beside.as_ref())
        } else {
            serde_json::Map::new()
        },
    }
}

/// How busy the relay was, and with what beside the input.
fn beside_json(relay_cores: f64, beside: Option<&Beside>) -> serde_json::Map<String, Value> {
    let mut more = serde_json::Map::new();
    more.insert("relay_cpu_pct".into(), json!(100.0 * relay_cores));
    if let Some(Beside { screen, screen_totals, document_bytes, elapsed_ns }) = beside {
        let elapsed_ns = *elapsed_ns as f64;
        let lost = screen_totals.due.saturating_sub(screen_totals.arrived) as f64;
        more.insert("screen_gbit_s".into(), json!(screen.bytes as f64 * 8.0 / elapsed_ns));
        more.insert("screen_p99_ms".into(), json!(screen.latency.p99_ms()));
        more.insert("screen_loss_pct".into(), json!(100.0 * lost / screen_totals.due.max(1) as f64));
        more.insert("document_gbit_s".into(), json!(*document_bytes as f64 * 8.0 / elapsed_ns));
    }
    more
}

/// A line for whoever waits.
fn line_of(row: &Row) -> String {
    let [kib, object, gbit, p50, p99, _, loss, _] = row.figures().map(Option::unwrap_or_default);
    format!(
        "{:<11} {:<12} {kib:>8.0} ns/KiB {object:>9.2} us/object {gbit:>6.2} Gbit/s  p50 {p50:>7.2} p99 {p99:>7.2} ms  lost {loss:.2} %",
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
        .chain(row.more.iter().map(|(name, value)| (name.clone(), json!(value.as_f64().map(round)))))
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

//! From runs to rows and series.

use isi_load::{
    latency::{Latency, Point},
    row::{Row, round},
    workload::{JoinLoad, Joins, Outcome, Part, PartOutcome, Workload},
};
use serde::Serialize;
use serde_json::{Value, json};

mod admissions;

use super::{
    run::{Ran, Run},
    watch::Look,
};

const SECOND_NS: f64 = 1e9;
const MIB: f64 = 1_048_576.0;
/// Deliveries of a load that was carried, of those due.
const DELIVERED_MIN: f64 = 0.99;
/// Of what was asked, how much has to be sent.
const SENT_MIN: f64 = 0.95;

/// What plots are drawn from.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Series {
    /// Which load.
    pub load: String,
    /// Ends of the slots, in seconds from the beginning.
    pub delivered_s: Vec<f64>,
    /// Delivered in each slot, in Mbit/s.
    pub delivered_mbit_s: Vec<f64>,
    /// When the relay was looked at, in seconds from the beginning.
    pub relay_s: Vec<f64>,
    /// The relay's CPU since the look before, in per cent of a core.
    pub cpu_pct: Vec<Option<f64>>,
    /// Its memory, in MiB.
    pub rss_mib: Vec<Option<f64>>,
    /// Ciphertext that it held, in KiB.
    pub resident_kib: Vec<Option<f64>>,
    /// The curve of each part's latencies, or of the joins.
    pub percentiles: Vec<(String, Vec<Point>)>,
}

/// A run, ready to be told.
pub struct Told {
    /// The first is of the whole, the others of its parts where there are several.
    pub rows: Vec<Row>,
    /// For plots.
    pub series: Series,
    /// Why the load was not reached.
    pub not_reached: Vec<String>,
}

/// Tells a run.
#[must_use]
pub fn tell(run: &Run) -> Told {
    match &run.result {
        Ran::Traffic(load, outcome) => tell_traffic(run, load, outcome),
        Ran::Joins(load, joins) => tell_joins(run, load, joins),
        Ran::Admissions(load, admissions) => admissions::tell(run, load, admissions),
    }
}

/// Sums over the time.
struct Totals {
    seconds: f64,
    objects: f64,
    bytes: f64,
    cpu_ns: Option<f64>,
}

fn tell_traffic(run: &Run, load: &Workload, outcome: &Outcome) -> Told {
    let slots = || outcome.parts.iter().flat_map(|part| &part.slots);
    let totals = Totals {
        seconds: seconds(run.measure.end_ns - run.measure.begin_ns),
        objects: slots().map(|slot| slot.objects).sum::<u64>() as f64,
        bytes: slots().map(|slot| slot.bytes).sum::<u64>() as f64,
        cpu_ns: cpu_between(run.looks.first(), run.looks.last()),
    };
    let mut whole = row_of(run, load, &totals);
    fill_extras(&mut whole, run, load, outcome, &totals);
    let parts = load.parts.iter().zip(&outcome.parts);
    let mut rows: Vec<Row> = Vec::new();
    if let ([part], [of]) = (&load.parts[..], &outcome.parts[..]) {
        whole = with_part(whole, load, part, of);
    } else {
        rows.extend(parts.clone().map(|(part, of)| part_row(run, load, part, of)));
    }
    rows.insert(0, whole);
    let mut not_reached: Vec<String> = parts.filter_map(|(part, of)| why_not(run, load, part, of)).collect();
    if outcome.lost_people > 0 {
        let why = outcome.first_end.as_deref().unwrap_or("for no reason that was told");
        not_reached.push(format!("{} people did not stay: {why}", outcome.lost_people));
    }
    Told { rows, series: series(run, load, outcome), not_reached }
}

fn row_of(run: &Run, load: &Workload, totals: &Totals) -> Row {
    let rss = run.looks.iter().filter_map(|look| look.rss_bytes).max();
    Row {
        system: run.system.clone(),
        load: name_of(load),
        receivers: u64::from(load.receivers),
        cpu_ns_per_kib: per(totals.cpu_ns, totals.bytes / 1024.0),
        cpu_us_per_object: per(totals.cpu_ns, totals.objects).map(|ns| ns / 1000.0),
        delivered_gbit_s: Some(totals.bytes * 8.0 / 1e9 / totals.seconds.max(0.001)),
        rss_mib: rss.map(|bytes| bytes as f64 / MIB),
        ..Row::default()
    }
}

fn fill_extras(row: &mut Row, run: &Run, load: &Workload, outcome: &Outcome, totals: &Totals) {
    let core_pct = |ns: f64| round(ns / SECOND_NS / totals.seconds.max(0.001) * 100.0);
    let resident = run.looks.iter().filter_map(|look| look.resident_bytes).max();
    let extras = [
        ("sessions", json!(load.sessions)),
        ("objects_delivered", json!(totals.objects)),
        ("seconds", json!(totals.seconds)),
        ("relay_cpu_pct", totals.cpu_ns.map(core_pct).into()),
        ("clients_cpu_pct", core_pct(outcome.client_cpu_ns as f64).into()),
        ("resident_kib_max", resident.map(|bytes| round(bytes as f64 / 1024.0)).into()),
        ("join_p50_ms", outcome.joins.p50_ms().map(round).into()),
        ("groups_reset", outcome.resets.values().sum::<u64>().into()),
        ("dropped", outcome.dropped.into()),
        ("log_gaps", outcome.log_gaps.into()),
        ("refused", outcome.refused.into()),
    ];
    extras.into_iter().for_each(|(name, value)| drop(row.more.insert(name.to_owned(), value)));
    if !load.slow.is_empty() {
        row.more.insert("reconnects".to_owned(), outcome.reconnects.into());
        row.more.insert("slow_objects".to_owned(), outcome.slow_objects.into());
    }
}

fn with_part(row: Row, load: &Workload, part: &Part, of: &PartOutcome) -> Row {
    let due = of.sent * u64::from(load.due(part));
    let loss = due.saturating_sub(of.arrived) as f64 / due.max(1) as f64;
    Row {
        receivers: u64::from(load.due(part)),
        frame_bytes: u64::from(part.bytes),
        fps: part.pace.per_second(),
        p50_ms: of.latency.p50_ms(),
        p99_ms: of.latency.p99_ms(),
        max_ms: of.latency.max_ms(),
        loss_pct: Some(loss * 100.0),
        ..row
    }
}

fn part_row(run: &Run, load: &Workload, part: &Part, of: &PartOutcome) -> Row {
    let bytes = of.slots.iter().map(|slot| slot.bytes).sum::<u64>() as f64;
    let row = Row {
        system: run.system.clone(),
        load: format!("{}/{}", name_of(load), part.kind.name()),
        delivered_gbit_s: Some(
            bytes * 8.0 / 1e9 / seconds(run.measure.end_ns - run.measure.begin_ns).max(0.001),
        ),
        ..Row::default()
    };
    with_part(row, load, part, of)
}

fn why_not(run: &Run, load: &Workload, part: &Part, of: &PartOutcome) -> Option<String> {
    let name = part.kind.name();
    let length_s = seconds(run.measure.end_ns - run.measure.begin_ns);
    let due = of.sent * u64::from(load.due(part));
    if of.arrived == 0 {
        return Some(format!("nothing of {name} arrived"));
    }
    if let Some(asked) = load.asked_per_second(part).map(|rate| rate * length_s)
        && of.skipped > 0
        && (of.sent as f64) < asked * SENT_MIN
    {
        return Some(format!("only {} of {asked:.0} objects of {name} could be sent in time", of.sent));
    }
    let delivered = of.arrived as f64 / due.max(1) as f64;
    (delivered < DELIVERED_MIN)
        .then(|| format!("{:.1} % of {name} did not arrive", (1.0 - delivered) * 100.0))
}

fn tell_joins(run: &Run, load: &JoinLoad, joins: &Joins) -> Told {
    let (before, after) = (run.looks.first(), run.looks.get(1));
    let joined = joins.joined() as f64;
    let cpu_ns = cpu_between(before, after);
    let name = if load.stay { "idle" } else { "joins" };
    let grown = run.looks.last().and_then(|last| Some(last.rss_bytes? as f64 - before?.rss_bytes? as f64));
    let mut row = Row {
        system: run.system.clone(),
        load: name.to_owned(),
        receivers: joins.joined(),
        fps: load.per_second,
        cpu_us_per_object: cpu_ns.map(|ns| ns / 1000.0 / joined.max(1.0)),
        p50_ms: joins.latency.p50_ms(),
        p99_ms: joins.latency.p99_ms(),
        max_ms: joins.latency.max_ms(),
        loss_pct: Some(joins.failed as f64 * 100.0 / f64::from(load.joins)),
        rss_mib: run.looks.iter().filter_map(|look| look.rss_bytes).max().map(|bytes| bytes as f64 / MIB),
        ..Row::default()
    };
    let idle_cpu = cpu_between(run.looks.get(2), run.looks.last());
    let idle_s = run.looks.get(2).zip(run.looks.last()).map(|(a, b)| seconds(b.at_ns - a.at_ns));
    let idle_us = idle_cpu.zip(idle_s).map(|(ns, s)| ns / 1000.0 / s.max(0.001) / joined.max(1.0));
    let extras: [(&str, Value); 5] = [
        ("sessions", load.sessions.into()),
        ("joins_per_second", joins.per_second().map(round).into()),
        ("joins_per_relay_core_second", cpu_ns.map(|ns| round(joined * SECOND_NS / ns.max(1.0))).into()),
        (
            "rss_kib_per_participant",
            grown.filter(|_| load.stay).map(|b| round(b / 1024.0 / joined.max(1.0))).into(),
        ),
        ("idle_cpu_us_per_participant_second", idle_us.filter(|_| load.stay).map(round).into()),
    ];
    extras.into_iter().for_each(|(name, value)| drop(row.more.insert(name.to_owned(), value)));
    let mut not_reached = Vec::new();
    if joins.failed > 0 {
        let why = joins.first_failure.as_deref().unwrap_or("for no reason that was told");
        not_reached.push(format!("{} of {} did not come in: {why}", joins.failed, load.joins));
    }
    if let Some((asked, reached)) = load.per_second.map(f64::from).zip(joins.per_second())
        && reached < asked * SENT_MIN
    {
        not_reached.push(format!("{reached:.0} joins per second were reached of {asked}"));
    }
    let mut series = relay_series(run, name);
    series.percentiles.push((name.to_owned(), joins.latency.percentiles()));
    Told { rows: vec![row], series, not_reached }
}

fn series(run: &Run, load: &Workload, outcome: &Outcome) -> Series {
    let slot_s = seconds(run.measure.slot_ns);
    let count = outcome.parts.iter().map(|part| part.slots.len()).max().unwrap_or(0);
    let mbit = |slot: usize| {
        let bytes: u64 =
            outcome.parts.iter().filter_map(|part| part.slots.get(slot)).map(|slot| slot.bytes).sum();
        round(bytes as f64 * 8.0 / 1e6 / slot_s)
    };
    let curve = |(part, of): (&Part, &PartOutcome)| (part.kind.name().to_owned(), points(&of.latency));
    Series {
        delivered_s: (1..=count).map(|slot| round(slot as f64 * slot_s)).collect(),
        delivered_mbit_s: (0..count).map(mbit).collect(),
        percentiles: load.parts.iter().zip(&outcome.parts).map(curve).collect(),
        ..relay_series(run, &name_of(load))
    }
}

fn points(latency: &Latency) -> Vec<Point> {
    latency.percentiles().into_iter().map(|point| Point { ms: round(point.ms), ..point }).collect()
}

fn relay_series(run: &Run, load: &str) -> Series {
    let steps = || run.looks.windows(2).filter_map(|pair| Some((pair.first()?, pair.last()?)));
    let since = |at_ns: u64| round(seconds(at_ns.saturating_sub(run.measure.begin_ns)));
    let cpu = |(before, after): (&Look, &Look)| {
        let span = seconds(after.at_ns - before.at_ns).max(0.001);
        cpu_between(Some(before), Some(after)).map(|ns| round(ns / SECOND_NS / span * 100.0))
    };
    let scaled = |bytes: Option<u64>, unit: f64| bytes.map(|bytes| round(bytes as f64 / unit));
    Series {
        load: load.to_owned(),
        relay_s: steps().map(|(_, after)| since(after.at_ns)).collect(),
        cpu_pct: steps().map(cpu).collect(),
        rss_mib: steps().map(|(_, after)| scaled(after.rss_bytes, MIB)).collect(),
        resident_kib: steps().map(|(_, after)| scaled(after.resident_bytes, 1024.0)).collect(),
        ..Series::default()
    }
}

fn name_of(load: &Workload) -> String {
    let slow = if load.slow.is_empty() { "" } else { "+slow" };
    format!("{}{slow}", load.name)
}

/// Of nothing there is no cost of each.
fn per(cpu_ns: Option<f64>, count: f64) -> Option<f64> {
    cpu_ns.filter(|_| count > 0.0).map(|ns| ns / count)
}

fn cpu_between(before: Option<&Look>, after: Option<&Look>) -> Option<f64> {
    Some(after?.cpu_ns?.saturating_sub(before?.cpu_ns?) as f64)
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / SECOND_NS
}

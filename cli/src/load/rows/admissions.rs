use isi_load::{
    membership::{AdmissionLoad, Admissions},
    row::{Row, round},
};
use serde_json::Value;

use super::{MIB, Told, cpu_between, relay_series, seconds};
use crate::load::run::Run;

const MILLISECOND_NS: f64 = 1e6;

/// Latencies of the row: from dialling to having the Welcome.
pub(super) fn tell(run: &Run, load: &AdmissionLoad, of: &Admissions) -> Told {
    let name = "admissions";
    let cpu_ns = cpu_between(run.looks.first(), run.looks.last());
    let mut row = Row {
        system: run.system.clone(),
        load: name.to_owned(),
        receivers: of.joined(),
        fps: Some(load.per_second),
        cpu_us_per_object: cpu_ns.map(|ns| ns / 1000.0 / (of.joined() as f64).max(1.0)),
        p50_ms: of.admitted.p50_ms(),
        p99_ms: of.admitted.p99_ms(),
        max_ms: of.admitted.max_ms(),
        loss_pct: Some(of.failed as f64 * 100.0 / f64::from(load.joins)),
        rss_mib: run.looks.iter().filter_map(|look| look.rss_bytes).max().map(|bytes| bytes as f64 / MIB),
        ..Row::default()
    };
    extras(load, of, cpu_ns)
        .into_iter()
        .for_each(|(key, value)| drop(row.more.insert(key.to_owned(), value)));
    let mut not_reached = Vec::new();
    if of.joined() < u64::from(load.joins) || of.failed > 0 {
        let why = of.first_failure.as_deref().unwrap_or("for no reason that was told");
        not_reached.push(format!("{} of {} were let in: {why}", of.joined(), load.joins));
    }
    let mut series = relay_series(run, name);
    series.percentiles.push((name.to_owned(), of.admitted.percentiles()));
    Told { rows: vec![row], series, not_reached }
}

fn extras(load: &AdmissionLoad, of: &Admissions, relay_cpu_ns: Option<f64>) -> [(&'static str, Value); 12] {
    let ms = |ns: f64| round(ns / MILLISECOND_NS);
    let commits = of.commits.max(1);
    [
        ("members", load.members.into()),
        ("commits", of.commits.into()),
        ("commit_bytes", (of.commit_bytes / commits).into()),
        ("welcome_bytes", (of.welcome_bytes / commits).into()),
        ("uploaded_mib", round((of.commit_bytes + of.welcome_bytes) as f64 / MIB).into()),
        ("delivered_mib", round(of.delivered_bytes as f64 / MIB).into()),
        ("first_ask_to_last_admitted_s", round(seconds(of.last_ns.saturating_sub(of.first_ns))).into()),
        ("verified_p50_ms", of.verified.p50_ms().map(round).into()),
        ("verified_max_ms", of.verified.max_ms().map(round).into()),
        ("committer_cpu_ms", ms(of.committer_cpu_ns as f64).into()),
        ("member_cpu_ms", ms(of.member_cpu_ns as f64).into()),
        ("relay_cpu_ms", relay_cpu_ns.map(ms).into()),
    ]
}

//! How measurements are written down: one JSON line that programs read, the same for every program that measures.

mod machine;

pub use machine::Machine;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One system under one load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Which relay.
    pub system: String,
    /// Which load.
    pub load: String,
    /// How many receive each object.
    pub receivers: u64,
    /// Bytes of an object.
    pub frame_bytes: u64,
    /// Objects per second and sender; `None` when the load saturates.
    pub fps: Option<u32>,
    /// The relay's CPU time per KiB delivered, in nanoseconds.
    #[serde(serialize_with = "rounded")]
    pub cpu_ns_per_kib: Option<f64>,
    /// The relay's CPU time per object delivered, in microseconds.
    #[serde(serialize_with = "rounded")]
    pub cpu_us_per_object: Option<f64>,
    /// Payload delivered to all receivers together, in Gbit/s.
    #[serde(serialize_with = "rounded")]
    pub delivered_gbit_s: Option<f64>,
    /// Half of the objects took at most so long, in milliseconds.
    #[serde(serialize_with = "rounded")]
    pub p50_ms: Option<f64>,
    /// 99 % took at most so long, in milliseconds.
    #[serde(serialize_with = "rounded")]
    pub p99_ms: Option<f64>,
    /// The slowest took so long, in milliseconds.
    #[serde(serialize_with = "rounded")]
    pub max_ms: Option<f64>,
    /// Objects that never arrived, in per cent of those due.
    #[serde(serialize_with = "rounded")]
    pub loss_pct: Option<f64>,
    /// Most memory that the relay had resident, in MiB.
    #[serde(serialize_with = "rounded")]
    pub rss_mib: Option<f64>,
    /// What one program tells beyond that.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What a program measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// What.
    pub rows: Vec<Row>,
    /// Figures of one row divided by another's, by a name that says which.
    pub ratios: BTreeMap<String, f64>,
    /// What one program tells beyond that.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Row {
    /// Names of the figures, as in JSON, in its order.
    pub const FIGURES: [&'static str; 8] = [
        "cpu_ns_per_kib",
        "cpu_us_per_object",
        "delivered_gbit_s",
        "p50_ms",
        "p99_ms",
        "max_ms",
        "loss_pct",
        "rss_mib",
    ];

    /// The figures in the order of [`FIGURES`](Self::FIGURES).
    #[must_use]
    pub const fn figures(&self) -> [Option<f64>; 8] {
        [
            self.cpu_ns_per_kib,
            self.cpu_us_per_object,
            self.delivered_gbit_s,
            self.p50_ms,
            self.p99_ms,
            self.max_ms,
            self.loss_pct,
            self.rss_mib,
        ]
    }

    /// Figure by figure the median of several runs of the same load; of an even number the mean of the middle two. `None`
    /// without runs. What one run did not tell is left out.
    #[must_use]
    pub fn median(runs: &[Self]) -> Option<Self> {
        let of = |figure: fn(&Self) -> Option<f64>| median(runs.iter().filter_map(figure).collect());
        Some(Self {
            cpu_ns_per_kib: of(|row| row.cpu_ns_per_kib),
            cpu_us_per_object: of(|row| row.cpu_us_per_object),
            delivered_gbit_s: of(|row| row.delivered_gbit_s),
            p50_ms: of(|row| row.p50_ms),
            p99_ms: of(|row| row.p99_ms),
            max_ms: of(|row| row.max_ms),
            loss_pct: of(|row| row.loss_pct),
            rss_mib: of(|row| row.rss_mib),
            ..runs.first()?.clone()
        })
    }
}

/// The middle of these; of an even number the mean of the middle two, `None` of none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get(values.len().saturating_sub(1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// Rounded to what a person would read: five significant digits.
#[must_use]
pub fn round(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let digits = 4 - value.abs().log10().floor() as i32;
    let scale = 10_f64.powi(digits.clamp(0, 9));
    (value * scale).round() / scale
}

fn rounded<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(round).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(p99_ms: f64) -> Row {
        Row {
            system: "ours".into(),
            load: "fanout".into(),
            receivers: 8,
            p99_ms: Some(p99_ms),
            ..Row::default()
        }
    }

    #[test]
    fn the_line_has_the_promised_names() {
        let report = Report { rows: vec![row(1.234_567)], ..Report::default() };
        let json: Value = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        for key in ["machine", "rows", "ratios"] {
            assert!(json.get(key).is_some(), "{key}");
        }
        let row = &json["rows"][0];
        for key in ["system", "load", "receivers", "frame_bytes", "fps"].into_iter().chain(Row::FIGURES) {
            assert!(row.get(key).is_some(), "{key}");
        }
        assert_eq!(row["p99_ms"], 1.2346);
        assert_eq!(row["cpu_ns_per_kib"], Value::Null, "unknown is null, never 0");
    }

    #[test]
    fn programs_add_what_is_theirs_and_read_it_back() {
        let mut report = Report { rows: vec![row(1.0)], ..Report::default() };
        report.rows[0].more.insert("joins_per_second".into(), 900.into());
        report.ratios.insert("ours/stock".into(), 0.85);
        let line = serde_json::to_string(&report).unwrap();
        assert!(line.contains("\"joins_per_second\":900"));
        assert_eq!(serde_json::from_str::<Report>(&line).unwrap(), report);
    }

    #[test]
    fn medians() {
        assert_eq!(Row::median(&[row(9.0), row(1.0), row(2.0)]).unwrap().p99_ms, Some(2.0));
        assert_eq!(Row::median(&[row(4.0), row(2.0)]).unwrap(), row(3.0));
        assert_eq!(Row::median(&[]), None);
        assert_eq!(median(vec![]), None);
    }

    #[test]
    fn five_digits_are_enough() {
        assert_eq!(round(823.456_789), 823.46);
        assert_eq!(round(0.001_234_567), 0.001_234_6);
        assert_eq!(round(123_456.7), 123_457.0);
        assert_eq!(round(0.0), 0.0);
    }
}

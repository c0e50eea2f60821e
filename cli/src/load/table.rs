//! The table that a person reads at the end.

use std::fmt;

use isi_load::row::{Report, Row};

/// A report, ready to print.
pub struct Table<'a>(pub &'a Report);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.0.machine)?;
        writeln!(
            f,
            "{:<24}{:>9}{:>9}{:>6}{:>10}{:>10}{:>9}{:>9}{:>9}{:>9}{:>8}{:>9}",
            "load",
            "receivers",
            "bytes",
            "fps",
            "ns/KiB",
            "us/object",
            "Gbit/s",
            "p50 ms",
            "p99 ms",
            "max ms",
            "loss %",
            "RSS MiB"
        )?;
        self.0.rows.iter().try_for_each(|row| writeln!(f, "{}", line(row)))?;
        for row in self.0.rows.iter().filter(|row| !row.more.is_empty()) {
            writeln!(f, "{}", extras(row))?;
        }
        self.0.ratios.iter().try_for_each(|(name, ratio)| writeln!(f, "{name}: {ratio:.3}"))
    }
}

fn line(row: &Row) -> String {
    let fps = row.fps.map_or_else(|| "max".to_owned(), |fps| fps.to_string());
    let [cpu_kib, cpu_object, gbit, p50, p99, max, loss, rss] = row.figures();
    let figure = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
    };
    format!(
        "{:<24}{:>9}{:>9}{:>6}{:>10}{:>10}{:>9}{:>9}{:>9}{:>9}{:>8}{:>9}",
        row.load,
        row.receivers,
        row.frame_bytes,
        fps,
        figure(cpu_kib, 0),
        figure(cpu_object, 1),
        figure(gbit, 3),
        figure(p50, 2),
        figure(p99, 2),
        figure(max, 1),
        figure(loss, 2),
        figure(rss, 1),
    )
}

/// Figures that only some loads have, by their names in JSON. What is nothing is left out.
fn extras(row: &Row) -> String {
    let is_something = |value: &serde_json::Value| !value.is_null() && value.as_f64() != Some(0.0);
    let named = row.more.iter().filter(|(_, value)| is_something(value));
    let named: Vec<String> = named.map(|(name, value)| format!("{name} {value}")).collect();
    format!("  {}: {}", row.load, named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_a_dash_and_what_is_nothing_is_left_out() {
        let mut row = Row { load: "fanout".into(), receivers: 8, p50_ms: Some(1.234), ..Row::default() };
        row.more.insert("refused".into(), 0.into());
        row.more.insert("relay_cpu_pct".into(), 99.5.into());
        let text = Table(&Report { rows: vec![row], ..Report::default() }).to_string();
        assert!(text.contains("     1.23        -        -"), "{text}");
        assert!(text.contains("fanout: relay_cpu_pct 99.5") && !text.contains("refused"), "{text}");
    }
}

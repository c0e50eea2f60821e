//! The result for a person.

use isi_load::row::{Report, Row};
use std::fmt::Write;

/// The report for a person.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut text = format!("{}\n", report.machine);
    if let Some(row) = report.rows.first() {
        let rate = row.fps.map_or_else(|| "as many as go".to_owned(), |fps| format!("{fps} per second"));
        let (load, bytes, receivers) = (&row.load, row.frame_bytes, row.receivers);
        line(
            &mut text,
            format_args!("{load}: objects of {bytes} bytes, {rate}, to {receivers} receiver(s); medians\n"),
        );
    }
    line(
        &mut text,
        format_args!(
            "{:<24} {:>9} {:>10} {:>8} {:>9} {:>9} {:>9} {:>7} {:>8}",
            "", "ns/KiB", "us/object", "Gbit/s", "p50 ms", "p99 ms", "max ms", "lost %", "RSS MiB"
        ),
    );
    for row in &report.rows {
        line(&mut text, format_args!("{}", row_line(row)));
    }
    line(&mut text, format_args!(""));
    for (name, ratio) in &report.ratios {
        line(&mut text, format_args!("{name:<44} {ratio:>7.3}"));
    }
    line(&mut text, format_args!(""));
    let mut noted: Vec<&str> = Vec::new();
    for row in &report.rows {
        if noted.contains(&row.system.as_str()) {
            continue;
        }
        noted.push(&row.system);
        if let Some(note) = row.more.get("note").and_then(|note| note.as_str()) {
            line(&mut text, format_args!("{:<12} {note}", row.system));
        }
    }
    text
}

fn row_line(row: &Row) -> String {
    // What is not known is not zero.
    let shown =
        |value: Option<f64>, digits: usize| value.map_or("-".to_owned(), |value| format!("{value:.digits$}"));
    let [kib, object, gbit, p50, p99, max, loss, rss] = row.figures();
    format!(
        "{:<24} {:>9} {:>10} {:>8} {:>9} {:>9} {:>9} {:>7} {:>8}",
        format!("{} {}", row.system, row.load),
        shown(kib, 0),
        shown(object, 2),
        shown(gbit, 2),
        shown(p50, 2),
        shown(p99, 2),
        shown(max, 2),
        shown(loss, 2),
        shown(rss, 1)
    )
}

fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{words}");
}

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
            "{:<12} {:>9} {:>10} {:>8} {:>9} {:>9} {:>9} {:>7} {:>8}",
            "", "ns/KiB", "us/object", "Gbit/s", "p50 ms", "p99 ms", "max ms", "lost %", "RSS MiB"
        ),
    );
    for row in &report.rows {
        line(&mut text, format_args!("{}", row_line(row)));
    }
    line(&mut text, format_args!(""));
    for (name, ratio) in &report.ratios {
        line(&mut text, format_args!("{name:<36} {ratio:>7.3}"));
    }
    line(&mut text, format_args!(""));
    for row in &report.rows {
        if let Some(note) = row.more.get("note").and_then(|note| note.as_str()) {
            line(&mut text, format_args!("{:<12} {note}", row.system));
        }
    }
    text
}

fn row_line(row: &Row) -> String {
    let [kib, object, gbit, p50, p99, max, loss, rss] = row.figures().map(|value| value.unwrap_or(f64::NAN));
    format!(
        "{:<12} {kib:>9.0} {object:>10.2} {gbit:>8.2} {p50:>9.2} {p99:>9.2} {max:>9.2} {loss:>7.2} {rss:>8.1}",
        row.system
    )
}

fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{words}");
}

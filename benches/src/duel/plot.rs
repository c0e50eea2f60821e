//! Results as bars, for documents: `duel plot FILE.json... --out FILE.svg`.

use super::error::DuelError;
use super::system::System;
use clap::Args;
use isi_load::row::{Report, Row};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// What `duel plot` is told.
#[derive(Clone, Debug, Args)]
pub struct PlotArgs {
    /// Results, as written with --out; each becomes a row of the plot.
    #[arg(required = true, value_name = "FILE")]
    results: Vec<PathBuf>,
    /// The SVG to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Measures in pixels; text may be a little wider than thought, so every column has room.
const WIDTH: f64 = 960.0;
const MARGIN: f64 = 28.0;
const COLUMN_GAP: f64 = 36.0;
const LABEL_WIDTH: f64 = 108.0;
const VALUE_WIDTH: f64 = 118.0;
const BAR_HEIGHT: f64 = 16.0;
const BAR_STEP: f64 = 23.0;
const LINE_STEP: f64 = 17.0;
/// Up to this size an object costs what it costs, however many bytes are in it.
const SMALL_OBJECT_BYTES_MAX: u64 = 4096;
/// Bars are still seen at this width.
const BAR_WIDTH_MIN: f64 = 1.5;

/// Colours stand where they are used: not every program that draws SVG knows variables.
const STYLE: &str = "\
:root{color-scheme:light dark}\
text{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1c1c1a}\
.title{font-size:19px;font-weight:650}.load{font-size:15px;font-weight:650}.soft{fill:#62615d}.note{font-size:11.5px;fill:#62615d}\
.value{font-variant-numeric:tabular-nums}.back{fill:#fff}.bar{fill:#a9adb6}.ours{fill:#2f6fde}\
.floor{fill:none;stroke:#a9adb6;stroke-width:1.5;stroke-dasharray:4 3}.line{stroke:#d9d8d3;stroke-width:1}\
@media(prefers-color-scheme:dark){text{fill:#ecebe6}.soft,.note{fill:#a5a49d}.back{fill:#161615}.bar{fill:#696e79}.ours{fill:#6d9dff}\
.floor{stroke:#8b909b}.line{stroke:#3b3b38}}";

/// Reads the results and writes the plot.
///
/// # Errors
/// [`DuelError::File`], [`DuelError::NotAResult`]
pub fn plot(args: &PlotArgs) -> Result<(), DuelError> {
    let reports = args.results.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    fs::write(&args.out, render(&reports)).map_err(|source| DuelError::File {
        what: "write",
        path: args.out.clone(),
        source,
    })
}

fn read(path: &Path) -> Result<Report, DuelError> {
    let text = fs::read_to_string(path).map_err(|source| DuelError::File {
        what: "read",
        path: path.to_owned(),
        source,
    })?;
    let report: Option<Report> = serde_json::from_str(&text).ok();
    report
        .filter(|report| !report.rows.is_empty())
        .ok_or_else(|| DuelError::NotAResult { path: path.to_owned() })
}

/// A figure of which less is better.
#[derive(Clone, Copy)]
struct Metric {
    name: &'static str,
    of: fn(&Row) -> Option<f64>,
}

const CPU_PER_KIB: Metric = Metric { name: "relay CPU, ns per KiB delivered", of: |row| row.cpu_ns_per_kib };
const CPU_PER_OBJECT: Metric =
    Metric { name: "relay CPU, µs per object delivered", of: |row| row.cpu_us_per_object };
const P50: Metric = Metric { name: "latency p50, ms", of: |row| row.p50_ms };
const P99: Metric = Metric { name: "latency p99, ms", of: |row| row.p99_ms };

/// The results as an SVG, one below the other.
#[must_use]
pub fn render(reports: &[Report]) -> String {
    let mut page = Page { svg: String::new(), y: MARGIN + 14.0 };
    page.text("title", MARGIN, "Relay CPU and latency, less is better");
    page.y += LINE_STEP + 3.0;
    let machine = reports.first().map(|report| report.machine.to_string()).unwrap_or_default();
    page.text("note", MARGIN, &machine);
    page.y += LINE_STEP;
    for report in reports {
        page.panel(report);
    }
    page.notes(reports);
    let height = page.y + MARGIN - LINE_STEP;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
         aria-label=\"Relay CPU and latency of each system\"><style>{STYLE}</style>\
         <rect class=\"back\" width=\"100%\" height=\"100%\" rx=\"10\"/>\n{}</svg>\n",
        page.svg
    )
}

struct Page {
    svg: String,
    /// Base line of what comes next.
    y: f64,
}

impl Page {
    fn panel(&mut self, report: &Report) {
        // The second run of ours is for the spread.
        let again = System::OursAgain.name();
        let rows: Vec<_> = report.rows.iter().filter(|row| row.system != again).collect();
        let Some(first) = rows.first() else { return };
        self.y += 12.0;
        let (y, right) = (self.y, WIDTH - MARGIN);
        self.put(format_args!("<line class=\"line\" x1=\"{MARGIN}\" x2=\"{right}\" y1=\"{y}\" y2=\"{y}\"/>"));
        self.y += 26.0;
        self.text("load", MARGIN, &heading(&rows));
        self.y += 21.0;
        let has_cpu = rows.iter().all(|row| row.cpu_ns_per_kib.is_some());
        let left = match first.frame_bytes {
            _ if !has_cpu => P50,
            0..=SMALL_OBJECT_BYTES_MAX => CPU_PER_OBJECT,
            _ => CPU_PER_KIB,
        };
        let column = (WIDTH - 2.0 * MARGIN - COLUMN_GAP) / 2.0;
        let top = self.y;
        for (metric, x) in [(left, MARGIN), (P99, MARGIN + column + COLUMN_GAP)] {
            self.y = top;
            self.bars(&rows, metric, x, column);
        }
    }

    fn bars(&mut self, rows: &[&Row], metric: Metric, x: f64, width: f64) {
        self.text("soft", x, metric.name);
        let largest = rows.iter().filter_map(|row| (metric.of)(row)).fold(f64::MIN_POSITIVE, f64::max);
        let (begin, room) = (x + LABEL_WIDTH, width - LABEL_WIDTH - VALUE_WIDTH);
        for row in rows {
            self.y += BAR_STEP;
            self.text("", x, &label(rows, row));
            let Some(value) = (metric.of)(row) else {
                self.text("soft", begin, "not known");
                continue;
            };
            let bar = (room * value / largest).max(BAR_WIDTH_MIN);
            let top = self.y - BAR_HEIGHT + 3.5;
            self.put(format_args!(
                "<rect class=\"{}\" x=\"{begin}\" y=\"{top:.1}\" width=\"{bar:.1}\" height=\"{BAR_HEIGHT}\" rx=\"2\"/>",
                kind(row)
            ));
            self.text("value", begin + bar + 7.0, &shown(row, value));
        }
        self.y += 6.0;
    }

    /// What each system does not do.
    fn notes(&mut self, reports: &[Report]) {
        self.y += LINE_STEP + 8.0;
        let mut named: Vec<&str> = vec![System::OursAgain.name()];
        for row in reports.iter().flat_map(|report| &report.rows) {
            let note = row.more.get("note").and_then(|note| note.as_str());
            if let (Some(note), false) = (note, named.contains(&row.system.as_str())) {
                named.push(&row.system);
                self.text("note", MARGIN, &format!("{}: {note}", row.system));
                self.y += LINE_STEP;
            }
        }
    }

    fn text(&mut self, class: &str, x: f64, words: &str) {
        let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let y = self.y;
        self.put(format_args!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>"));
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.svg, "{element}");
    }
}

fn heading(rows: &[&Row]) -> String {
    let mut loads: Vec<&str> = rows.iter().map(|row| row.load.as_str()).collect();
    loads.dedup();
    let Some(row) = rows.first() else { return String::new() };
    let rate = row.fps.map_or_else(|| "as many as go".to_owned(), |fps| format!("{fps} per second"));
    let size = match row.frame_bytes {
        bytes if bytes >= 1024 && bytes.is_multiple_of(1024) => format!("{} KiB", bytes / 1024),
        bytes => format!("{bytes} bytes"),
    };
    let plural = if row.receivers == 1 { "" } else { "s" };
    format!("{}: {size}, {rate}, to {} receiver{plural}", loads.join(" and "), row.receivers)
}

/// The system, or the load where that is what differs.
fn label(rows: &[&Row], row: &Row) -> String {
    let is_alone = rows.iter().filter(|other| other.system == row.system).count() == 1;
    if is_alone { row.system.clone() } else { row.load.clone() }
}

fn kind(row: &Row) -> &'static str {
    match row.system.parse() {
        Ok(System::Ours) => "ours",
        Ok(System::Floor | System::Floor10) => "floor",
        Ok(_) | Err(_) => "bar",
    }
}

/// Three digits say all that a bar can; and what was lost was not carried.
fn shown(row: &Row, value: f64) -> String {
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    match row.loss_pct {
        Some(loss) if loss >= 0.05 => format!("{value:.digits$} ({loss:.1} % lost)"),
        Some(_) | None => format!("{value:.digits$}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(system: &str, load: &str, cpu_ns_per_kib: Option<f64>) -> Row {
        let mut row = Row {
            system: system.into(),
            load: load.into(),
            receivers: 8,
            frame_bytes: 65_536,
            cpu_ns_per_kib,
            p50_ms: Some(0.5),
            p99_ms: Some(2.0),
            ..Row::default()
        };
        row.more.insert("note".into(), "says <this>".into());
        row
    }

    fn report(rows: Vec<Row>) -> Report {
        Report { rows, ..Report::default() }
    }

    #[test]
    fn the_longest_bar_is_the_largest_figure_and_ours_is_drawn_once() {
        let rows = [("ours", 500.0), ("stock", 1000.0), ("ours-again", 9000.0)];
        let svg = render(&[report(rows.map(|(system, cpu)| row(system, "fanout", Some(cpu))).into())]);
        let widths: Vec<_> =
            svg.match_indices(" width=\"").map(|(at, text)| &svg[at + text.len()..]).collect();
        let width = |index: usize| widths[index].split('"').next().unwrap().parse::<f64>().unwrap();
        assert_eq!(svg.matches("<rect").count(), 1 + 2 * 2);
        assert!((width(2) * 2.0 - width(3)).abs() < 0.2, "{svg}");
        assert!(svg.contains("fanout: 64 KiB, as many as go, to 8 receivers") && !svg.contains("ours-again"));
        assert!(svg.contains("says &lt;this&gt;") && !svg.contains("<this>"));
    }

    #[test]
    fn loads_of_one_system_stand_beside_each_other() {
        let svg =
            render(&[report(vec![row("ours", "input-alone", Some(1.0)), row("ours", "input-mixed", None)])]);
        for words in [">input-alone<", ">input-mixed<", ">latency p50, ms<", ">latency p99, ms<"] {
            assert!(svg.contains(words), "{words} in {svg}");
        }
        assert!(!svg.contains("relay CPU, "));
    }
}

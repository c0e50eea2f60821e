//! The report as one HTML file that needs nothing from elsewhere.

mod axis;
mod plot;

use std::{fmt::Write as _, fs, path::Path};

use isi_load::row::{Report, Row};

use self::plot::{Line, Plot, Scale};
use super::{
    args::{LoadArgs, Sweep},
    rows::Series,
};
use crate::failure::{Exit, Failure};

const STYLE: &str = include_str!("style.css");

/// Told before the run, not after it.
///
/// # Errors
/// When the file has no folder.
pub fn check(args: &LoadArgs) -> Result<(), Failure> {
    let folder = args.html.as_deref().and_then(Path::parent);
    match folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        None => Ok(()),
        Some(folder) => {
            let message = format!("--html: there is no folder {}", folder.display());
            Err(Failure::new(Exit::Usage, message, "make it, or name another file"))
        }
    }
}

/// Writes the file.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, report: &Report, series: &[Series], sweep: Option<&Sweep>) -> Result<(), Failure> {
    fs::write(path, render(report, series, sweep)).map_err(|error| {
        let message = format!("cannot write {}: {error}", path.display());
        Failure::new(Exit::Usage, message, "name a file that may be written with --html")
    })
}

fn render(report: &Report, series: &[Series], sweep: Option<&Sweep>) -> String {
    let command = report.more.get("command").and_then(serde_json::Value::as_str).unwrap_or("isi load");
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>isi load</title><style>{STYLE}</style></head><body><main>\
         <header><h1>isi load</h1><p class=\"machine\">{}</p><pre>{}</pre></header>",
        escape(&report.machine.to_string()),
        escape(command),
    );
    page += "<section class=\"plots\">";
    if let Some(sweep) = sweep {
        page += &scaling(report, sweep);
    }
    for plot in plots(series, sweep) {
        page += &plot.render();
    }
    page += "</section>";
    page += &table(report);
    page += &ratios(report);
    page += "</main></body></html>\n";
    page
}

/// CPU per delivered KiB against what changes.
fn scaling(report: &Report, sweep: &Sweep) -> String {
    let points = |figure: fn(&Row) -> Option<f64>| {
        let whole = report.rows.iter().filter(|row| row.more.contains_key("sessions"));
        let points =
            sweep.values.iter().zip(whole).filter_map(|(value, row)| Some((f64::from(*value), figure(row)?)));
        points.collect::<Vec<_>>()
    };
    let plot = |title: &str, unit: &str, line: Vec<(f64, f64)>| Plot {
        title: title.to_owned(),
        x_name: sweep.what.name().to_owned(),
        y_name: unit.to_owned(),
        x: Scale::Log,
        y: Scale::FromZero,
        lines: vec![Line { name: String::new(), points: line }],
    };
    [
        plot("Relay CPU per delivered KiB", "ns", points(|row| row.cpu_ns_per_kib)),
        plot("Delivered", "Gbit/s", points(|row| row.delivered_gbit_s)),
        plot("Latency, p99", "ms", points(|row| row.p99_ms)),
        plot("Relay memory", "MiB", points(|row| row.rss_mib)),
    ]
    .iter()
    .map(Plot::render)
    .collect()
}

fn plots(series: &[Series], sweep: Option<&Sweep>) -> Vec<Plot> {
    let name = |at: usize, of: &Series| match sweep.and_then(|sweep| sweep.values.get(at)) {
        Some(value) => format!("{value}"),
        None => of.load.clone(),
    };
    let over_time = |title: &str, unit: &str, line: fn(&Series) -> Vec<(f64, f64)>| Plot {
        title: title.to_owned(),
        x_name: "seconds".to_owned(),
        y_name: unit.to_owned(),
        x: Scale::Linear,
        y: Scale::FromZero,
        lines: series
            .iter()
            .enumerate()
            .map(|(at, of)| Line { name: name(at, of), points: line(of) })
            .collect(),
    };
    let curves = series.iter().enumerate().flat_map(|(at, of)| {
        let several = of.percentiles.len() > 1;
        let name = name(at, of);
        of.percentiles.iter().map(move |(part, points)| Line {
            name: if several { format!("{name} {part}") } else { name.clone() },
            points: points
                .iter()
                .filter_map(|point| Some((plot::nines(point.quantile)?, point.ms)))
                .collect(),
        })
    });
    let latency = Plot {
        title: "Latency by percentile".to_owned(),
        x_name: "percentile".to_owned(),
        y_name: "ms".to_owned(),
        x: Scale::Percentile,
        y: Scale::Log,
        lines: curves.collect(),
    };
    vec![
        latency,
        over_time("Delivered", "Mbit/s", |of| {
            pairs(&of.delivered_s, of.delivered_mbit_s.iter().copied().map(Some))
        }),
        over_time("Relay CPU", "% of a core", |of| pairs(&of.relay_s, of.cpu_pct.iter().copied())),
        over_time("Relay memory", "MiB", |of| pairs(&of.relay_s, of.rss_mib.iter().copied())),
        over_time("Ciphertext held by the relay", "KiB", |of| {
            pairs(&of.relay_s, of.resident_kib.iter().copied())
        }),
    ]
}

fn pairs(x: &[f64], y: impl Iterator<Item = Option<f64>>) -> Vec<(f64, f64)> {
    x.iter().zip(y).filter_map(|(x, y)| Some((*x, y?))).collect()
}

fn table(report: &Report) -> String {
    let heads = [
        "load",
        "receivers",
        "bytes",
        "fps",
        "CPU ns/KiB",
        "CPU µs/object",
        "Gbit/s",
        "p50 ms",
        "p99 ms",
        "max ms",
        "loss %",
        "RSS MiB",
    ];
    let mut text = "<section><h2>Figures</h2><div class=\"wide\"><table><thead><tr>".to_owned();
    for head in heads {
        let _ = write!(text, "<th>{head}</th>"); // writing to a string cannot fail
    }
    text += "</tr></thead><tbody>";
    for row in &report.rows {
        let fps = row.fps.map_or_else(|| "max".to_owned(), |fps| fps.to_string());
        let _ = write!(
            text,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{fps}</td>",
            escape(&row.load),
            row.receivers,
            row.frame_bytes
        );
        for figure in row.figures() {
            let figure =
                figure.map_or_else(|| "–".to_owned(), |figure| isi_load::row::round(figure).to_string());
            let _ = write!(text, "<td>{figure}</td>");
        }
        text += "</tr>";
        if !row.more.is_empty() {
            let more: Vec<String> = row.more.iter().map(|(name, value)| format!("{name} {value}")).collect();
            let _ =
                write!(text, "<tr class=\"more\"><td colspan=\"12\">{}</td></tr>", escape(&more.join(" · ")));
        }
    }
    text + "</tbody></table></div></section>"
}

fn ratios(report: &Report) -> String {
    if report.ratios.is_empty() {
        return String::new();
    }
    let row =
        |(name, ratio): (&String, &f64)| format!("<tr><td>{}</td><td>{ratio:.3}</td></tr>", escape(name));
    let rows: String = report.ratios.iter().map(row).collect();
    format!("<section><h2>Ratios</h2><table class=\"ratios\"><tbody>{rows}</tbody></table></section>")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use isi_load::latency::Point;

    fn sample() -> (Report, Vec<Series>) {
        let mut report =
            Report { rows: vec![Row { load: "<fanout>".into(), ..Row::default() }], ..Report::default() };
        report.more.insert("command".into(), "isi load --html a&b".into());
        let series = Series {
            load: "fanout".into(),
            delivered_s: vec![0.2, 0.4],
            delivered_mbit_s: vec![900.0, 1100.0],
            relay_s: vec![0.2, 0.4],
            cpu_pct: vec![Some(90.0), None],
            rss_mib: vec![None, None],
            resident_kib: vec![Some(100.0), Some(150.0)],
            percentiles: vec![(
                "fanout".into(),
                vec![Point { quantile: 0.5, ms: 1.0 }, Point { quantile: 1.0, ms: 9.0 }],
            )],
        };
        (report, vec![series])
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_escapes_what_it_shows() {
        let (report, series) = sample();
        let page = render(&report, &series, None);
        assert!(page.contains("&lt;fanout&gt;") && page.contains("a&amp;b"), "{page}");
        for outside in ["<script", "http:", "https:", "url(", "@import", "src="] {
            assert!(!page.contains(outside), "{outside} in {page}");
        }
        assert_eq!(page.matches("<figure>").count(), 4, "what nobody knows has no plot");
    }

    #[test]
    fn a_sweep_plots_what_it_changes() {
        let (mut report, series) = sample();
        for row in &mut report.rows {
            row.cpu_ns_per_kib = Some(900.0);
            row.more.insert("sessions".into(), 1.into());
        }
        let sweep = "receivers=8".parse().unwrap();
        let page = render(&report, &series, Some(&sweep));
        assert!(page.contains("Relay CPU per delivered KiB") && page.contains("receivers"));
    }
}

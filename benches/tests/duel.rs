//! The duel kit as people run it: a short duel delivers everything and prints what it promises. No figure is judged here.

#![expect(clippy::unwrap_used, reason = "in a test it is the failure")]

use isi_load::row::{Report, Row};
use serde_json::Value;
use std::process::{Command, Output};

fn duel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_duel")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The one line of a short duel.
fn line_of(arguments: &[&str]) -> String {
    let output = duel(&[arguments, &["--seconds", "0.5", "--runs", "1", "--json"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

fn assert_all_delivered(report: &Report, systems: &[&str]) {
    let named: Vec<_> = report.rows.iter().map(|row| row.system.as_str()).collect();
    assert_eq!(named, systems);
    for row in &report.rows {
        assert_eq!(row.loss_pct, Some(0.0), "{row:?}");
        assert!(row.delivered_gbit_s > Some(0.0) && row.cpu_ns_per_kib > Some(0.0), "{row:?}");
        assert!(row.p50_ms <= row.p99_ms && row.p99_ms <= row.max_ms && row.rss_mib > Some(1.0), "{row:?}");
    }
}

#[test]
fn the_line_has_every_promised_name() {
    let line = line_of(&["--only", "ours,stock", "--receivers", "2"]);
    assert_eq!(line.trim_end().lines().count(), 1, "one line and nothing else");
    let json: Value = serde_json::from_str(&line).unwrap();
    for row in json["rows"].as_array().unwrap() {
        for key in ["system", "load", "receivers", "frame_bytes", "fps"].into_iter().chain(Row::FIGURES) {
            assert!(row.get(key).is_some(), "{key} in {row}");
        }
        assert_eq!((&row["load"], &row["receivers"]), (&"fanout".into(), &2.into()));
        assert_eq!(row["runs"].as_array().unwrap().len(), 1);
    }
    assert!(json["machine"]["processor"].is_string());
    for ratio in ["ours/stock cpu_ns_per_kib", "ours/stock p99_ms", "spread cpu_ns_per_kib"] {
        assert!(json["ratios"][ratio].is_f64(), "{ratio} in {}", json["ratios"]);
    }
    assert_all_delivered(&serde_json::from_value(json).unwrap(), &["ours", "stock", "ours-again"]);
}

#[test]
fn every_load_goes_through_ours_and_through_both_forwarders() {
    for load in ["paced", "messages", "events", "small"] {
        let few = if load == "small" { &["--receivers", "5"][..] } else { &[] };
        let arguments = [&["--only", "ours,stock,stock-tuned", "--once", "--load", load], few].concat();
        let report = serde_json::from_str(&line_of(&arguments)).unwrap();
        assert_all_delivered(&report, &["ours", "stock", "stock-tuned"]);
    }
}

#[test]
fn input_is_measured_alone_and_amid_everything_else() {
    let report: Report = serde_json::from_str(&line_of(&["--once", "--load", "mixed"])).unwrap();
    let [alone, mixed] = report.rows.as_slice() else { panic!("{:?}", report.rows) };
    assert_eq!((alone.load.as_str(), mixed.load.as_str()), ("input-alone", "input-mixed"));
    for row in [alone, mixed] {
        assert_eq!((row.receivers, row.frame_bytes, row.loss_pct), (1, 64, Some(0.0)), "{row:?}");
        assert!(row.p50_ms > Some(0.0) && row.more["relay_cpu_pct"].as_f64() > Some(0.0), "{row:?}");
    }
    assert_eq!((mixed.cpu_ns_per_kib, alone.more.get("document_gbit_s")), (None, None));
    for flow in ["document_gbit_s", "screen_gbit_s"] {
        assert!(mixed.more[flow].as_f64() > Some(0.001), "{flow} in {mixed:?}");
    }
    for ratio in ["ours input-mixed/input-alone p50_ms", "ours input-mixed/input-alone p99_ms"] {
        assert!(report.ratios.contains_key(ratio), "{ratio} in {:?}", report.ratios);
    }
}

#[test]
fn the_floor_delivers_all_of_a_fanout_and_takes_nothing_else() {
    let report = serde_json::from_str(&line_of(&["--only", "floor,floor-10", "--receivers", "3"])).unwrap();
    assert_all_delivered(&report, &["floor", "floor-10"]);
    let output = duel(&["--only", "floor", "--load", "paced"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

#[test]
fn a_written_result_is_drawn() {
    let folder = std::env::temp_dir().join(format!("isi-duel-plot-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (json, svg) = (folder.join("result.json"), folder.join("duel.svg"));
    let line = line_of(&["--only", "stock,floor", "--receivers", "1", "--out", json.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(&json).unwrap(), line);
    let output = duel(&["plot", json.to_str().unwrap(), "--out", svg.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let drawn = std::fs::read_to_string(&svg).unwrap();
    assert!(
        drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n") && drawn.contains(">floor<"),
        "{drawn}"
    );
    let output = duel(&["plot", svg.to_str().unwrap(), "--out", svg.to_str().unwrap()]);
    assert!(output.status.code() == Some(2) && text(&output.stderr).contains("no result of this kit"));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_person_gets_a_table() {
    let output = duel(&["--only", "stock", "--receivers", "1", "--seconds", "0.2", "--runs", "1"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    assert!(table.contains("ns/KiB") && table.lines().any(|line| line.starts_with("stock ")), "{table}");
}

#[test]
fn what_cannot_be_run_says_what_to_do() {
    for (arguments, hint, code) in [
        (&["--receivers", "0"][..], "say 1 to 2000", 2),
        (&["--load", "events", "--receivers", "3"], "it must be 1", 2),
        (&["--only", "other"], "--other-relay", 2),
        (&["--only", "ours,stock", "--load", "mixed"], "leave it out of --only", 2),
        (&["--only", "ours", "--relay-bin", "/nowhere", "--runs", "1"], "--only ours", 3),
    ] {
        let output = duel(arguments);
        let words = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words}");
        assert!(words.contains("error: ") && words.contains("hint: ") && words.contains(hint), "{words}");
    }
}

//! `isi load`, short.

use crate::support::{Folder, assert_failed, free_port, prepare, run, stderr, stdout};
use serde_json::Value;

const LOAD_NOT_REACHED: i32 = 1;
const USAGE: i32 = 2;
const RELAY: i32 = 4;

/// A machine that is busy may be too slow for the rate; whatever else is not reached is a failure.
fn report(arguments: &[&str]) -> Value {
    let output = run(&[&["load"], arguments, &["--json"]].concat());
    let (code, said) = (output.status.code(), stderr(&output));
    let was_slow = code == Some(LOAD_NOT_REACHED) && said.contains("could be sent in time");
    assert!(code == Some(0) || was_slow, "{code:?}: {said}");
    let text = stdout(&output);
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).expect("one JSON line")
}

fn number(row: &Value, name: &str) -> f64 {
    row[name].as_f64().unwrap_or_else(|| panic!("{name} in {row}"))
}

/// What holds of every load that was carried.
fn assert_carried(row: &Value) {
    assert_eq!(number(row, "loss_pct"), 0.0, "{row}");
    let (p50, p99, max) = (number(row, "p50_ms"), number(row, "p99_ms"), number(row, "max_ms"));
    assert!(0.0 < p50 && p50 <= p99 && p99 <= max, "{row}");
    assert!(number(row, "delivered_gbit_s") > 0.0, "{row}");
}

#[test]
fn a_small_load_is_carried_without_loss_and_ends_with_one_json_line() {
    let folder = Folder::new();
    let html = folder.text("report.html");
    let load =
        ["--receivers", "2", "--fps", "20", "--frame-bytes", "4096", "--seconds", "1", "--html", &html];
    let json = report(&load);
    assert!(json["machine"]["cores"].as_u64().is_some_and(|cores| cores > 0), "{json}");
    let rows = json["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_carried(row);
    assert_eq!((&row["system"], &row["load"]), (&"ours".into(), &"fanout".into()));
    assert_eq!(
        (number(row, "receivers"), number(row, "frame_bytes"), number(row, "fps")),
        (2.0, 4096.0, 20.0)
    );
    assert!(number(row, "objects_delivered") > 0.0, "{row}");
    if cfg!(target_os = "linux") {
        for figure in ["cpu_ns_per_kib", "cpu_us_per_object", "rss_mib"] {
            assert!(number(row, figure) > 0.0, "{figure} in {row}");
        }
    }
    let series = &json["series"][0];
    for line in ["delivered_s", "delivered_mbit_s", "relay_s", "percentiles"] {
        assert!(series[line].as_array().is_some_and(|points| !points.is_empty()), "{line} in {series}");
    }
    let page = std::fs::read_to_string(folder.file("report.html")).expect("the page");
    assert!(page.matches("<svg").count() >= 3 && page.ends_with("</html>\n"));
}

#[test]
fn a_mix_over_two_processes_tells_each_of_its_parts() {
    let json = report(&["--preset", "support-call", "--sessions", "2", "--processes", "2", "--seconds", "1"]);
    let rows = json["rows"].as_array().expect("rows");
    let names: Vec<_> = rows.iter().filter_map(|row| row["load"].as_str()).collect();
    let parts = ["fanout", "audio", "events", "chat", "documents"].map(|part| format!("support-call/{part}"));
    assert_eq!(names[0], "support-call");
    assert_eq!(names[1..], parts);
    for row in rows.iter().filter(|row| row["load"] != "support-call" && row["load"] != "support-call/audio")
    {
        assert_carried(row);
    }
}

#[test]
fn joins_are_timed_and_idle_people_are_weighed() {
    let row = &report(&["--joins", "20"])["rows"][0];
    assert_eq!((number(row, "receivers"), number(row, "loss_pct")), (20.0, 0.0));
    assert!(number(row, "joins_per_second") > 0.0, "{row}");
    let row = &report(&["--idle", "20", "--seconds", "1"])["rows"][0];
    assert_eq!(number(row, "receivers"), 20.0);
    if cfg!(target_os = "linux") {
        assert!(number(row, "rss_kib_per_participant") >= 0.0, "{row}");
    }
}

#[test]
fn a_sweep_and_slow_receivers_have_a_row_for_each_point() {
    let sweep = ["--sweep", "receivers=1,2", "--fps", "20", "--frame-bytes", "2000", "--seconds", "1"];
    let json = report(&sweep);
    let receivers: Vec<_> = (0..2).map(|at| number(&json["rows"][at], "receivers")).collect();
    assert_eq!(receivers, [1.0, 2.0]);
    let slow = [
        "--slow",
        "reconnecting",
        "--receivers",
        "1",
        "--fps",
        "20",
        "--frame-bytes",
        "2000",
        "--seconds",
        "1",
    ];
    let json = report(&slow);
    assert_eq!(
        (&json["rows"][0]["load"], &json["rows"][1]["load"]),
        (&"fanout".into(), &"fanout+slow".into())
    );
    assert!(number(&json["rows"][1], "reconnects") > 0.0);
    assert_eq!(json["ratios"].as_object().map(serde_json::Map::len), Some(1), "{json}");
}

#[test]
fn what_cannot_be_is_said_before_anything_starts() {
    for (arguments, names) in [
        (&["--preset", "party"][..], "party"),
        (&["--load", "nonsense"], "nonsense"),
        (&["--sweep", "colour=1"], "colour"),
        (&["--slow", "asleep"], "asleep"),
        (&["--receivers", "0"], "0"),
        (&["http://127.0.0.1:1"], "isi://"),
        (&["--load", "chat", "--saturate"], "chat"),
        (&["--html", "/nonexistent/report.html"], "/nonexistent"),
        (&["--relay-bin", "/nonexistent"], "/nonexistent"),
        (&["isi://127.0.0.1:1"], "account key"),
        (&["isi://127.0.0.1:1", "--account", "/nonexistent"], "/nonexistent"),
    ] {
        assert_failed(&run(&[&["load"], arguments].concat()), USAGE, names);
    }
}

#[test]
fn a_relay_that_is_not_there() {
    let folder = Folder::new();
    let port = free_port();
    prepare(&folder, port, &["a=organizer"]);
    let here = folder.path().display().to_string();
    let url = format!("isi://127.0.0.1:{port}");
    let load = ["load", &url, "--account", &here, "--receivers", "1", "--fps", "10", "--seconds", "1"];
    assert_failed(&run(&load), RELAY, "no relay answers");
}

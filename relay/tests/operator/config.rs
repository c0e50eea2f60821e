//! What a configuration may say, and what is said about a wrong one.

use crate::{Folder, valid_config};
use isi_relay::Config;
use isi_relay::config::ConfigError;
use isi_relay::logging::LogLevel;
use isi_relay_core::{ClassBudget, SessionLimits};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/relay.example.toml")
}

fn load(text: &str) -> Result<Config, ConfigError> {
    let folder = Folder::new();
    Config::load(&folder.write("relay.toml", text))
}

const MINIMAL: &str = "[listen]\naddress = \"127.0.0.1:0\"\n[tls]\ncertificate_file = \"c\"\nprivate_key_file = \"k\"\n\
                       [admission]\norigins = [\"localhost:4433\"]\njwks_file = \"j\"\n";

#[test]
fn the_example_is_valid_and_its_comments_show_the_defaults() {
    let text = std::fs::read_to_string(example()).unwrap();
    let as_written = Config::load(&example()).unwrap();
    // A commented key begins with "# " and a word of key letters, then " = ".
    let is_key = |line: &&str| {
        line.strip_prefix("# ").is_some_and(|rest| {
            rest.split_once(" = ")
                .is_some_and(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        })
    };
    let uncommented: Vec<_> =
        text.lines().map(|line| if is_key(&line) { line.trim_start_matches("# ") } else { line }).collect();
    assert!(text.lines().filter(is_key).count() >= 27);
    let all_keys = load(&uncommented.join("\n")).unwrap();
    assert_eq!(all_keys.limits, as_written.limits);
    assert_eq!(all_keys.session, as_written.session);
    assert_eq!(all_keys.session, SessionLimits::default());
    assert_eq!(all_keys.log.level, as_written.log.level);
    assert_eq!(all_keys.admin, Some("127.0.0.1:9433".parse().unwrap()));
    assert_eq!(as_written.admin, None);
}

#[test]
fn the_example_names_every_key_there_is() {
    // An unknown key's error lists the known ones of its table.
    let example = std::fs::read_to_string(example()).unwrap();
    let budgets =
        ["input", "live", "media", "bulk", "log", "welcomes"].map(|class| format!("budgets.{class}"));
    let tables = ["listen", "tls", "admission", "admin", "log", "limits", "session"].map(str::to_owned);
    for table in tables.into_iter().chain(budgets) {
        let text = if MINIMAL.contains(&format!("[{table}]")) {
            MINIMAL.replace(&format!("[{table}]\n"), &format!("[{table}]\nnone = 1\n"))
        } else {
            format!("{MINIMAL}[{table}]\nnone = 1\n")
        };
        let error = load(&text).unwrap_err().to_string();
        assert!(example.contains(&format!("[{table}]\n")), "{table} is missing in the example");
        let known = error.split_once("expected ").unwrap().1;
        for key in known.split('`').skip(1).step_by(2) {
            assert!(example.contains(&format!("{key} = ")), "{table}.{key} is missing in the example");
        }
    }
}

#[test]
fn values_become_what_they_mean_and_paths_are_beside_the_file() {
    let folder = Folder::new();
    let text = format!(
        "{}[limits]\njoin_timeout_ms = 250\nsessions_max = 3\n[log]\nlevel = \"debug\"\nfile = \"l\"\n",
        valid_config(&folder, "127.0.0.1:0")
    );
    let config = Config::load(&folder.write("relay.toml", &text)).unwrap();
    assert_eq!(config.limits.join_timeout, Duration::from_millis(250));
    assert_eq!(config.limits.sessions_max, 3);
    assert_eq!(config.log.level, LogLevel::Debug);
    assert_eq!(config.log.file, Some(folder.0.join("l")));
    isi_relay::tls::server_crypto(&config.tls, &[config.listen]).unwrap();
    isi_relay::admission::Admission::new(config.admission).unwrap();
}

#[test]
fn threads_are_as_many_as_processors_unless_their_number_is_given() {
    let processors = std::thread::available_parallelism().unwrap().get().min(isi_relay::config::THREADS_MAX);
    let threads = |line: &str| load(&format!("{MINIMAL}[limits]\n{line}\n")).unwrap().threads;
    assert_eq!((threads(""), threads("threads = 0"), threads("threads = 3")), (processors, processors, 3));
}

#[test]
fn numbers_out_of_bounds_are_refused_with_key_value_and_bounds() {
    for (key, value, bounds) in [
        ("join_timeout_ms", 99, "100 to 60000"),
        ("join_timeout_ms", 60_001, "100 to 60000"),
        ("drain_ms", 600_001, "0 to 600000"),
        ("session_linger_ms", 600_001, "0 to 600000"),
        ("sessions_max", 0, "1 to 1000000"),
        ("threads", 257, "0 to 256"),
        ("connections_max", 1_000_001, "1 to 1000000"),
        ("participants_per_session_max", 2049, "1 to 2048"),
    ] {
        let error = load(&format!("{MINIMAL}[limits]\n{key} = {value}\n")).unwrap_err();
        assert!(matches!(error, ConfigError::OutOfBounds { .. }));
        let text = error.to_string();
        for part in [format!("`limits.{key}`"), value.to_string(), bounds.to_owned(), "; ".to_owned()] {
            assert!(text.contains(&part), "{part} missing in: {text}");
        }
    }
    let leeway = MINIMAL.replace("[admission]\n", "[admission]\nclock_leeway_s = 61\n");
    assert!(
        load(&leeway)
            .unwrap_err()
            .to_string()
            .contains("`admission.clock_leeway_s` is 61, but must be 0 to 60")
    );
}

#[test]
fn budgets_are_set_one_by_one_and_refused_with_their_key() {
    let text = "[session]\nresident_bytes_max = 8388608\n[budgets.media]\nbytes_max = 2000000\n[budgets.bulk]\nms_max = 700\n";
    let session = load(&format!("{MINIMAL}{text}")).unwrap().session;
    let default = SessionLimits::default();
    assert_eq!(session.media, ClassBudget { bytes_max: 2_000_000, ..default.media });
    assert_eq!(session.bulk, ClassBudget { ms_max: 700, ..default.bulk });
    assert_eq!((session.input, session.welcomes), (default.input, default.welcomes));
    let within = (session.resident_bytes_per_publisher_max, session.waiting_bytes_per_receiver_max);
    assert_eq!(within, (8_388_608, 8_388_608), "a participant's bounds are within the session's");

    for (table, key, value, bounds) in [
        ("session", "resident_bytes_max", 1_048_575, "1048576 to 68719476736"),
        ("session", "resident_bytes_per_publisher_max", 67_108_865, "1048576 to 67108864"),
        ("session", "waiting_bytes_per_receiver_max", 67_108_865, "1048576 to 67108864"),
        ("session", "log_waiting_bytes_per_receiver_max", 1_000, "4194304 to 68719476736"),
        ("budgets.input", "bytes_max", 4_095, "4096 to 68719476736"),
        ("budgets.live", "ms_max", 49, "50 to 600000"),
        ("budgets.media", "ms_max", 600_001, "50 to 600000"),
        ("budgets.bulk", "bytes_max", 0, "4096 to 68719476736"),
        ("budgets.log", "bytes_max", 1_048_575, "1048576 to 68719476736"),
        ("budgets.welcomes", "bytes_max", 4_194_303, "4194304 to 68719476736"),
        ("budgets.welcomes", "ms_max", 30_001, "1000 to 30000"),
    ] {
        let error = load(&format!("{MINIMAL}[{table}]\n{key} = {value}\n")).unwrap_err().to_string();
        for part in [format!("`{table}.{key}` is {value},"), bounds.to_owned()] {
            assert!(error.contains(&part), "{part} missing in: {error}");
        }
    }
}

#[test]
fn text_that_a_key_does_not_take_is_refused_with_key_and_value() {
    let with = |from: &str, to: &str| load(&MINIMAL.replace(from, to)).unwrap_err().to_string();
    for (from, to, key) in [
        ("127.0.0.1:0", "localhost:4433", "listen.address"),
        ("localhost:4433", "isi://relay:1", "admission.origins"),
        ("[\"localhost:4433\"]", "[]", "admission.origins"),
        ("[admission]\n", "[admission]\nissuer = \"\"\n", "admission.issuer"),
        ("[tls]", "[admin]\naddress = \"0.0.0.0:9433\"\n[tls]", "admin.address"),
        ("[tls]", "[log]\nlevel = \"loud\"\n[tls]", "log.level"),
    ] {
        let text = with(from, to);
        assert!(text.contains(key) && text.contains("; ") && !text.contains('\n'), "{text}");
    }
}

#[test]
fn unknown_missing_and_mistyped_keys_are_named_with_their_line() {
    for (text, line, word) in [
        (MINIMAL.replace("origins", "orgins"), 7, "orgins"),
        (MINIMAL.replace("address = \"127.0.0.1:0\"\n", ""), 1, "address"),
        (format!("{MINIMAL}[limits]\nsessions_max = \"many\"\n"), 10, "many"),
        (format!("{MINIMAL}[limits]\nsessions_max = -1\n"), 10, "-1"),
        (format!("{MINIMAL}[limit]\n"), 9, "limit"),
        (format!("{MINIMAL}["), 9, ""),
    ] {
        let error = load(&text).unwrap_err();
        let ConfigError::Syntax { line: found, .. } = &error else { panic!("{error}") };
        assert_eq!(*found, line, "{error}");
        let message = error.to_string();
        assert!(message.contains(word) && !message.contains('\n'), "{message}");
    }
    assert!(matches!(Config::load(Path::new("/nowhere/relay.toml")), Err(ConfigError::Read { .. })));
}

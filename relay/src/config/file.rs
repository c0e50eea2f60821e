use super::budgets::{self, Budgets, Session};
use super::{Config, ConfigError, NodeLimits, THREADS_MAX};
use crate::admission::{AdmissionConfig, CLOCK_LEEWAY_S_MAX, KeySource, Origin};
use crate::logging::{LogConfig, LogLevel};
use crate::tls::TlsConfig;
use isi_relay_core::SessionLimits;
use serde::Deserialize;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file as it is written: nothing checked but names and types.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Listen,
    tls: Tls,
    admission: Admission,
    #[serde(default)]
    admin: Admin,
    #[serde(default)]
    log: Log,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    session: Session,
    #[serde(default)]
    budgets: Budgets,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listen {
    address: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    certificate_file: PathBuf,
    private_key_file: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Admission {
    origins: Vec<String>,
    jwks_file: PathBuf,
    issuer: Option<String>,
    clock_leeway_s: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Admin {
    address: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    level: Option<String>,
    file: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    threads: Option<u64>,
    connections_max: Option<u64>,
    sessions_max: Option<u64>,
    participants_per_session_max: Option<u64>,
    join_timeout_ms: Option<u64>,
    session_linger_ms: Option<u64>,
    drain_ms: Option<u64>,
}

pub(super) fn load(path: &Path) -> Result<Config, ConfigError> {
    let read_error = |source| ConfigError::Read { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(read_error)?;
    let file: File = toml::from_str(&text).map_err(|error| syntax_error(path, &text, &error))?;
    check(file, path.parent().unwrap_or(Path::new("")))
}

fn check(file: File, folder: &Path) -> Result<Config, ConfigError> {
    Ok(Config {
        listen: listen_address(&file.listen.address)?,
        tls: TlsConfig::from_files(
            folder.join(file.tls.certificate_file),
            folder.join(file.tls.private_key_file),
        ),
        admission: admission(file.admission, folder)?,
        admin: file.admin.address.as_deref().map(admin_address).transpose()?,
        log: log(file.log, folder)?,
        threads: threads(file.limits.threads)?,
        session: budgets::apply(session_limits(&file.limits)?, &file.session, &file.budgets)?,
        limits: node_limits(&file.limits)?,
    })
}

fn listen_address(text: &str) -> Result<SocketAddr, ConfigError> {
    let expected = "an IP address and a port, for example \"0.0.0.0:4433\" or \"[::]:4433\"";
    text.parse().map_err(|_| ConfigError::Invalid { key: "listen.address", value: text.to_owned(), expected })
}

fn admin_address(text: &str) -> Result<SocketAddr, ConfigError> {
    // Metrics tell how much a node carries and to how many; without authentication they stay on the host.
    let expected = "a loopback address and a port, for example \"127.0.0.1:9433\" (a proxy on this host can serve it elsewhere)";
    let address: Option<SocketAddr> = text.parse().ok();
    address.filter(|address| address.ip().is_loopback()).ok_or_else(|| ConfigError::Invalid {
        key: "admin.address",
        value: text.to_owned(),
        expected,
    })
}

fn admission(file: Admission, folder: &Path) -> Result<AdmissionConfig, ConfigError> {
    let origins = file.origins.iter().map(|text| Origin::parse(text)).collect::<Result<Vec<_>, _>>()?;
    bounded("admission.origins (how many)", origins.len() as u64, 1, 64)?;
    let mut config = AdmissionConfig::new(origins, KeySource::File(folder.join(file.jwks_file)));
    if let Some(leeway_s) = file.clock_leeway_s {
        let leeway_s = bounded("admission.clock_leeway_s", leeway_s, 0, CLOCK_LEEWAY_S_MAX)?;
        config = config.with_clock_leeway_s(leeway_s);
    }
    if let Some(issuer) = file.issuer {
        if issuer.is_empty() {
            let expected = "the issuer's name, or no line at all to accept every key of the file";
            return Err(ConfigError::Invalid { key: "admission.issuer", value: issuer, expected });
        }
        config = config.with_issuer(&issuer);
    }
    Ok(config)
}

fn log(file: Log, folder: &Path) -> Result<LogConfig, ConfigError> {
    let level = match file.level {
        None => LogLevel::default(),
        Some(name) => LogLevel::from_name(&name).ok_or(ConfigError::Invalid {
            key: "log.level",
            value: name,
            expected: "error, warn, info, debug or trace",
        })?,
    };
    Ok(LogConfig { level, file: file.file.map(|path| folder.join(path)) })
}

/// 0 stands for as many as there are processors for this process.
fn threads(value: Option<u64>) -> Result<usize, ConfigError> {
    let threads = bounded("limits.threads", value.unwrap_or(0), 0, THREADS_MAX as u64)?;
    let processors = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(THREADS_MAX);
    Ok(usize::try_from(threads).ok().filter(|threads| *threads > 0).unwrap_or_else(processors))
}

fn node_limits(file: &Limits) -> Result<NodeLimits, ConfigError> {
    let default = NodeLimits::default();
    Ok(NodeLimits {
        connections_max: count(
            "limits.connections_max",
            file.connections_max,
            default.connections_max,
            1_000_000,
        )?,
        sessions_max: count("limits.sessions_max", file.sessions_max, default.sessions_max, 1_000_000)?,
        join_timeout: ms("limits.join_timeout_ms", file.join_timeout_ms, default.join_timeout, 100, 60_000)?,
        session_linger: ms(
            "limits.session_linger_ms",
            file.session_linger_ms,
            default.session_linger,
            0,
            600_000,
        )?,
        drain: ms("limits.drain_ms", file.drain_ms, default.drain, 0, 600_000)?,
    })
}

fn session_limits(file: &Limits) -> Result<SessionLimits, ConfigError> {
    let mut limits = SessionLimits::default();
    limits.participants_max = count(
        "limits.participants_per_session_max",
        file.participants_per_session_max,
        limits.participants_max,
        isi_wire::limits::PARTICIPANTS_PER_SESSION_MAX as u64,
    )?;
    Ok(limits)
}

fn count(key: &'static str, value: Option<u64>, default: usize, max: u64) -> Result<usize, ConfigError> {
    match value {
        None => Ok(default),
        Some(value) => bounded(key, value, 1, max).map(|value| usize::try_from(value).unwrap_or(usize::MAX)),
    }
}

fn ms(
    key: &'static str,
    value: Option<u64>,
    default: Duration,
    min: u64,
    max: u64,
) -> Result<Duration, ConfigError> {
    value.map_or(Ok(default), |value| bounded(key, value, min, max).map(Duration::from_millis))
}

pub(super) fn bounded(key: &'static str, value: u64, min: u64, max: u64) -> Result<u64, ConfigError> {
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(ConfigError::OutOfBounds { key, value, min, max })
    }
}

fn syntax_error(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    ConfigError::Syntax {
        path: path.to_owned(),
        line: before.matches('\n').count() + 1,
        problem: error.message().lines().collect::<Vec<_>>().join(", "),
    }
}

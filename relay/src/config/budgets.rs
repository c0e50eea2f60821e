//! `[session]` and `[budgets.*]`: how much a session may hold, of whom, and for how long.

use super::ConfigError;
use super::file::bounded;
use isi_relay_core::{ClassBudget, SessionLimits};
use isi_wire::limits::{LOG_ITEM_BYTES_MAX, WELCOME_BYTES_MAX, WELCOME_RESIDENCE_MS_MAX};
use serde::Deserialize;

const MIB: usize = 1024 * 1024;
/// No budget of this node is meant to be larger; what is, is a typing error.
const BYTES_MAX: usize = 64 * 1024 * MIB;
/// What goes below could not hold a handful of packets.
const CLASS_BYTES_MIN: usize = 4 * 1024;
const CLASS_MS: (u64, u64) = (50, 600_000);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Session {
    resident_bytes_max: Option<u64>,
    resident_bytes_per_publisher_max: Option<u64>,
    waiting_bytes_per_receiver_max: Option<u64>,
    log_waiting_bytes_per_receiver_max: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Budgets {
    #[serde(default)]
    input: Budget,
    #[serde(default)]
    live: Budget,
    #[serde(default)]
    media: Budget,
    #[serde(default)]
    bulk: Budget,
    #[serde(default)]
    log: Budget,
    #[serde(default)]
    welcomes: Budget,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    bytes_max: Option<u64>,
    ms_max: Option<u64>,
}

/// Sets what the two tables say.
pub(super) fn apply(
    limits: SessionLimits,
    session: &Session,
    budgets: &Budgets,
) -> Result<SessionLimits, ConfigError> {
    let limits = memory(limits, session)?;
    let class = |keys, file, default| budget(keys, file, default, CLASS_BYTES_MIN, CLASS_MS);
    Ok(SessionLimits {
        input: class(["budgets.input.bytes_max", "budgets.input.ms_max"], &budgets.input, limits.input)?,
        live: class(["budgets.live.bytes_max", "budgets.live.ms_max"], &budgets.live, limits.live)?,
        media: class(["budgets.media.bytes_max", "budgets.media.ms_max"], &budgets.media, limits.media)?,
        bulk: class(["budgets.bulk.bytes_max", "budgets.bulk.ms_max"], &budgets.bulk, limits.bulk)?,
        log_recent: budget(
            ["budgets.log.bytes_max", "budgets.log.ms_max"],
            &budgets.log,
            limits.log_recent,
            LOG_ITEM_BYTES_MAX,
            CLASS_MS,
        )?,
        welcomes: budget(
            ["budgets.welcomes.bytes_max", "budgets.welcomes.ms_max"],
            &budgets.welcomes,
            limits.welcomes,
            WELCOME_BYTES_MAX,
            (1_000, WELCOME_RESIDENCE_MS_MAX),
        )?,
        ..limits
    })
}

/// A participant's bounds are within the session's: whoever lowers that and says nothing of them lowers them too.
fn memory(limits: SessionLimits, file: &Session) -> Result<SessionLimits, ConfigError> {
    let resident_bytes_max = bytes(
        "session.resident_bytes_max",
        file.resident_bytes_max,
        limits.resident_bytes_max,
        (MIB, BYTES_MAX),
    )?;
    let within = |key, value, default: usize| {
        bytes(key, value, default.min(resident_bytes_max), (MIB, resident_bytes_max))
    };
    Ok(SessionLimits {
        resident_bytes_max,
        resident_bytes_per_publisher_max: within(
            "session.resident_bytes_per_publisher_max",
            file.resident_bytes_per_publisher_max,
            limits.resident_bytes_per_publisher_max,
        )?,
        waiting_bytes_per_receiver_max: within(
            "session.waiting_bytes_per_receiver_max",
            file.waiting_bytes_per_receiver_max,
            limits.waiting_bytes_per_receiver_max,
        )?,
        log_receiver_bytes_max: bytes(
            "session.log_waiting_bytes_per_receiver_max",
            file.log_waiting_bytes_per_receiver_max,
            limits.log_receiver_bytes_max,
            (WELCOME_BYTES_MAX, BYTES_MAX),
        )?,
        ..limits
    })
}

fn budget(
    [bytes_key, ms_key]: [&'static str; 2],
    file: &Budget,
    default: ClassBudget,
    bytes_min: usize,
    (ms_min, ms_max): (u64, u64),
) -> Result<ClassBudget, ConfigError> {
    Ok(ClassBudget {
        bytes_max: bytes(bytes_key, file.bytes_max, default.bytes_max, (bytes_min, BYTES_MAX))?,
        ms_max: file.ms_max.map_or(Ok(default.ms_max), |value| bounded(ms_key, value, ms_min, ms_max))?,
    })
}

fn bytes(
    key: &'static str,
    value: Option<u64>,
    default: usize,
    (min, max): (usize, usize),
) -> Result<usize, ConfigError> {
    let Some(value) = value else { return Ok(default) };
    bounded(key, value, min as u64, max as u64).map(|value| usize::try_from(value).unwrap_or(max))
}

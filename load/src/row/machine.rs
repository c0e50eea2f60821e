use serde::{Deserialize, Serialize};
use std::fs;

/// What figures were measured on: without it they mean nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Operating system and version of its kernel.
    pub system: String,
    /// Instruction set, as in `x86_64`.
    pub architecture: String,
    /// The processor as it names itself.
    pub processor: String,
    /// Cores that may be used.
    pub cores: u64,
    /// Memory in MiB.
    pub memory_mib: Option<u64>,
    /// Processes that wanted a core in the last minute, on average: what else was going on when the program began.
    pub load_average: Option<f64>,
    /// Largest UDP receive buffer that the kernel grants (`net.core.rmem_max`), in bytes.
    pub rmem_max_bytes: Option<u64>,
}

impl Machine {
    /// This one, now.
    #[must_use]
    pub fn here() -> Self {
        let name = rustix::system::uname();
        let text = |name: &std::ffi::CStr| name.to_string_lossy().into_owned();
        Self {
            system: format!("{} {}", text(name.sysname()), text(name.release())),
            architecture: std::env::consts::ARCH.to_owned(),
            processor: value_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64),
            memory_mib: value_of("/proc/meminfo", "MemTotal")
                .and_then(|kib| first(&kib))
                .map(|kib: u64| kib / 1024),
            load_average: read("/proc/loadavg").and_then(|text| first(&text)),
            rmem_max_bytes: read("/proc/sys/net/core/rmem_max").and_then(|text| first(&text)),
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { system, architecture, processor, cores, memory_mib, load_average, .. } = self;
        write!(f, "{processor}, {cores} cores ({architecture})")?;
        if let Some(mib) = memory_mib {
            write!(f, ", {:.0} GiB", *mib as f64 / 1024.0)?;
        }
        write!(f, ", {system}")?;
        match load_average {
            Some(load) => write!(f, ", load average {load}"),
            None => Ok(()),
        }
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// From lines of `key : value`.
fn value_of(path: &str, key: &str) -> Option<String> {
    let text = read(path)?;
    let value = |line: &str| Some(line.strip_prefix(key)?.trim_start().strip_prefix(':')?.trim().to_owned());
    text.lines().find_map(value)
}

fn first<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_name_and_cores() {
        let machine = Machine::here();
        assert!(machine.cores > 0 && !machine.processor.is_empty() && !machine.system.is_empty());
        assert!(machine.to_string().contains("cores"));
        if cfg!(target_os = "linux") {
            assert!(machine.memory_mib.is_some_and(|mib| mib > 100) && machine.load_average.is_some());
        }
    }
}

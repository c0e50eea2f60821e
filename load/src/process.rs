//! What a process uses, by the kernel's own accounting, and on which cores it runs. Linux; elsewhere every answer is
//! an [`Unsupported`](io::ErrorKind::Unsupported) or [`NotFound`](io::ErrorKind::NotFound) error.

use crate::clock::monotonic_ns;
use serde::{Deserialize, Serialize};
use std::{fs, io};

/// What a process has used so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// CPU time of all its threads, in nanoseconds; that of threads which have ended is gone.
    pub cpu_ns: u64,
    /// Memory resident now, in bytes.
    pub rss_bytes: u64,
    /// When, by [`monotonic_ns`].
    pub at_ns: u64,
}

/// Looks at a process.
///
/// # Errors
/// The system's answer: the process is gone, or belongs to somebody else.
pub fn sample(pid: u32) -> io::Result<Sample> {
    let mut cpu_ns = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        // A thread may end between the two looks.
        let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else { continue };
        cpu_ns += field(&text, 0)?;
    }
    let resident_pages = field(&fs::read_to_string(format!("/proc/{pid}/statm"))?, 1)?;
    Ok(Sample {
        cpu_ns,
        rss_bytes: resident_pages * rustix::param::page_size() as u64,
        at_ns: monotonic_ns(),
    })
}

fn field(text: &str, index: usize) -> io::Result<u64> {
    let found = text.split_ascii_whitespace().nth(index).and_then(|word| word.parse().ok());
    found.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Cores that this thread may run on, in the order of their numbers.
///
/// # Errors
/// The system's answer.
#[cfg(target_os = "linux")]
pub fn cores() -> io::Result<Vec<usize>> {
    let set = rustix::thread::sched_getaffinity(None)?;
    Ok((0..rustix::thread::CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
}

/// Keeps this thread, and whatever threads and processes it starts from now on, on one core.
///
/// # Errors
/// The system's answer: there is no such core, or it may not be used.
#[cfg(target_os = "linux")]
pub fn pin_current_thread(core: usize) -> io::Result<()> {
    Ok(rustix::thread::sched_setaffinity(None, &only(core)?)?)
}

/// Keeps every thread of a process on one core.
///
/// # Errors
/// The system's answer: there is no such core or process, or it may not be used.
#[cfg(target_os = "linux")]
pub fn pin(pid: u32, core: usize) -> io::Result<()> {
    let set = only(core)?;
    for task in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        let id = task.file_name().to_str().and_then(|name| name.parse().ok());
        match rustix::thread::sched_setaffinity(id.and_then(rustix::process::Pid::from_raw), &set) {
            // It ended meanwhile.
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn only(core: usize) -> io::Result<rustix::thread::CpuSet> {
    if core >= rustix::thread::CpuSet::MAX_CPU {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut set = rustix::thread::CpuSet::new();
    set.set(core);
    Ok(set)
}

/// Cores that this thread may run on.
///
/// # Errors
/// Always: this system does not tell.
#[cfg(not(target_os = "linux"))]
pub fn cores() -> io::Result<Vec<usize>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Keeps this thread on one core.
///
/// # Errors
/// Always: not on this system.
#[cfg(not(target_os = "linux"))]
pub fn pin_current_thread(_core: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Keeps every thread of a process on one core.
///
/// # Errors
/// Always: not on this system.
#[cfg(not(target_os = "linux"))]
pub fn pin(_pid: u32, _core: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_time_and_memory() {
        let before = sample(std::process::id()).unwrap();
        let sum: u64 = (0..20_000_000_u64).map(std::hint::black_box).sum();
        let after = sample(std::process::id()).unwrap();
        assert!(sum > 0 && after.cpu_ns > before.cpu_ns && after.at_ns > before.at_ns);
        assert!(after.rss_bytes > 100_000);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(sample(u32::MAX >> 1).is_err());
        assert!(pin(u32::MAX >> 1, 0).is_err());
    }

    #[test]
    fn a_pinned_thread_stays_on_its_core_and_so_do_its_children() {
        let last = *cores().unwrap().last().unwrap();
        let seen = std::thread::spawn(move || {
            pin_current_thread(last).unwrap();
            std::thread::spawn(|| cores().unwrap()).join().unwrap()
        });
        assert_eq!(seen.join().unwrap(), [last]);
        assert!(pin_current_thread(usize::MAX).is_err());
    }
}

//! The memory of another process, read through `/proc/PID/mem` (proc(5)). Linux only: elsewhere the search is refused,
//! and a refused search is reported as "not searched", never as "none found".

use std::{fs::File, io, ops::Range, os::unix::fs::FileExt};

use super::Needles;

/// Bytes read at once; neighbouring pieces overlap by the longest needle.
const CHUNK_BYTES: usize = 1 << 20;
const PAGE_BYTES: u64 = 4096;

/// Why a process' memory could not be searched.
#[derive(Debug, thiserror::Error)]
pub enum MemorySearchError {
    /// The system has no `/proc/PID/mem`.
    #[error("this system offers no /proc/PID/mem, so memory was not searched; run on Linux")]
    NotOffered,
    /// The system has it and does not let us.
    #[error(
        "the system does not let us read another process' memory ({0}), so it was not searched; allow ptrace of own children"
    )]
    Refused(#[source] io::Error),
    /// The process ended before it could be searched.
    #[error("the process to be searched is gone ({0}); look at its log")]
    Gone(#[source] io::Error),
    /// More is looked for than one search can.
    #[error("too much to look for at a time, so memory was not searched; run the demo with fewer viewers")]
    TooMany,
    /// Nothing at all could be read, which a search must not pass off as "none found".
    #[error("no memory of the process could be read, so it was not searched; allow ptrace of own children")]
    NothingReadable,
}

/// What a search covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchReport {
    /// Bytes read and searched.
    pub searched_bytes: u64,
    /// Bytes of mappings that are marked readable and yet could not be read (device memory).
    pub unreadable_bytes: u64,
}

/// An open handle on a process' memory.
pub struct ProcessMemory {
    pid: u32,
    memory: File,
}

impl ProcessMemory {
    /// Opens the memory of a process, usually a child of this one.
    ///
    /// # Errors
    /// See [`MemorySearchError`]: report "not searched".
    pub fn open(pid: u32) -> Result<Self, MemorySearchError> {
        if !cfg!(target_os = "linux") {
            return Err(MemorySearchError::NotOffered);
        }
        let memory = File::open(format!("/proc/{pid}/mem")).map_err(blame)?;
        Ok(Self { pid, memory })
    }

    /// Searches all readable memory. Memory that the process frees or maps meanwhile may be missed, so search several times.
    ///
    /// # Errors
    /// See [`MemorySearchError`]: report "not searched".
    pub fn search(&self, needles: &mut Needles) -> Result<SearchReport, MemorySearchError> {
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", self.pid)).map_err(blame)?;
        let mut report = SearchReport::default();
        for range in maps.lines().filter_map(readable_range) {
            search_range(&self.memory, range, needles, &mut report);
        }
        if report.searched_bytes == 0 {
            return Err(MemorySearchError::NothingReadable);
        }
        Ok(report)
    }
}

fn blame(error: io::Error) -> MemorySearchError {
    match error.raw_os_error() {
        Some(code) if code == rustix::io::Errno::NOENT.raw_os_error() => MemorySearchError::Gone(error),
        Some(code) if code == rustix::io::Errno::SRCH.raw_os_error() => MemorySearchError::Gone(error),
        _ => MemorySearchError::Refused(error),
    }
}

/// The addresses of one line of `/proc/PID/maps`, unless it is unreadable or the kernel's own.
fn readable_range(line: &str) -> Option<Range<u64>> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let readable = fields.next()?.starts_with('r');
    let name = fields.nth(3).unwrap_or("");
    let range = u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?;
    (readable && !name.starts_with("[v")).then_some(range) // [vdso], [vvar], [vsyscall]
}

/// Reads a range piece by piece. What cannot be read is skipped page by page and counted.
fn search_range(memory: &impl FileExt, range: Range<u64>, needles: &mut Needles, report: &mut SearchReport) {
    let overlap = needles.overlap();
    let mut buffer = vec![0; overlap + CHUNK_BYTES];
    let (mut at, mut kept) = (range.start, 0);
    while at < range.end {
        let want = usize::try_from(range.end - at).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        match memory.read_at(&mut buffer[kept..kept + want], at) {
            Ok(read) if read > 0 => {
                let filled = kept + read;
                needles.scan(&buffer[..filled]);
                report.searched_bytes += read as u64;
                at += read as u64;
                kept = overlap.min(filled);
                buffer.copy_within(filled - kept..filled, 0);
            }
            Ok(_) | Err(_) => {
                let next = (at + PAGE_BYTES).min(range.end);
                report.unreadable_bytes += next - at;
                (at, kept) = (next, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory made of pieces; gaps cannot be read, and one read never crosses the end of a piece.
    struct Pieces(Vec<(u64, Vec<u8>)>);

    impl FileExt for Pieces {
        fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
            for (start, bytes) in &self.0 {
                if let Some(skip) = at.checked_sub(*start).filter(|skip| *skip < bytes.len() as u64) {
                    let rest = &bytes[skip as usize..];
                    let count = rest.len().min(buffer.len());
                    buffer[..count].copy_from_slice(&rest[..count]);
                    return Ok(count);
                }
            }
            Err(rustix::io::Errno::IO.into())
        }
        fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
            Err(rustix::io::Errno::ROFS.into())
        }
    }

    fn search(memory: &Pieces, range: Range<u64>, needle: &[u8]) -> (bool, SearchReport) {
        let mut needles = Needles::new(&[needle]).unwrap();
        let mut report = SearchReport::default();
        search_range(memory, range, &mut needles, &mut report);
        (needles.found()[0], report)
    }

    #[test]
    fn finds_a_needle_across_every_border_between_chunks() {
        let needle = b"0123456789abcdef";
        for before in 0..=needle.len() {
            let mut bytes = vec![b'.'; 2 * CHUNK_BYTES];
            let at = CHUNK_BYTES - before;
            bytes[at..at + needle.len()].copy_from_slice(needle);
            let end = bytes.len() as u64;
            let (found, report) = search(&Pieces(vec![(0, bytes)]), 0..end, needle);
            assert!(found, "{before} bytes before the border");
            assert_eq!(report, SearchReport { searched_bytes: end, unreadable_bytes: 0 });
        }
    }

    #[test]
    fn finds_a_needle_across_short_reads() {
        let memory = Pieces(vec![(0, b"....012".to_vec()), (7, b"34".to_vec()), (9, b"56789...".to_vec())]);
        assert!(search(&memory, 0..17, b"0123456789").0);
    }

    #[test]
    fn goes_on_behind_unreadable_pages_and_joins_nothing_across_them() {
        let second = PAGE_BYTES * 3;
        let mut first = vec![b'.'; PAGE_BYTES as usize];
        first[PAGE_BYTES as usize - 4..].copy_from_slice(b"need");
        let memory = Pieces(vec![(0, first), (second, b"le..needle..".to_vec())]);
        let (found, report) = search(&memory, 0..second + 12, b"needle");
        assert!(found);
        assert_eq!(report.unreadable_bytes, 2 * PAGE_BYTES);
        assert!(!search(&memory, 0..second + 2, b"needle").0, "the halves do not lie side by side");
    }

    #[test]
    fn reads_maps_and_leaves_out_what_is_not_readable() {
        assert_eq!(readable_range("1000-3000 rw-p 00000000 00:00 0"), Some(0x1000..0x3000));
        assert_eq!(readable_range("1000-3000 rw-p 00000000 00:00 0     [heap]"), Some(0x1000..0x3000));
        assert_eq!(readable_range("1000-3000 ---p 00000000 00:00 0"), None);
        assert_eq!(readable_range("1000-3000 r--p 00000000 00:00 0 [vvar]"), None);
        assert_eq!(readable_range("nonsense"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn searches_a_real_process_and_says_when_there_is_none() {
        let needle: [u8; 16] = crate::random::bytes().unwrap();
        let held = needle.to_vec();
        let memory = ProcessMemory::open(std::process::id()).unwrap();
        let mut needles = Needles::new(&[&needle]).unwrap();
        assert!(memory.search(&mut needles).unwrap().searched_bytes > 100_000);
        assert_eq!(needles.found(), [true]);
        drop(held);
        assert!(matches!(ProcessMemory::open(u32::MAX >> 1), Err(MemorySearchError::Gone(_))));
    }
}

//! One buffer, many cursors: ciphertext is held once, however many receivers have still to get it.

use crate::Timestamp;
use bytes::Bytes;
use std::collections::VecDeque;

/// Ciphertext in memory now, and the most there ever was. Everything that holds some is made to keep it.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    streams: usize,
    log: usize,
    peak: usize,
}

impl Gauge {
    pub(crate) const fn streams(&self) -> usize {
        self.streams
    }

    pub(crate) const fn log(&self) -> usize {
        self.log
    }

    pub(crate) const fn peak(&self) -> usize {
        self.peak
    }

    pub(crate) fn add_log(&mut self, bytes: usize) {
        self.log += bytes;
        self.peak = self.peak.max(self.streams + self.log);
    }

    pub(crate) fn sub_log(&mut self, bytes: usize) {
        self.log -= bytes;
    }

    fn add(&mut self, bytes: usize) {
        self.streams += bytes;
        self.peak = self.peak.max(self.streams + self.log);
    }

    fn sub(&mut self, bytes: usize) {
        self.streams -= bytes;
    }
}

/// Chunks in order, numbered from 0 on, each until its last reader has passed it.
///
/// Whoever has still to read a chunk has still to read those behind it, so the chunks that nobody needs are
/// always at the front.
#[derive(Debug, Default)]
pub(crate) struct SharedBuffer {
    chunks: VecDeque<Chunk>,
    /// Number of the first chunk that is held.
    base: u64,
    bytes: usize,
    /// All bytes there ever were, for what a cursor has before it.
    pushed: u64,
}

#[derive(Debug)]
struct Chunk {
    bytes: Bytes,
    at: Timestamp,
    readers: usize,
}

impl SharedBuffer {
    /// Adds a chunk that `readers` cursors will pass. With no reader nothing is held.
    pub(crate) fn push(&mut self, bytes: Bytes, at: Timestamp, readers: usize, gauge: &mut Gauge) {
        self.pushed += bytes.len() as u64;
        if readers == 0 {
            debug_assert!(self.chunks.is_empty(), "held for nobody");
            self.base += 1;
            return;
        }
        self.bytes += bytes.len();
        gauge.add(bytes.len());
        self.chunks.push_back(Chunk { bytes, at, readers });
    }

    /// One reader is done with the chunk at `index`.
    pub(crate) fn pass(&mut self, index: u64, gauge: &mut Gauge) {
        if let Some(chunk) = self.offset(index).and_then(|offset| self.chunks.get_mut(offset)) {
            chunk.readers -= 1;
        }
        self.trim(gauge);
    }

    /// One reader goes away: it needs nothing from `index` on.
    pub(crate) fn release_from(&mut self, index: u64, gauge: &mut Gauge) {
        let from = self.offset(index.max(self.base)).unwrap_or(0);
        self.chunks.range_mut(from.min(self.chunks.len())..).for_each(|chunk| chunk.readers -= 1);
        self.trim(gauge);
    }

    /// Lets go of the oldest chunk, read or not. Cursors before [`base`](Self::base) have lost it.
    pub(crate) fn evict_front(&mut self, gauge: &mut Gauge) {
        if let Some(chunk) = self.chunks.pop_front() {
            self.forget(&chunk, gauge);
        }
    }

    pub(crate) fn get(&self, index: u64) -> Option<&Bytes> {
        self.chunks.get(self.offset(index)?).map(|chunk| &chunk.bytes)
    }

    /// When the chunk at `index` arrived.
    pub(crate) fn arrived(&self, index: u64) -> Option<Timestamp> {
        self.chunks.get(self.offset(index)?).map(|chunk| chunk.at)
    }

    /// When the oldest chunk arrived.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.chunks.front().map(|chunk| chunk.at)
    }

    /// Number of the first chunk that is held.
    pub(crate) const fn base(&self) -> u64 {
        self.base
    }

    /// Number of the next chunk.
    pub(crate) fn end(&self) -> u64 {
        self.base + self.chunks.len() as u64
    }

    /// Bytes held.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// All bytes there ever were.
    pub(crate) const fn pushed(&self) -> u64 {
        self.pushed
    }

    fn offset(&self, index: u64) -> Option<usize> {
        usize::try_from(index.checked_sub(self.base)?).ok()
    }

    fn trim(&mut self, gauge: &mut Gauge) {
        while self.chunks.front().is_some_and(|chunk| chunk.readers == 0) {
            self.evict_front(gauge);
        }
    }

    fn forget(&mut self, chunk: &Chunk, gauge: &mut Gauge) {
        self.base += 1;
        self.bytes -= chunk.bytes.len();
        gauge.sub(chunk.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(readers: usize) -> (SharedBuffer, Gauge) {
        let (mut buffer, mut gauge) = (SharedBuffer::default(), Gauge::default());
        for chunk in [&b"ab"[..], b"cde", b"f"] {
            buffer.push(Bytes::from_static(chunk), Timestamp(7), readers, &mut gauge);
        }
        (buffer, gauge)
    }

    #[test]
    fn a_chunk_is_held_until_the_last_cursor_has_passed() {
        let (mut buffer, mut gauge) = buffer(2);
        buffer.pass(0, &mut gauge);
        assert_eq!((buffer.bytes(), gauge.streams()), (6, 6), "the other one still needs it");
        buffer.pass(0, &mut gauge);
        assert_eq!((buffer.bytes(), gauge.streams(), buffer.base()), (4, 4, 1));
        assert_eq!(buffer.get(0), None);
        assert_eq!(buffer.get(1), Some(&Bytes::from_static(b"cde")));
    }

    #[test]
    fn a_reader_that_goes_away_frees_what_only_it_held() {
        let (mut buffer, mut gauge) = buffer(2);
        buffer.pass(0, &mut gauge);
        buffer.pass(1, &mut gauge);
        buffer.release_from(0, &mut gauge);
        assert_eq!((buffer.bytes(), buffer.base(), buffer.end()), (1, 2, 3));
        buffer.release_from(2, &mut gauge);
        assert_eq!((buffer.bytes(), gauge.streams(), gauge.peak()), (0, 0, 6));
    }

    #[test]
    fn eviction_does_not_wait_for_readers_and_late_passes_are_harmless() {
        let (mut buffer, mut gauge) = buffer(1);
        buffer.evict_front(&mut gauge);
        buffer.pass(0, &mut gauge);
        assert_eq!((buffer.base(), buffer.bytes()), (1, 4));
    }

    #[test]
    fn with_no_reader_nothing_is_held() {
        let (buffer, gauge) = buffer(0);
        assert_eq!((buffer.bytes(), buffer.end(), gauge.peak()), (0, 3, 0));
    }
}

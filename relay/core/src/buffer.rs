//! One buffer, many cursors: ciphertext is held once, however many receivers have still to get it.

use crate::Timestamp;
use bytes::Bytes;
use std::collections::VecDeque;

/// Chunks handed out by one read, so that one turn of a writer is bounded however small they are.
pub(crate) const CHUNKS_PER_READ_MAX: usize = 64;

/// Chunks in order, numbered from 0 on, each until its last reader has passed it.
///
/// Each chunk knows how many readers stand before it. A reader that goes on leaves one count and enters another,
/// whatever it passes in between, and a chunk is free when nobody stands before it or before one ahead of it: so
/// the chunks that nobody needs are always at the front.
#[derive(Debug, Default)]
pub(crate) struct SharedBuffer {
    chunks: VecDeque<Chunk>,
    /// Number of the first chunk that is held.
    base: u64,
    /// Readers that have read all there is.
    at_end: usize,
    bytes: usize,
    /// All bytes there ever were, for what a cursor has before it.
    pushed: u64,
}

#[derive(Debug)]
struct Chunk {
    bytes: Bytes,
    at: Timestamp,
    /// Readers that read this one next.
    standing: usize,
}

/// Where a reader stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Number of the chunk it reads next.
    pub(crate) index: u64,
    /// Bytes of that chunk already read, when the room was smaller than the chunk.
    within: usize,
}

/// What a read has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Bytes handed out.
    pub(crate) taken: usize,
    /// Bytes of the chunks that the reader is done with.
    pub(crate) passed: usize,
    /// Bytes that nobody holds any more.
    pub(crate) freed: usize,
}

impl SharedBuffer {
    /// A new reader, for what is pushed from now on.
    pub(crate) fn enter(&mut self) -> Cursor {
        self.at_end += 1;
        Cursor { index: self.end(), within: 0 }
    }

    /// Adds a chunk for all readers. Returns the bytes held for it: none if there is no reader.
    #[must_use]
    pub(crate) fn push(&mut self, bytes: Bytes, at: Timestamp) -> usize {
        let len = bytes.len();
        self.pushed += len as u64;
        let standing = std::mem::take(&mut self.at_end);
        if standing == 0 && self.chunks.is_empty() {
            self.base += 1;
            return 0;
        }
        self.bytes += len;
        self.chunks.push_back(Chunk { bytes, at, standing });
        len
    }

    /// Appends to `out` what comes next at `cursor`, up to `room` bytes and [`CHUNKS_PER_READ_MAX`] chunks, and
    /// moves the cursor on.
    pub(crate) fn read(&mut self, cursor: &mut Cursor, room: usize, out: &mut Vec<Bytes>) -> Reading {
        let (from, mut reading) = (*cursor, Reading::default());
        let ahead = self.chunks.range(self.offset(from.index).min(self.chunks.len())..);
        for chunk in ahead.take(CHUNKS_PER_READ_MAX) {
            let len = chunk.bytes.len();
            let end = len.min(cursor.within.saturating_add(room - reading.taken));
            if end == cursor.within {
                break;
            }
            reading.taken += end - cursor.within;
            out.push(part(&chunk.bytes, cursor.within, end));
            if end < len {
                cursor.within = end;
                break;
            }
            reading.passed += len;
            *cursor = Cursor { index: cursor.index + 1, within: 0 };
        }
        reading.freed = self.advance(from.index, cursor.index);
        reading
    }

    /// The one chunk that comes next at `cursor`, and the bytes that nobody holds any more.
    pub(crate) fn next(&mut self, cursor: &mut Cursor) -> Option<(Bytes, usize)> {
        let bytes = self.chunks.get(self.offset(cursor.index))?.bytes.clone();
        let from = std::mem::replace(cursor, Cursor { index: cursor.index + 1, within: 0 });
        Some((bytes, self.advance(from.index, cursor.index)))
    }

    /// A reader goes away. Returns the bytes that only it held.
    #[must_use]
    pub(crate) fn leave(&mut self, at: Cursor) -> usize {
        *self.standing(at.index) -= 1;
        self.trim()
    }

    /// Lets go of the oldest chunk, read or not. Readers that stood before it have lost it and stand before the
    /// next. Returns its bytes.
    #[must_use]
    pub(crate) fn evict_front(&mut self) -> usize {
        let Some(chunk) = self.chunks.pop_front() else { return 0 };
        self.base += 1;
        *self.standing(self.base) += chunk.standing;
        self.bytes -= chunk.bytes.len();
        chunk.bytes.len()
    }

    /// Moves a cursor on to the first chunk that is held. Returns how many it has lost.
    pub(crate) const fn catch_up(&self, cursor: &mut Cursor) -> u64 {
        let lost = self.base.saturating_sub(cursor.index);
        if lost > 0 {
            *cursor = Cursor { index: self.base, within: 0 };
        }
        lost
    }

    /// Whether a reader has read all there is.
    pub(crate) fn is_at_end(&self, cursor: Cursor) -> bool {
        cursor.index >= self.end()
    }

    /// When the chunk that a reader reads next arrived.
    pub(crate) fn arrived(&self, cursor: Cursor) -> Option<Timestamp> {
        self.chunks.get(self.offset(cursor.index)).map(|chunk| chunk.at)
    }

    /// When the oldest chunk arrived.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.chunks.front().map(|chunk| chunk.at)
    }

    /// Whether a reader is among the last: it reads the oldest chunk next.
    pub(crate) const fn is_last(&self, cursor: Cursor) -> bool {
        cursor.index <= self.base
    }

    /// Bytes held.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// All bytes there ever were.
    pub(crate) const fn pushed(&self) -> u64 {
        self.pushed
    }

    fn end(&self) -> u64 {
        self.base + self.chunks.len() as u64
    }

    fn offset(&self, index: u64) -> usize {
        usize::try_from(index.saturating_sub(self.base)).unwrap_or(usize::MAX)
    }

    /// The count of readers at a chunk; one that was evicted counts at the first that is held.
    fn standing(&mut self, index: u64) -> &mut usize {
        let offset = self.offset(index);
        match self.chunks.get_mut(offset) {
            Some(chunk) => &mut chunk.standing,
            None => &mut self.at_end,
        }
    }

    fn advance(&mut self, from: u64, to: u64) -> usize {
        if from == to {
            return 0;
        }
        *self.standing(from) -= 1;
        *self.standing(to) += 1;
        self.trim()
    }

    fn trim(&mut self) -> usize {
        let mut freed = 0;
        while self.chunks.front().is_some_and(|chunk| chunk.standing == 0) {
            freed += self.evict_front();
        }
        freed
    }
}

fn part(bytes: &Bytes, from: usize, to: usize) -> Bytes {
    if (from, to) == (0, bytes.len()) { bytes.clone() } else { bytes.slice(from..to) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(readers: usize) -> (SharedBuffer, Vec<Cursor>) {
        let mut buffer = SharedBuffer::default();
        let cursors = (0..readers).map(|_| buffer.enter()).collect();
        for chunk in [&b"ab"[..], b"cde", b"f"] {
            assert_eq!(buffer.push(Bytes::from_static(chunk), Timestamp(7)), chunk.len() * readers.min(1));
        }
        (buffer, cursors)
    }

    fn read(buffer: &mut SharedBuffer, cursor: &mut Cursor, room: usize) -> (Vec<u8>, Reading) {
        let mut out = Vec::new();
        let reading = buffer.read(cursor, room, &mut out);
        (out.concat(), reading)
    }

    #[test]
    fn a_chunk_is_held_until_the_last_cursor_has_passed() {
        let (mut buffer, mut cursors) = buffer(2);
        let (bytes, reading) = read(&mut buffer, &mut cursors[0], 5);
        assert_eq!((bytes.as_slice(), reading), (&b"abcde"[..], Reading { taken: 5, passed: 5, freed: 0 }));
        assert_eq!(buffer.bytes(), 6, "the other one still needs it");
        let (bytes, reading) = read(&mut buffer, &mut cursors[1], 4);
        assert_eq!((bytes.as_slice(), reading), (&b"abcd"[..], Reading { taken: 4, passed: 2, freed: 2 }));
        let (bytes, reading) = read(&mut buffer, &mut cursors[1], usize::MAX);
        assert_eq!((bytes.as_slice(), reading), (&b"ef"[..], Reading { taken: 2, passed: 4, freed: 3 }));
        assert_eq!(read(&mut buffer, &mut cursors[0], usize::MAX).1.freed, 1);
        assert_eq!((buffer.bytes(), buffer.end()), (0, 3));
    }

    #[test]
    fn a_reader_that_goes_away_frees_what_only_it_held() {
        let (mut buffer, mut cursors) = buffer(2);
        read(&mut buffer, &mut cursors[0], 5);
        assert_eq!(buffer.leave(cursors[1]), 5);
        assert_eq!(buffer.leave(cursors[0]), 1);
        assert_eq!(buffer.push(Bytes::from_static(b"g"), Timestamp(8)), 0, "nobody is left");
    }

    #[test]
    fn eviction_does_not_wait_for_readers_and_they_go_on_behind_it() {
        let (mut buffer, mut cursors) = buffer(2);
        read(&mut buffer, &mut cursors[1], 2);
        assert_eq!((buffer.evict_front(), buffer.evict_front()), (2, 3));
        assert_eq!(cursors.iter_mut().map(|cursor| buffer.catch_up(cursor)).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(read(&mut buffer, &mut cursors[0], 9).0, b"f");
        assert_eq!(buffer.leave(cursors[1]), 1);
    }

    #[test]
    fn a_reader_that_was_overtaken_by_eviction_may_leave() {
        let (mut buffer, cursors) = buffer(1);
        assert_eq!(buffer.evict_front() + buffer.leave(cursors[0]), 6);
    }

    #[test]
    fn one_read_is_bounded_in_chunks() {
        let mut buffer = SharedBuffer::default();
        let mut cursor = buffer.enter();
        (0..=CHUNKS_PER_READ_MAX)
            .for_each(|_| assert_eq!(buffer.push(Bytes::from_static(b"x"), Timestamp(0)), 1));
        assert_eq!(read(&mut buffer, &mut cursor, usize::MAX).1.taken, CHUNKS_PER_READ_MAX);
        assert_eq!(read(&mut buffer, &mut cursor, usize::MAX).1.taken, 1);
    }
}

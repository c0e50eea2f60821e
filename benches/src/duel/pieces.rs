//! Objects in pieces, for relays that carry packets. Each piece begins with a head: the object's number, how many pieces it has.

use super::tally::Tally;
use isi_load::stamp::Stamp;

/// Number of the object (8), how many pieces it has (4).
const HEAD_BYTES: usize = 12;

/// Cuts an object into pieces of at most `piece_bytes` with their heads. Its number is its stamp's.
pub fn cut(object: &[u8], piece_bytes: usize) -> impl Iterator<Item = Vec<u8>> {
    let pieces = object.chunks(piece_bytes.saturating_sub(HEAD_BYTES).max(1));
    let count = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
    let sequence = Stamp::read(object).map_or(0, |stamp| stamp.sequence);
    pieces.map(move |piece| [&sequence.to_be_bytes()[..], &count.to_be_bytes(), piece].concat())
}

/// Puts objects together again. Pieces come in order or not at all.
#[derive(Debug, Default)]
pub struct Whole {
    sequence: u64,
    pieces: u32,
    bytes: usize,
    stamp: Option<Stamp>,
}

impl Whole {
    /// Takes a piece, and tells `tally` if it was an object's last.
    pub fn push(&mut self, piece: &[u8], tally: &Tally) {
        let Some((sequence, rest)) = piece.split_first_chunk() else { return };
        let Some((count, rest)) = rest.split_first_chunk() else { return };
        let sequence = u64::from_be_bytes(*sequence);
        if sequence != self.sequence || self.pieces == 0 {
            *self = Self { sequence, pieces: 0, bytes: 0, stamp: Stamp::read(rest) };
        }
        self.pieces += 1;
        self.bytes += rest.len();
        if self.pieces == u32::from_be_bytes(*count) {
            if let Some(stamp) = self.stamp.take() {
                tally.arrived(&stamp, self.bytes);
            }
            self.pieces = 0;
        }
    }
}

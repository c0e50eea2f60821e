//! Finds by how many rows a part of the picture scrolled.

use std::collections::HashMap;

use super::tiles::TILE_PIXELS;
use crate::screen::Rect;

/// Changed tiles below which a search is not worth it.
const MIN_CHANGED_TILES: usize = 6;
/// Tile columns searched at most, so that the cost is bounded.
const MAX_COLUMNS: usize = 8;
/// Rows that must agree.
const MIN_VOTES: u32 = 12;

/// By how many rows most of the changed tiles moved: the row `y` of now is row `y + shift` of before. `None`: by no common
/// number. It is a guess: the caller compares before it believes.
pub(super) fn vertical_shift(before: &[u32], now: &[u32], width: u16, changed: &[Rect]) -> Option<i32> {
    if changed.len() < MIN_CHANGED_TILES {
        return None;
    }
    let mut votes = HashMap::new();
    for (x, rows) in columns(changed) {
        if usize::from(x) + usize::from(TILE_PIXELS) <= usize::from(width) {
            vote(before, now, width, x, rows, &mut votes);
        }
    }
    let (shift, count) = votes.into_iter().max_by_key(|&(shift, count): &(i32, u32)| (count, shift))?;
    (count >= MIN_VOTES).then_some(shift)
}

/// The changed columns with the rows that their changed tiles span, the fullest first.
fn columns(changed: &[Rect]) -> Vec<(u16, std::ops::Range<u16>)> {
    let mut columns: HashMap<u16, std::ops::Range<u16>> = HashMap::new();
    for tile in changed {
        let rows = columns.entry(tile.x).or_insert(tile.y..tile.bottom());
        *rows = rows.start.min(tile.y)..rows.end.max(tile.bottom());
    }
    let mut columns: Vec<_> = columns.into_iter().collect();
    columns.sort_by_key(|(x, rows)| (std::cmp::Reverse(rows.len()), *x));
    columns.truncate(MAX_COLUMNS);
    columns
}

fn vote(
    before: &[u32],
    now: &[u32],
    width: u16,
    x: u16,
    rows: std::ops::Range<u16>,
    votes: &mut HashMap<i32, u32>,
) {
    let old = unique_rows(before, width, x, rows.clone());
    for (hash, y) in unique_rows(now, width, x, rows) {
        if let (Some(y), Some(Some(old_y))) = (y, old.get(&hash))
            && y != *old_y
        {
            *votes.entry(i32::from(*old_y) - i32::from(y)).or_default() += 1;
        }
    }
}

/// Rows by the hash of their pixels in one tile column; `None` marks rows that look alike, which say nothing.
fn unique_rows(pixels: &[u32], width: u16, x: u16, rows: std::ops::Range<u16>) -> HashMap<u64, Option<u16>> {
    let mut unique = HashMap::with_capacity(rows.len());
    for y in rows {
        let start = usize::from(y) * usize::from(width) + usize::from(x);
        let hash = hash(&pixels[start..start + usize::from(TILE_PIXELS)]);
        unique.entry(hash).and_modify(|seen| *seen = None).or_insert(Some(y));
    }
    unique
}

fn hash(pixels: &[u32]) -> u64 {
    pixels.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &pixel| {
        (hash ^ u64::from(pixel)).wrapping_mul(0x0100_0000_01b3).rotate_left(23)
    })
}

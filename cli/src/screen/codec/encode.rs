//! The encoder.

use super::{FLAG_KEYFRAME, Trailer, VERSION, lz4, op, palette::Palette, scroll, tiles::Grid, true_colour};
use crate::screen::{Framebuffer, Rect};

/// In how many frames a change that the damage did not tell of is found all the same.
pub(super) const HEAL_PERIOD_FRAMES: u16 = 16;
/// Most tiles of one skip operation.
const MAX_SKIP_TILES: usize = 1 << 16;

/// One frame as bytes.
#[derive(Clone, Debug)]
pub struct EncodedFrame {
    /// Whether a decoder can begin here.
    pub keyframe: bool,
    /// The bytes, in the format of this module.
    pub data: Vec<u8>,
    /// Tiles that differ from the frame before; 0: nothing moved, and a frame need not be sent to show the same.
    /// A frame that is not sent must be followed by a keyframe, or not be encoded in the first place.
    pub changed_tiles: usize,
}

/// Encodes pictures, each as the difference to the one before.
///
/// The damage of a picture is taken as a hint: only tiles that it touches are compared. It is not needed for being right: a capture that this
/// encoder did not see makes it compare everything, and of a change that the damage left out, every 16th row of tiles in turn
/// is compared in any case, so that it shows at most 16 frames late. Sizes must be in the format's bounds (`ScreenSource`s
/// refuse others); a changed size makes a keyframe.
pub struct FrameEncoder {
    before: Vec<u32>,
    size: (u16, u16),
    sequence: u32,
    revision: Option<u64>,
    suspects: Vec<bool>,
    tile: Vec<u32>,
    palette: Palette,
}

impl FrameEncoder {
    /// An encoder for pictures of this size; its first frame is a keyframe.
    #[must_use]
    pub fn new(size: (u16, u16)) -> Self {
        let mut encoder = Self {
            before: Vec::new(),
            size: (0, 0),
            sequence: 0,
            revision: None,
            suspects: Vec::new(),
            tile: Vec::new(),
            palette: Palette::new(),
        };
        encoder.resize(size);
        encoder
    }

    /// Encodes the next picture without a trailer.
    #[must_use]
    pub fn encode(&mut self, picture: &Framebuffer, force_keyframe: bool) -> EncodedFrame {
        self.encode_with(picture, force_keyframe, Trailer::EMPTY)
    }

    /// Encodes the next picture; the trailer's bytes stand in the frame as they are.
    #[must_use]
    pub fn encode_with(
        &mut self,
        picture: &Framebuffer,
        force_keyframe: bool,
        trailer: Trailer<'_>,
    ) -> EncodedFrame {
        if picture.size() != self.size {
            self.resize(picture.size());
        }
        let keyframe = force_keyframe || self.revision.is_none();
        self.sequence = self.sequence.wrapping_add(1);
        let changed =
            if keyframe { Grid::new(self.size).tiles().collect() } else { self.changed_tiles(picture) };
        let (tiles, colours) = self.write_tiles(picture, &changed, keyframe);
        for tile in &changed {
            self.remember(picture, *tile);
        }
        self.revision = Some(picture.revision());
        let data = self.assemble(keyframe, trailer, &tiles, &colours);
        EncodedFrame { keyframe, data, changed_tiles: changed.len() }
    }

    fn resize(&mut self, size: (u16, u16)) {
        self.size = size;
        self.before = vec![0; usize::from(size.0) * usize::from(size.1)];
        self.suspects = vec![false; Grid::new(size).count()];
        self.revision = None;
    }

    fn changed_tiles(&mut self, picture: &Framebuffer) -> Vec<Rect> {
        self.suspect(picture);
        let tiles = Grid::new(self.size).tiles().zip(&self.suspects);
        tiles
            .filter(|(tile, suspect)| **suspect && self.differs(picture, *tile))
            .map(|(tile, _)| tile)
            .collect()
    }

    /// Marks the tiles worth a comparison.
    fn suspect(&mut self, picture: &Framebuffer) {
        let grid = Grid::new(self.size);
        let seen_all = self.revision.is_some_and(|seen| picture.revision().wrapping_sub(seen) <= 1);
        match picture.damage() {
            Some(damage) if seen_all => {
                self.suspects.fill(false);
                for rect in damage {
                    grid.mark(*rect, &mut self.suspects);
                }
                let turn = self.sequence % u32::from(HEAL_PERIOD_FRAMES);
                for row in (0..grid.rows()).filter(|row| u32::from(row % HEAL_PERIOD_FRAMES) == turn) {
                    grid.mark_row(row, &mut self.suspects);
                }
            }
            _ => self.suspects.fill(true),
        }
    }

    fn differs(&self, picture: &Framebuffer, tile: Rect) -> bool {
        (tile.y..tile.bottom())
            .any(|y| picture.row(tile.x, y, tile.width) != self.row_before(tile.x, y, tile.width))
    }

    fn row_before(&self, x: u16, y: u16, width: u16) -> &[u32] {
        let start = usize::from(y) * usize::from(self.size.0) + usize::from(x);
        &self.before[start..start + usize::from(width)]
    }

    fn remember(&mut self, picture: &Framebuffer, tile: Rect) {
        for y in tile.y..tile.bottom() {
            let start = usize::from(y) * usize::from(self.size.0) + usize::from(tile.x);
            self.before[start..start + usize::from(tile.width)]
                .copy_from_slice(picture.row(tile.x, y, tile.width));
        }
    }

    /// The tile section before compression, and the residuals of true colour tiles.
    fn write_tiles(&mut self, picture: &Framebuffer, changed: &[Rect], keyframe: bool) -> (Vec<u8>, Vec<u8>) {
        let (mut section, mut residuals) = (Vec::new(), Vec::new());
        let shift = if keyframe {
            None
        } else {
            scroll::vertical_shift(&self.before, picture.pixels(), self.size.0, changed)
        };
        let mut next = changed.iter().copied().peekable();
        let mut skipped = 0;
        for tile in Grid::new(self.size).tiles() {
            if next.next_if_eq(&tile).is_none() {
                skipped += 1;
                continue;
            }
            write_skip(std::mem::take(&mut skipped), &mut section);
            match shift.and_then(|shift| self.scrolled_from(picture, tile, shift)) {
                Some(y) => write_copy(tile.x, y, &mut section),
                None => self.write_content(picture, tile, &mut section, &mut residuals),
            }
        }
        write_skip(skipped, &mut section);
        (section, residuals)
    }

    /// Where the tile stood before, when that is `shift` rows further.
    fn scrolled_from(&self, picture: &Framebuffer, tile: Rect, shift: i32) -> Option<u16> {
        let from = u16::try_from(i32::from(tile.y) + shift).ok()?;
        let inside = from.checked_add(tile.height)? <= self.size.1;
        let same = |row| {
            picture.row(tile.x, tile.y + row, tile.width) == self.row_before(tile.x, from + row, tile.width)
        };
        (inside && (0..tile.height).all(same)).then_some(from)
    }

    fn write_content(
        &mut self,
        picture: &Framebuffer,
        tile: Rect,
        section: &mut Vec<u8>,
        residuals: &mut Vec<u8>,
    ) {
        self.tile.clear();
        for y in tile.y..tile.bottom() {
            self.tile.extend_from_slice(picture.row(tile.x, y, tile.width));
        }
        if !self.palette.index(&self.tile) {
            section.push(op::TRUE_COLOUR);
            true_colour::write(&self.tile, tile.width, residuals);
        } else if let [colour] = self.palette.colours() {
            section.push(op::SOLID);
            section.extend_from_slice(&colour.to_be_bytes()[1..]);
        } else {
            section.push(op::PALETTE);
            self.palette.write(tile.width, section);
        }
    }

    fn assemble(&self, keyframe: bool, trailer: Trailer<'_>, tiles: &[u8], residuals: &[u8]) -> Vec<u8> {
        let (packed, colours) = (lz4::compress(tiles), true_colour::compress(residuals));
        let mut data =
            Vec::with_capacity(super::HEADER_BYTES + trailer.0.len() + 8 + packed.len() + colours.len());
        data.extend_from_slice(&[VERSION, if keyframe { FLAG_KEYFRAME } else { 0 }]);
        data.extend_from_slice(&self.sequence.to_be_bytes());
        data.extend_from_slice(&self.size.0.to_be_bytes());
        data.extend_from_slice(&self.size.1.to_be_bytes());
        data.push(trailer.0.len() as u8); // at most MAX_TRAILER_BYTES
        data.extend_from_slice(trailer.0);
        data.extend_from_slice(&(tiles.len() as u32).to_be_bytes()); // below 100 MB: bounded by the picture's size
        data.extend_from_slice(&(packed.len() as u32).to_be_bytes());
        data.extend_from_slice(&packed);
        data.extend_from_slice(&colours);
        data
    }
}

fn write_skip(mut tiles: usize, section: &mut Vec<u8>) {
    while tiles > 0 {
        let run = tiles.min(MAX_SKIP_TILES);
        section.push(op::SKIP);
        section.extend_from_slice(&((run - 1) as u16).to_be_bytes()); // below MAX_SKIP_TILES
        tiles -= run;
    }
}

fn write_copy(x: u16, y: u16, section: &mut Vec<u8>) {
    section.push(op::COPY);
    section.extend_from_slice(&x.to_be_bytes());
    section.extend_from_slice(&y.to_be_bytes());
}

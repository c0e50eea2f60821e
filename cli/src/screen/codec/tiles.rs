//! The grid of tiles over a picture.

use crate::screen::Rect;

/// Side of a tile in pixels: small enough for a caret, large enough that a tile's overhead does not matter.
pub(super) const TILE_PIXELS: u16 = 32;

/// The grid of a picture of this size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    width: u16,
    height: u16,
}

impl Grid {
    pub(super) const fn new((width, height): (u16, u16)) -> Self {
        Self { width, height }
    }

    pub(super) const fn columns(self) -> u16 {
        self.width.div_ceil(TILE_PIXELS)
    }

    pub(super) const fn rows(self) -> u16 {
        self.height.div_ceil(TILE_PIXELS)
    }

    /// Number of tiles, at most 65,536.
    pub(super) fn count(self) -> usize {
        usize::from(self.columns()) * usize::from(self.rows())
    }

    /// All tiles in coding order.
    pub(super) fn tiles(self) -> impl Iterator<Item = Rect> {
        (0..self.rows()).flat_map(move |row| (0..self.columns()).map(move |column| self.tile_at(column, row)))
    }

    fn tile_at(self, column: u16, row: u16) -> Rect {
        let (x, y) = (column * TILE_PIXELS, row * TILE_PIXELS);
        Rect::new(x, y, TILE_PIXELS.min(self.width - x), TILE_PIXELS.min(self.height - y))
    }

    /// Marks the tiles that a rectangle touches; `marks` has one entry per tile.
    pub(super) fn mark(self, rect: Rect, marks: &mut [bool]) {
        let Some(rect) = rect.clipped(self.width, self.height) else { return };
        let columns = usize::from(rect.x / TILE_PIXELS)..usize::from(rect.right().div_ceil(TILE_PIXELS));
        for row in rect.y / TILE_PIXELS..rect.bottom().div_ceil(TILE_PIXELS) {
            let start = usize::from(row) * usize::from(self.columns());
            marks[start + columns.start..start + columns.end].fill(true);
        }
    }

    /// Marks a whole row of tiles.
    pub(super) fn mark_row(self, row: u16, marks: &mut [bool]) {
        self.mark(Rect::new(0, row * TILE_PIXELS, self.width, TILE_PIXELS), marks);
    }
}

//! A picture in memory, and which parts of it changed since the last capture.

/// A rectangle in pixels; it may reach beyond the picture, readers clip it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// Left edge.
    pub x: u16,
    /// Upper edge.
    pub y: u16,
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
}

impl Rect {
    /// A rectangle from its corner and size.
    #[must_use]
    pub const fn new(x: u16, y: u16, width: u16, height: u16) -> Self {
        Self { x, y, width, height }
    }

    /// One past the right edge.
    #[must_use]
    pub const fn right(self) -> u16 {
        self.x.saturating_add(self.width)
    }

    /// One past the lower edge.
    #[must_use]
    pub const fn bottom(self) -> u16 {
        self.y.saturating_add(self.height)
    }

    /// Whether the point lies inside.
    #[must_use]
    pub const fn contains(self, x: u16, y: u16) -> bool {
        x >= self.x && x < self.right() && y >= self.y && y < self.bottom()
    }

    /// The part inside a picture of this size; `None` when nothing is.
    #[must_use]
    pub fn clipped(self, width: u16, height: u16) -> Option<Self> {
        let (right, bottom) = (self.right().min(width), self.bottom().min(height));
        (self.x < right && self.y < bottom)
            .then(|| Self::new(self.x, self.y, right - self.x, bottom - self.y))
    }
}

/// Damage rectangles kept per capture; one more and the whole picture counts as changed.
const MAX_DAMAGE_RECTS: usize = 256;

/// A picture of `width` x `height` pixels, each `0x00RRGGBB`, rows from the top, without padding.
///
/// The source that owns it calls [`Framebuffer::begin_capture`] once per capture and [`Framebuffer::add_damage`] for what it
/// then changes. The damage is a hint for the encoder, see `FrameEncoder`.
#[derive(Clone, Debug)]
pub struct Framebuffer {
    width: u16,
    height: u16,
    pixels: Vec<u32>,
    damage: Option<Vec<Rect>>,
    revision: u64,
}

impl Framebuffer {
    /// A black picture whose whole area counts as changed.
    #[must_use]
    pub fn new(width: u16, height: u16) -> Self {
        let pixels = vec![0; usize::from(width) * usize::from(height)];
        Self { width, height, pixels, damage: None, revision: 0 }
    }

    /// Width in pixels.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Height in pixels.
    #[must_use]
    pub const fn height(&self) -> u16 {
        self.height
    }

    /// Width and height in pixels.
    #[must_use]
    pub const fn size(&self) -> (u16, u16) {
        (self.width, self.height)
    }

    /// All pixels, `0x00RRGGBB`, row by row; its length is width times height.
    #[must_use]
    pub fn pixels(&self) -> &[u32] {
        &self.pixels
    }

    /// All pixels, to write; the top byte of each must stay zero. Tell what changed with [`Framebuffer::add_damage`].
    pub fn pixels_mut(&mut self) -> &mut [u32] {
        &mut self.pixels
    }

    /// One pixel, or `None` outside.
    #[must_use]
    pub fn pixel(&self, x: u16, y: u16) -> Option<u32> {
        (x < self.width && y < self.height).then(|| self.pixels[self.offset(x, y)])
    }

    /// The pixels of row `y` from column `x` on, `width` of them. The caller stays inside the picture.
    pub(crate) fn row(&self, x: u16, y: u16, width: u16) -> &[u32] {
        let start = self.offset(x, y);
        &self.pixels[start..start + usize::from(width)]
    }

    /// As [`Framebuffer::row`], to write.
    pub(crate) fn row_mut(&mut self, x: u16, y: u16, width: u16) -> &mut [u32] {
        let start = self.offset(x, y);
        &mut self.pixels[start..start + usize::from(width)]
    }

    /// Copies a rectangle from a picture of the same size.
    pub(crate) fn copy_rect(&mut self, from: &Self, rect: Rect) {
        debug_assert_eq!(self.size(), from.size());
        let Some(rect) = rect.clipped(self.width, self.height) else { return };
        for y in rect.y..rect.bottom() {
            self.row_mut(rect.x, y, rect.width).copy_from_slice(from.row(rect.x, y, rect.width));
        }
    }

    /// Starts a capture: the damage of the one before is forgotten, the revision goes up by one.
    pub fn begin_capture(&mut self) {
        self.revision += 1;
        match &mut self.damage {
            Some(rects) => rects.clear(),
            none => *none = Some(Vec::new()),
        }
    }

    /// Notes that this area changed in this capture.
    pub fn add_damage(&mut self, rect: Rect) {
        let Some(rects) = &mut self.damage else { return };
        if rects.len() == MAX_DAMAGE_RECTS {
            self.damage = None;
        } else if let Some(rect) = rect.clipped(self.width, self.height) {
            rects.push(rect);
        }
    }

    /// Notes that anything may have changed in this capture.
    pub fn damage_everything(&mut self) {
        self.damage = None;
    }

    /// What changed in the last capture; `None`: it is not known, so everything may have.
    #[must_use]
    pub fn damage(&self) -> Option<&[Rect]> {
        self.damage.as_deref()
    }

    /// Counts captures, so that an encoder notices one that it did not see.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    fn offset(&self, x: u16, y: u16) -> usize {
        usize::from(y) * usize::from(self.width) + usize::from(x)
    }
}

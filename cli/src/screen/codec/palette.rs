//! Tiles of few colours: a palette and packed indices.

use super::{DecodeError, decode::Reader};

/// Most colours of a palette.
pub(super) const MAX_COLOURS: usize = 256;
const SLOTS: usize = 1024;
const EMPTY: u32 = u32::MAX; // no pixel: the top byte of a pixel is zero

/// The colours of one tile and each pixel's index; reused from tile to tile.
pub(super) struct Palette {
    slots: Box<[(u32, u8)]>,
    used: Vec<u16>,
    colours: Vec<u32>,
    indices: Vec<u8>,
}

impl Palette {
    pub(super) fn new() -> Self {
        let slots = vec![(EMPTY, 0); SLOTS].into_boxed_slice();
        Self { slots, used: Vec::new(), colours: Vec::new(), indices: Vec::new() }
    }

    /// Indexes the pixels of a tile; false when there are more than [`MAX_COLOURS`] colours.
    pub(super) fn index(&mut self, pixels: &[u32]) -> bool {
        self.clear();
        let mut last = (EMPTY, 0);
        for &pixel in pixels {
            if pixel != last.0 {
                let Some(index) = self.index_of(pixel) else { return false };
                last = (pixel, index);
            }
            self.indices.push(last.1);
        }
        true
    }

    /// The colours found, in order of their first pixel.
    pub(super) fn colours(&self) -> &[u32] {
        &self.colours
    }

    /// Writes count, colours and packed indices; the tile is `width` pixels wide and has at least two colours.
    pub(super) fn write(&self, width: u16, out: &mut Vec<u8>) {
        let count = u8::try_from(self.colours.len() - 1).unwrap_or(u8::MAX); // never more than 256
        out.push(count);
        for colour in &self.colours {
            out.extend_from_slice(&colour.to_be_bytes()[1..]);
        }
        let bits = index_bits(self.colours.len());
        for row in self.indices.chunks(usize::from(width)) {
            for group in row.chunks(usize::from(8 / bits)) {
                let packed = group.iter().fold(0_u8, |byte, index| byte.unbounded_shl(bits.into()) | index);
                let missing = 8 - bits * u8::try_from(group.len()).unwrap_or(0); // at most 8 per byte
                out.push(packed.unbounded_shl(missing.into()));
            }
        }
    }

    fn clear(&mut self) {
        for slot in self.used.drain(..) {
            self.slots[usize::from(slot)] = (EMPTY, 0);
        }
        self.colours.clear();
        self.indices.clear();
    }

    fn index_of(&mut self, pixel: u32) -> Option<u8> {
        let mut slot = (pixel.wrapping_mul(0x9e37_79b1) >> 22) as usize; // 10 bits
        while self.slots[slot].0 != pixel {
            if self.slots[slot].0 == EMPTY {
                return self.insert(slot, pixel);
            }
            slot = (slot + 1) % SLOTS;
        }
        Some(self.slots[slot].1)
    }

    fn insert(&mut self, slot: usize, pixel: u32) -> Option<u8> {
        let index = u8::try_from(self.colours.len()).ok()?;
        self.slots[slot] = (pixel, index);
        self.used.push(slot as u16); // below SLOTS
        self.colours.push(pixel);
        Some(index)
    }
}

/// Reads what [`Palette::write`] wrote and appends the tile's pixels.
pub(super) fn read(
    reader: &mut Reader<'_>,
    (width, height): (u16, u16),
    pixels: &mut Vec<u32>,
) -> Result<(), DecodeError> {
    let count = usize::from(reader.u8()?) + 1;
    if count < 2 {
        return Err(DecodeError::PaletteIndex);
    }
    let mut colours = [EMPTY; MAX_COLOURS];
    for (colour, bytes) in colours.iter_mut().zip(reader.take(count * 3)?.chunks_exact(3)) {
        *colour = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
    }
    let bits = index_bits(count);
    let per_byte = 8 / bits;
    let row_bytes = width.div_ceil(per_byte.into());
    for row in reader.take(usize::from(row_bytes) * usize::from(height))?.chunks_exact(row_bytes.into()) {
        for position in 0..width {
            let byte = row[usize::from(position / u16::from(per_byte))];
            let shift = u32::from(8 - bits) - u32::from(position % u16::from(per_byte)) * u32::from(bits);
            let colour = colours[usize::from((byte >> shift) & (u8::MAX >> (8 - bits)))];
            if colour == EMPTY {
                return Err(DecodeError::PaletteIndex);
            }
            pixels.push(colour);
        }
    }
    Ok(())
}

const fn index_bits(colours: usize) -> u8 {
    match colours {
        0..=2 => 1,
        3..=4 => 2,
        5..=16 => 4,
        _ => 8,
    }
}

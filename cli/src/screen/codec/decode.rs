//! The decoder: everything is parsed and checked first, then drawn.

use super::{
    DecodeError, FLAG_KEYFRAME, MAX_TRAILER_BYTES, VERSION, lz4, op, palette, size_is_allowed,
    tiles::{Grid, TILE_PIXELS},
    true_colour,
};
use crate::screen::{Framebuffer, Rect};

/// Most bytes that one tile takes in the tile section: operation, palette, indices.
const MAX_TILE_BYTES: usize = 2 + 3 * palette::MAX_COLOURS + TILE_PIXELS as usize * TILE_PIXELS as usize;

/// Decodes frames; what it is given may come from anybody.
#[derive(Default)]
pub struct FrameDecoder {
    picture: Option<Framebuffer>,
    sequence: u32,
    trailer: Vec<u8>,
}

impl FrameDecoder {
    /// A decoder without a picture; it begins with a keyframe.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes one frame. `keyframe` is what the object that carried it says. The picture's damage tells what changed.
    ///
    /// # Errors
    /// See [`DecodeError`]; the picture then stays as it was.
    pub fn decode(&mut self, keyframe: bool, data: &[u8]) -> Result<&Framebuffer, DecodeError> {
        let mut reader = Reader(data);
        let header = Header::read(&mut reader)?;
        if header.keyframe != keyframe {
            return Err(DecodeError::KeyframeMismatch);
        }
        self.check_follows(&header)?;
        let drawing = Drawing::read(&header, reader)?;
        if self.picture.as_ref().is_none_or(|picture| picture.size() != header.size) {
            self.picture = None; // free the old one before the new one is made
        }
        let picture = self.picture.get_or_insert_with(|| Framebuffer::new(header.size.0, header.size.1));
        drawing.draw(picture);
        self.sequence = header.sequence;
        self.trailer.clear();
        self.trailer.extend_from_slice(header.trailer);
        Ok(picture)
    }

    /// The last picture decoded.
    #[must_use]
    pub const fn picture(&self) -> Option<&Framebuffer> {
        self.picture.as_ref()
    }

    /// The trailer of the last frame decoded; empty when it had none.
    #[must_use]
    pub fn trailer(&self) -> &[u8] {
        &self.trailer
    }

    fn check_follows(&self, header: &Header<'_>) -> Result<(), DecodeError> {
        if header.keyframe {
            return Ok(());
        }
        let Some(picture) = &self.picture else { return Err(DecodeError::NoKeyframeYet) };
        if header.sequence != self.sequence.wrapping_add(1) {
            return Err(DecodeError::MissedFrame { had: self.sequence, got: header.sequence });
        }
        if header.size != picture.size() {
            return Err(DecodeError::Size { width: header.size.0, height: header.size.1 });
        }
        Ok(())
    }
}

/// Bytes not read yet.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }
}

struct Header<'a> {
    keyframe: bool,
    sequence: u32,
    size: (u16, u16),
    trailer: &'a [u8],
}

impl<'a> Header<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        match reader.u8()? {
            VERSION => {}
            other => return Err(DecodeError::Version(other)),
        }
        let flags = reader.u8()?;
        if flags & !FLAG_KEYFRAME != 0 {
            return Err(DecodeError::Flags(flags));
        }
        let sequence = reader.u32()?;
        let size = (reader.u16()?, reader.u16()?);
        if !size_is_allowed(size) {
            return Err(DecodeError::Size { width: size.0, height: size.1 });
        }
        let trailer_bytes = reader.u8()?;
        if usize::from(trailer_bytes) > MAX_TRAILER_BYTES {
            return Err(DecodeError::Trailer(trailer_bytes));
        }
        let trailer = reader.take(trailer_bytes.into())?;
        Ok(Self { keyframe: flags & FLAG_KEYFRAME != 0, sequence, size, trailer })
    }
}

/// How a tile is filled.
#[derive(Clone, Copy)]
enum Fill {
    Solid(u32),
    /// From this offset of [`Drawing::pixels`] on.
    Pixels(usize),
    TrueColour,
    Copy {
        x: u16,
        y: u16,
    },
}

/// A frame that was checked: drawing it cannot fail.
struct Drawing {
    tiles: Vec<(Rect, Fill)>,
    pixels: Vec<u32>,
}

impl Drawing {
    fn read(header: &Header<'_>, mut reader: Reader<'_>) -> Result<Self, DecodeError> {
        let (section_bytes, packed_bytes) = (reader.u32()? as usize, reader.u32()? as usize);
        let packed = reader.take(packed_bytes)?;
        let most = Grid::new(header.size).count() * MAX_TILE_BYTES;
        let section = lz4::decompress(packed, section_bytes, most)?;
        let mut drawing = Self { tiles: Vec::new(), pixels: Vec::new() };
        drawing.read_operations(header, Reader(&section))?;
        drawing.read_colours(reader.0)?;
        Ok(drawing)
    }

    fn read_operations(&mut self, header: &Header<'_>, mut reader: Reader<'_>) -> Result<(), DecodeError> {
        let mut tiles = Grid::new(header.size).tiles();
        while !reader.0.is_empty() {
            let operation = reader.u8()?;
            if header.keyframe && matches!(operation, op::SKIP | op::COPY) {
                return Err(DecodeError::Operation(operation));
            }
            if operation == op::SKIP {
                let last = usize::from(reader.u16()?);
                tiles.nth(last).ok_or(DecodeError::Coverage)?;
                continue;
            }
            let tile = tiles.next().ok_or(DecodeError::Coverage)?;
            let fill = self.read_fill(operation, tile, header.size, &mut reader)?;
            self.tiles.push((tile, fill));
        }
        if tiles.next().is_some() { Err(DecodeError::Coverage) } else { Ok(()) }
    }

    fn read_fill(
        &mut self,
        operation: u8,
        tile: Rect,
        (width, height): (u16, u16),
        reader: &mut Reader<'_>,
    ) -> Result<Fill, DecodeError> {
        match operation {
            op::SOLID => reader
                .array()
                .map(|[red, green, blue]| Fill::Solid(u32::from_be_bytes([0, red, green, blue]))),
            op::PALETTE => {
                let start = self.pixels.len();
                palette::read(reader, (tile.width, tile.height), &mut self.pixels)?;
                Ok(Fill::Pixels(start))
            }
            op::TRUE_COLOUR => Ok(Fill::TrueColour),
            op::COPY => {
                let (x, y) = (reader.u16()?, reader.u16()?);
                let inside = |from: u16, length: u16, limit: u16| {
                    from.checked_add(length).is_some_and(|end| end <= limit)
                };
                let inside = inside(x, tile.width, width) && inside(y, tile.height, height);
                if inside { Ok(Fill::Copy { x, y }) } else { Err(DecodeError::CopySource) }
            }
            other => Err(DecodeError::Operation(other)),
        }
    }

    fn read_colours(&mut self, section: &[u8]) -> Result<(), DecodeError> {
        let pixels_of = |tile: &Rect| usize::from(tile.width) * usize::from(tile.height);
        let coloured = self.tiles.iter_mut().filter(|(_, fill)| matches!(fill, Fill::TrueColour));
        let coloured: Vec<_> = coloured.collect();
        let expected = coloured.iter().map(|(tile, _)| pixels_of(tile) * 3).sum();
        let residuals = true_colour::decompress(section, expected)?;
        let mut rest = residuals.as_slice();
        for (tile, fill) in coloured {
            let (own, further) = rest.split_at(pixels_of(tile) * 3);
            rest = further;
            *fill = Fill::Pixels(self.pixels.len());
            true_colour::read(own, tile.width, &mut self.pixels);
        }
        Ok(())
    }

    fn draw(mut self, picture: &mut Framebuffer) {
        picture.begin_capture();
        self.lift_copies(picture);
        for (tile, fill) in &self.tiles {
            picture.add_damage(*tile);
            for row in 0..tile.height {
                let target = picture.row_mut(tile.x, tile.y + row, tile.width);
                match *fill {
                    Fill::Solid(colour) => target.fill(colour),
                    Fill::Pixels(start) => {
                        let start = start + usize::from(row) * usize::from(tile.width);
                        target.copy_from_slice(&self.pixels[start..start + usize::from(tile.width)]);
                    }
                    Fill::TrueColour | Fill::Copy { .. } => debug_assert!(false, "turned into pixels before"),
                }
            }
        }
    }

    /// Takes the sources of all copies before anything is drawn over them.
    fn lift_copies(&mut self, picture: &Framebuffer) {
        for (tile, fill) in &mut self.tiles {
            if let Fill::Copy { x, y } = *fill {
                *fill = Fill::Pixels(self.pixels.len());
                for row in 0..tile.height {
                    self.pixels.extend_from_slice(picture.row(x, y + row, tile.width));
                }
            }
        }
    }
}

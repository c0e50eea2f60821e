//! Tiles of many colours: predicted per pixel and compressed with fdeflate, which is made for such residuals.

use super::DecodeError;

/// Most a deflate stream can grow (zlib's technical details: 1032 to 1), rounded up.
const MAX_EXPANSION: usize = 1100;

type Planes = [u8; 3];

/// Appends the residuals of a tile's pixels.
pub(super) fn write(pixels: &[u32], width: u16, out: &mut Vec<u8>) {
    let tile: Vec<Planes> = pixels.iter().copied().map(planes).collect();
    out.reserve(tile.len() * 3);
    for (position, actual) in tile.iter().enumerate() {
        let predicted = predict(&tile[..position], width.into());
        out.extend(std::array::from_fn::<u8, 3, _>(|plane| actual[plane].wrapping_sub(predicted[plane])));
    }
}

/// Appends the pixels of a tile from its residuals.
pub(super) fn read(residuals: &[u8], width: u16, pixels: &mut Vec<u32>) {
    let mut tile: Vec<Planes> = Vec::with_capacity(residuals.len() / 3);
    for residual in residuals.chunks_exact(3) {
        let predicted = predict(&tile, width.into());
        tile.push(std::array::from_fn(|plane| residual[plane].wrapping_add(predicted[plane])));
    }
    pixels.extend(tile.into_iter().map(pixel));
}

/// Compresses all residuals of a frame; empty when there are none.
pub(super) fn compress(residuals: &[u8]) -> Vec<u8> {
    if residuals.is_empty() { Vec::new() } else { fdeflate::compress_to_vec(residuals) }
}

/// Decompresses the colour section, which must yield exactly `expected` bytes and end with the input.
pub(super) fn decompress(section: &[u8], expected: usize) -> Result<Vec<u8>, DecodeError> {
    if expected == 0 {
        return if section.is_empty() { Ok(Vec::new()) } else { Err(DecodeError::Trailing) };
    }
    if expected > section.len().saturating_mul(MAX_EXPANSION) {
        return Err(DecodeError::SectionLength);
    }
    let mut residuals = vec![0; expected];
    let mut inflater = fdeflate::Decompressor::new();
    let (mut consumed, mut produced) = (0, 0);
    while !inflater.is_done() {
        let step = inflater.read(&section[consumed..], &mut residuals, produced, true);
        let (read, written) = step.map_err(|_| DecodeError::Compression)?;
        if read == 0 && written == 0 && !inflater.is_done() {
            return Err(DecodeError::Compression);
        }
        consumed += read;
        produced += written;
    }
    match (produced == expected, consumed == section.len()) {
        (true, true) => Ok(residuals),
        (true, false) => Err(DecodeError::Trailing),
        (false, _) => Err(DecodeError::Compression),
    }
}

/// What the next pixel of a tile is likely to be, from those before it.
fn predict(done: &[Planes], width: usize) -> Planes {
    let position = done.len();
    match (!position.is_multiple_of(width), position >= width) {
        (true, true) => {
            let (left, up, corner) = (done[position - 1], done[position - width], done[position - width - 1]);
            std::array::from_fn(|plane| median(left[plane], up[plane], corner[plane]))
        }
        (true, false) => done[position - 1],
        (false, true) => done[position - width],
        (false, false) => [0; 3],
    }
}

fn median(left: u8, up: u8, corner: u8) -> u8 {
    let (low, high) = (left.min(up), left.max(up));
    if corner >= high {
        low
    } else if corner <= low {
        high
    } else {
        left.wrapping_add(up).wrapping_sub(corner)
    }
}

fn planes(pixel: u32) -> Planes {
    let [_, red, green, blue] = pixel.to_be_bytes();
    [green, red.wrapping_sub(green), blue.wrapping_sub(green)]
}

fn pixel([green, red, blue]: Planes) -> u32 {
    u32::from_be_bytes([0, red.wrapping_add(green), green, blue.wrapping_add(green)])
}

//! The tile section's compression: one LZ4 block.

use super::DecodeError;

/// Most an LZ4 block can grow: a length byte stands for at most 255.
const MAX_EXPANSION: usize = 255;

/// Compresses a tile section.
pub(super) fn compress(section: &[u8]) -> Vec<u8> {
    lz4_flex::block::compress(section)
}

/// Decompresses to exactly `expected` bytes, of which `most` are possible at all.
pub(super) fn decompress(block: &[u8], expected: usize, most: usize) -> Result<Vec<u8>, DecodeError> {
    if expected > most || expected > block.len().saturating_mul(MAX_EXPANSION) {
        return Err(DecodeError::SectionLength);
    }
    let mut section = vec![0; expected];
    match lz4_flex::block::decompress_into(block, &mut section) {
        Ok(written) if written == expected => Ok(section),
        Ok(_) | Err(_) => Err(DecodeError::Compression),
    }
}

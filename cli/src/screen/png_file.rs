//! Pictures as PNG files.

use std::{fs::File, io::BufWriter, path::Path};

use super::Framebuffer;

/// Why a PNG file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// The file cannot be made.
    #[error("cannot create the PNG file: {0}; check that its folder exists and may be written to")]
    Create(#[source] std::io::Error),
    /// Writing failed on the way.
    #[error("cannot write the PNG file: {0}; check the free space")]
    Write(#[from] png::EncodingError),
}

/// Writes a picture as an 8-bit RGB PNG, over any file of that name.
///
/// # Errors
/// See [`PngError`].
pub fn write_png(picture: &Framebuffer, path: &Path) -> Result<(), PngError> {
    let file = BufWriter::new(File::create(path).map_err(PngError::Create)?);
    let mut encoder = png::Encoder::new(file, u32::from(picture.width()), u32::from(picture.height()));
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&rgb_bytes(picture))?;
    writer.finish()?;
    Ok(())
}

fn rgb_bytes(picture: &Framebuffer) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(picture.pixels().len() * 3);
    for pixel in picture.pixels() {
        bytes.extend_from_slice(&pixel.to_be_bytes()[1..]);
    }
    bytes
}

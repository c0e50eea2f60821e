//! Reads pixels of the root window: through memory shared with the server, or in strips through the connection.

use std::os::fd::OwnedFd;

use rustix::fs::MemfdFlags;
use x11rb::{
    connection::Connection as _,
    protocol::{
        shm::{self, ConnectionExt as _},
        xproto::{ConnectionExt as _, ImageFormat},
    },
};

use super::display::Display;
use crate::screen::{Framebuffer, Rect, SourceError};

/// Bytes of a strip when the pixels come through the connection.
const STRIP_BYTES: usize = 1 << 20;
const PIXEL_BYTES: usize = 4;
const ALL_PLANES: u32 = u32::MAX;
/// First version of the extension that takes file descriptors.
const SHM_WITH_DESCRIPTORS: (u16, u16) = (1, 2);

/// How pixels get here.
pub(super) enum Grabber {
    /// The server writes into a memory file that we read by position: no mapping, so no unsafe code.
    Shared(Segment),
    /// Each strip is a reply on the connection.
    Strips,
}

/// A memory file that the server writes into.
pub(super) struct Segment {
    id: shm::Seg,
    file: OwnedFd,
    bytes: Vec<u8>,
}

impl Grabber {
    /// Shares memory for a screen of this size where the server can; an error of the connection means that it cannot be
    /// used any more (a server on another machine takes no file descriptors).
    pub(super) fn new(display: &Display, size: (u16, u16)) -> Result<Self, SourceError> {
        if !display.has(shm::X11_EXTENSION_NAME)? {
            return Ok(Self::Strips);
        }
        let version = display.connection.shm_query_version()?.reply()?;
        if (version.major_version, version.minor_version) < SHM_WITH_DESCRIPTORS {
            return Ok(Self::Strips);
        }
        match Segment::share(display, size) {
            Err(SourceError::Refused(_) | SourceError::SharedMemory(_)) => Ok(Self::Strips),
            shared => shared.map(Self::Shared),
        }
    }

    /// Copies these areas of the screen; they lie inside the picture and do not overlap.
    pub(super) fn grab(
        &mut self,
        display: &Display,
        areas: &[Rect],
        into: &mut Framebuffer,
    ) -> Result<(), SourceError> {
        match self {
            Self::Shared(segment) => segment.grab(display, areas, into),
            Self::Strips => areas.iter().try_for_each(|area| grab_in_strips(display, *area, into)),
        }
    }

    /// Gives the shared memory back to the server; the memory itself goes with the descriptors.
    pub(super) fn release(self, display: &Display) -> Result<(), SourceError> {
        if let Self::Shared(segment) = self {
            display.connection.shm_detach(segment.id)?;
        }
        Ok(())
    }
}

impl Segment {
    fn share(display: &Display, (width, height): (u16, u16)) -> Result<Self, SourceError> {
        let length = usize::from(width) * usize::from(height) * PIXEL_BYTES;
        let file =
            rustix::fs::memfd_create("isi-screen", MemfdFlags::CLOEXEC).map_err(std::io::Error::from)?;
        rustix::fs::ftruncate(&file, length as u64).map_err(std::io::Error::from)?;
        let theirs = file.try_clone()?;
        let id = display.connection.generate_id()?;
        display.connection.shm_attach_fd(id, theirs, false)?.check()?;
        Ok(Self { id, file, bytes: Vec::new() })
    }

    fn grab(&mut self, display: &Display, areas: &[Rect], into: &mut Framebuffer) -> Result<(), SourceError> {
        let mut offset = 0;
        let mut answers = Vec::with_capacity(areas.len());
        for area in areas {
            let (x, y) = (area.x as i16, area.y as i16); // at most MAX_SIDE_PIXELS
            let (format, start) = (u8::from(ImageFormat::Z_PIXMAP), offset as u32); // below 64 MiB
            let request = display.connection.shm_get_image(
                display.root,
                x,
                y,
                area.width,
                area.height,
                ALL_PLANES,
                format,
                self.id,
                start,
            );
            answers.push((*area, offset, request?));
            offset += area_bytes(*area);
        }
        for (area, offset, answer) in answers {
            answer.reply()?;
            self.bytes.resize(area_bytes(area), 0);
            read_exactly_at(&self.file, &mut self.bytes, offset as u64)?;
            paste(&self.bytes, area, into);
        }
        Ok(())
    }
}

fn read_exactly_at(file: &OwnedFd, mut bytes: &mut [u8], mut offset: u64) -> Result<(), SourceError> {
    while !bytes.is_empty() {
        let read = rustix::io::retry_on_intr(|| rustix::io::pread(file, &mut *bytes, offset))
            .map_err(std::io::Error::from)?;
        if read == 0 {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
        bytes = &mut bytes[read..];
        offset += read as u64;
    }
    Ok(())
}

fn grab_in_strips(display: &Display, area: Rect, into: &mut Framebuffer) -> Result<(), SourceError> {
    let rows =
        u16::try_from(STRIP_BYTES / (usize::from(area.width) * PIXEL_BYTES)).unwrap_or(u16::MAX).max(1);
    for y in (area.y..area.bottom()).step_by(rows.into()) {
        let strip = Rect { y, height: rows.min(area.bottom() - y), ..area };
        let (left, top) = (strip.x as i16, strip.y as i16); // at most MAX_SIDE_PIXELS
        let format = ImageFormat::Z_PIXMAP;
        let image = display.connection.get_image(
            format,
            display.root,
            left,
            top,
            strip.width,
            strip.height,
            ALL_PLANES,
        )?;
        let image = image.reply()?;
        if image.data.len() < area_bytes(strip) {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
        paste(&image.data, strip, into);
    }
    Ok(())
}

fn area_bytes(area: Rect) -> usize {
    usize::from(area.width) * usize::from(area.height) * PIXEL_BYTES
}

fn paste(bytes: &[u8], area: Rect, into: &mut Framebuffer) {
    let rows = bytes.chunks_exact(usize::from(area.width) * PIXEL_BYTES);
    for (y, row) in (area.y..area.bottom()).zip(rows) {
        for (target, pixel) in
            into.row_mut(area.x, y, area.width).iter_mut().zip(row.chunks_exact(PIXEL_BYTES))
        {
            *target = u32::from_le_bytes([pixel[0], pixel[1], pixel[2], 0]);
        }
    }
}

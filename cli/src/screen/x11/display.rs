//! The connection to an X server, and whether its screen can be read at all.

use x11rb::{
    connection::{Connection as _, RequestConnection as _},
    errors::{ReplyError, ReplyOrIdError},
    protocol::xproto::{
        ChangeWindowAttributesAux, ConnectionExt as _, EventMask, ImageOrder, Screen, Setup, Window,
    },
    rust_connection::RustConnection,
};

use crate::screen::{SourceError, codec::size_is_allowed};

/// Bits per pixel that are read.
const BITS_PER_PIXEL: u8 = 32;

/// A connection and its root window.
pub(super) struct Display {
    pub(super) connection: RustConnection,
    pub(super) root: Window,
}

impl Display {
    /// Connects to `name`, or to what `DISPLAY` names, and checks the screen's format.
    pub(super) fn open(name: Option<&str>) -> Result<Self, SourceError> {
        let (connection, number) = RustConnection::connect(name).map_err(|error| {
            let asked = name.map_or_else(
                || "the display that DISPLAY names".to_owned(),
                |name| format!("display {name}"),
            );
            SourceError::NoDisplay { reason: format!("{asked} does not answer ({error})") }
        })?;
        let screen = &connection.setup().roots[number];
        check_format(connection.setup(), screen)?;
        let root = screen.root;
        let events = ChangeWindowAttributesAux::new().event_mask(EventMask::STRUCTURE_NOTIFY);
        connection.change_window_attributes(root, &events)?.check()?;
        Ok(Self { connection, root })
    }

    /// Size of the root window now.
    pub(super) fn size(&self) -> Result<(u16, u16), SourceError> {
        let geometry = self.connection.get_geometry(self.root)?.reply()?;
        let (width, height) = (geometry.width, geometry.height);
        if size_is_allowed((width, height)) {
            Ok((width, height))
        } else {
            Err(SourceError::TooLarge { width, height })
        }
    }

    /// Whether the server has an extension.
    pub(super) fn has(&self, extension: &'static str) -> Result<bool, SourceError> {
        Ok(self.connection.extension_information(extension)?.is_some())
    }

    /// Waits until the server has done all that was asked of it.
    pub(super) fn sync(&self) -> Result<(), SourceError> {
        self.connection.get_input_focus()?.reply()?;
        Ok(())
    }
}

fn check_format(setup: &Setup, screen: &Screen) -> Result<(), SourceError> {
    let depth = screen.root_depth;
    let format = setup.pixmap_formats.iter().find(|format| format.depth == depth);
    let bits_per_pixel = format.map_or(0, |format| format.bits_per_pixel);
    let visuals = screen.allowed_depths.iter().flat_map(|depth| &depth.visuals);
    let rgb = visuals
        .filter(|visual| visual.visual_id == screen.root_visual)
        .any(|visual| (visual.red_mask, visual.green_mask, visual.blue_mask) == (0x00ff_0000, 0xff00, 0xff));
    let readable = rgb && bits_per_pixel == BITS_PER_PIXEL && setup.image_byte_order == ImageOrder::LSB_FIRST;
    if readable { Ok(()) } else { Err(SourceError::UnsupportedDepth { depth, bits_per_pixel }) }
}

impl From<ReplyError> for SourceError {
    fn from(error: ReplyError) -> Self {
        match error {
            ReplyError::ConnectionError(error) => Self::Connection(error),
            ReplyError::X11Error(error) => Self::Refused(error),
        }
    }
}

impl From<ReplyOrIdError> for SourceError {
    fn from(error: ReplyOrIdError) -> Self {
        match error {
            ReplyOrIdError::ConnectionError(error) => Self::Connection(error),
            ReplyOrIdError::X11Error(error) => Self::Refused(error),
            ReplyOrIdError::IdsExhausted => Self::Connection(x11rb::errors::ConnectionError::UnknownError),
        }
    }
}

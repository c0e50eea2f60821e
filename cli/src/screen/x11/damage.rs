//! Asks the X server which parts of the screen changed.

use x11rb::{
    NONE,
    connection::Connection as _,
    protocol::{
        damage::{self, ConnectionExt as _, ReportLevel},
        xfixes::{self, ConnectionExt as _},
    },
};

use super::display::Display;
use crate::screen::{Rect, SourceError};

/// Areas fetched one by one; of more, their hull is fetched instead.
const MAX_AREAS: usize = 48;

/// Follows the damage of the root window and everything in it.
pub(super) struct DamageWatch {
    damage: damage::Damage,
    region: xfixes::Region,
    notified: bool,
}

impl DamageWatch {
    /// Starts to follow; `None` when the server lacks an extension for it.
    pub(super) fn start(display: &Display) -> Result<Option<Self>, SourceError> {
        if !display.has(damage::X11_EXTENSION_NAME)? || !display.has(xfixes::X11_EXTENSION_NAME)? {
            return Ok(None);
        }
        let connection = &display.connection;
        connection.xfixes_query_version(5, 0)?.reply()?;
        connection.damage_query_version(1, 1)?.reply()?;
        let (damage, region) = (connection.generate_id()?, connection.generate_id()?);
        connection.xfixes_create_region(region, &[])?.check()?;
        connection.damage_create(damage, display.root, ReportLevel::NON_EMPTY)?.check()?;
        Ok(Some(Self { damage, region, notified: true }))
    }

    /// The server said that something changed.
    pub(super) const fn notice(&mut self) {
        self.notified = true;
    }

    /// What changed since the last call, inside a screen of this size, without overlaps.
    pub(super) fn take(&mut self, display: &Display, size: (u16, u16)) -> Result<Vec<Rect>, SourceError> {
        if !std::mem::take(&mut self.notified) {
            return Ok(Vec::new());
        }
        display.connection.damage_subtract(self.damage, NONE, self.region)?;
        let region = display.connection.xfixes_fetch_region(self.region)?.reply()?;
        let hull = [region.extents];
        let areas = if region.rectangles.len() > MAX_AREAS { &hull } else { region.rectangles.as_slice() };
        Ok(areas.iter().filter_map(|area| clip(area, size)).collect())
    }
}

fn clip(area: &x11rb::protocol::xproto::Rectangle, (width, height): (u16, u16)) -> Option<Rect> {
    let end = |start: i16, length: u16| (i32::from(start) + i32::from(length)).clamp(0, 0xffff) as u16; // clamped
    let (x, y) = (area.x.max(0).cast_unsigned(), area.y.max(0).cast_unsigned());
    let (right, bottom) = (end(area.x, area.width), end(area.y, area.height));
    Rect::new(x, y, right.saturating_sub(x), bottom.saturating_sub(y)).clipped(width, height)
}

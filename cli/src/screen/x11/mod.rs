//! A real X screen: captured through shared memory where the server can, driven through XTEST.

mod cursor;
mod damage;
mod display;
mod grab;
mod input;
mod key_watch;
mod keymap;

pub use key_watch::watch_key;

use isi_client::payload::InputEvent;
use x11rb::{
    connection::Connection as _,
    protocol::{ErrorKind, Event},
};

use self::{cursor::CursorLayer, damage::DamageWatch, display::Display, grab::Grabber, input::Injector};
use super::{Framebuffer, Rect, ScreenSource, SourceError};

/// Attempts at one picture: the screen may change its size between asking for the size and asking for the pixels.
const MAX_CAPTURE_ATTEMPTS: usize = 3;

/// The screen of an X server.
///
/// Uses MIT-SHM 1.2 (shared memory by file descriptor), DAMAGE and XFIXES where the server has them; without them pictures
/// come in strips, whole, and without the pointer. Needs XTEST to be driven. Dropping it releases keys and buttons that are
/// held, and gives back keys that were lent to keysyms the keyboard has not.
pub struct X11Source {
    display: Display,
    grabber: Grabber,
    damage: Option<DamageWatch>,
    cursor: Option<CursorLayer>,
    injector: Option<Injector>,
    /// The screen without the pointer.
    screen: Framebuffer,
    picture: Framebuffer,
    /// The next capture must take everything.
    stale: bool,
}

impl X11Source {
    /// Connects to the server that `display` names, such as `:0`; without a name to the one that `DISPLAY` names.
    ///
    /// # Errors
    /// [`SourceError::NoDisplay`] when none answers, [`SourceError::UnsupportedDepth`] or [`SourceError::TooLarge`] when its
    /// screen cannot be read.
    pub fn connect(display: Option<&str>) -> Result<Self, SourceError> {
        let (display, grabber, size) = open(display)?;
        Ok(Self {
            damage: DamageWatch::start(&display)?,
            cursor: CursorLayer::start(&display)?,
            injector: Injector::start(&display)?,
            screen: Framebuffer::new(size.0, size.1),
            picture: Framebuffer::new(size.0, size.1),
            stale: true,
            display,
            grabber,
        })
    }

    /// Whether pictures come through shared memory, for reports.
    #[must_use]
    pub const fn shares_memory(&self) -> bool {
        matches!(self.grabber, Grabber::Shared(_))
    }

    /// Whether the server tells which areas change, for reports.
    #[must_use]
    pub const fn knows_damage(&self) -> bool {
        self.damage.is_some()
    }

    fn read_events(&mut self) -> Result<(), SourceError> {
        while let Some(event) = self.display.connection.poll_for_event()? {
            match event {
                Event::DamageNotify(_) => self.damage.iter_mut().for_each(DamageWatch::notice),
                Event::ConfigureNotify(change) if change.window == self.display.root => self.resize()?,
                Event::MappingNotify(_) => {
                    if let Some(injector) = &mut self.injector {
                        injector.keyboard_changed(&self.display)?;
                    }
                }
                _ => {} // among them errors of injected events, see `input::fake`
            }
        }
        Ok(())
    }

    fn resize(&mut self) -> Result<(), SourceError> {
        let size = self.display.size()?;
        self.stale = true;
        if size != self.screen.size() {
            let old = std::mem::replace(&mut self.grabber, Grabber::Strips);
            old.release(&self.display)?;
            self.grabber = Grabber::new(&self.display, size)?;
            self.screen = Framebuffer::new(size.0, size.1);
            self.picture = Framebuffer::new(size.0, size.1);
            self.cursor.iter_mut().for_each(CursorLayer::forget);
        }
        Ok(())
    }

    /// Brings `screen` up to date; the areas that may have changed.
    fn refresh(&mut self) -> Result<Vec<Rect>, SourceError> {
        let (width, height) = self.screen.size();
        let damaged =
            self.damage.as_mut().map(|damage| damage.take(&self.display, (width, height))).transpose()?;
        let areas = match damaged {
            Some(areas) if !self.stale => areas,
            _ => vec![Rect::new(0, 0, width, height)],
        };
        self.stale = true; // until the pixels are here
        self.grabber.grab(&self.display, &areas, &mut self.screen)?;
        self.stale = false;
        Ok(areas)
    }

    fn refresh_despite_resizes(&mut self) -> Result<Vec<Rect>, SourceError> {
        let mut attempts = MAX_CAPTURE_ATTEMPTS;
        loop {
            attempts -= 1;
            self.read_events()?;
            match self.refresh() {
                Err(SourceError::Refused(error)) if error.error_kind == ErrorKind::Match && attempts > 0 => {
                    self.resize()?
                }
                result => return result,
            }
        }
    }
}

fn open(name: Option<&str>) -> Result<(Display, Grabber, (u16, u16)), SourceError> {
    let display = Display::open(name)?;
    let size = display.size()?;
    match Grabber::new(&display, size) {
        Err(SourceError::Connection(_)) => Ok((Display::open(name)?, Grabber::Strips, size)),
        grabber => Ok((display, grabber?, size)),
    }
}

impl ScreenSource for X11Source {
    fn size(&self) -> (u16, u16) {
        self.picture.size()
    }

    fn capture(&mut self) -> Result<&Framebuffer, SourceError> {
        let areas = self.refresh_despite_resizes()?;
        self.picture.begin_capture();
        for area in areas {
            self.picture.copy_rect(&self.screen, area);
            self.picture.add_damage(area);
        }
        if let Some(cursor) = &mut self.cursor {
            cursor.draw(&self.display, &self.screen, &mut self.picture)?;
        }
        Ok(&self.picture)
    }

    fn inject(&mut self, event: &InputEvent) -> Result<(), SourceError> {
        let Some(injector) = &mut self.injector else {
            return Err(SourceError::MissingExtension { name: "XTEST" });
        };
        injector.inject(&self.display, self.picture.size(), event)
    }

    fn name(&self) -> &'static str {
        "x11"
    }
}

impl Drop for X11Source {
    fn drop(&mut self) {
        if let Some(injector) = &mut self.injector {
            // A server that is gone holds no keys either.
            let _ = injector.let_go(&self.display);
        }
    }
}

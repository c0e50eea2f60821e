use crate::LeafIndex;
use crate::encoding::{Malformed, Reader, put_bytes};

/// Longest a lease may run, in milliseconds: twelve hours. Grant another one for longer.
pub const LEASE_DURATION_MS_MAX: u64 = 12 * 60 * 60 * 1_000;

/// What the driven member grants: that one other member may drive its screen for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTerms {
    /// 16 random bytes.
    pub id: [u8; 16],
    /// Higher than that of every lease this member granted before; it is the media group of the lease's input.
    pub generation: u64,
    /// Who drives.
    pub driver: LeafIndex,
    /// Whose screen is driven; signs.
    pub driven: LeafIndex,
    /// What the driver may do.
    pub scope: LeaseScope,
    /// How long it runs from the moment the driven side starts it, by that side's monotonic clock.
    pub duration_ms: u64,
    /// The driven side's fresh X25519 key for the lease's private objects
    /// ([`PrivateReceiver::public_key`](crate::PrivateReceiver::public_key)).
    pub public_key: [u8; 32],
}

/// What a driver may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaseScope {
    /// Move the pointer, press buttons, scroll.
    pub pointer: bool,
    /// Press keys.
    pub keyboard: bool,
    /// Set the clipboard.
    pub clipboard: bool,
    /// Where the pointer may be; the whole screen if `None`.
    pub rectangle: Option<Rectangle>,
}

/// A part of the shared screen, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rectangle {
    /// Left edge, inside.
    pub x: u16,
    /// Upper edge, inside.
    pub y: u16,
    /// At least 1.
    pub width: u16,
    /// At least 1.
    pub height: u16,
}

/// What ended a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LeaseEndReason {
    /// Its time is over.
    Expired = 1,
    /// The driven side took it back.
    Revoked = 2,
    /// The driver gave it up.
    Released = 3,
    /// A newer lease replaced it.
    Superseded = 4,
    /// The driver left, was removed or lost its connection.
    DriverGone = 5,
    /// The driven side stopped sharing.
    SharingStopped = 6,
    /// The driven side hears no organizer any more, or caught the relay lying about the membership, or its ticks do not get
    /// through.
    OutOfTouch = 7,
}

/// Terms that no lease can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TermsError {
    /// Nobody drives oneself.
    #[error("driver and driven are the same member")]
    SameMember,
    /// Zero, or longer than [`LEASE_DURATION_MS_MAX`].
    #[error("a duration of {0} ms is not between 1 and {LEASE_DURATION_MS_MAX}")]
    Duration(u64),
    /// A rectangle without area, or beyond the coordinates of a screen.
    #[error("the rectangle is empty or ends beyond 65,535 pixels")]
    Rectangle,
    /// Generations are media groups, so varints.
    #[error("generation {0} is above 2^62 - 1")]
    Generation(u64),
}

impl LeaseTerms {
    pub(crate) fn check(&self) -> Result<(), TermsError> {
        if self.driver == self.driven {
            return Err(TermsError::SameMember);
        }
        if self.duration_ms == 0 || self.duration_ms > LEASE_DURATION_MS_MAX {
            return Err(TermsError::Duration(self.duration_ms));
        }
        if self.generation > isi_wire::VARINT_MAX {
            return Err(TermsError::Generation(self.generation));
        }
        if self.scope.rectangle.is_some_and(|rectangle| !rectangle.is_possible()) {
            return Err(TermsError::Rectangle);
        }
        Ok(())
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put_bytes(out, &self.id);
        put_bytes(out, &self.generation.to_be_bytes());
        put_bytes(out, &self.driver.0.to_be_bytes());
        put_bytes(out, &self.driven.0.to_be_bytes());
        put_bytes(out, &[self.scope.flags()]);
        put_bytes(out, &self.scope.rectangle.map_or_else(Vec::new, Rectangle::bytes));
        put_bytes(out, &self.duration_ms.to_be_bytes());
        put_bytes(out, &self.public_key);
    }

    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            id: field(input)?,
            generation: u64::from_be_bytes(field(input)?),
            driver: LeafIndex(u16::from_be_bytes(field(input)?)),
            driven: LeafIndex(u16::from_be_bytes(field(input)?)),
            scope: LeaseScope::read(input)?,
            duration_ms: u64::from_be_bytes(field(input)?),
            public_key: field(input)?,
        })
    }
}

impl LeaseScope {
    const POINTER: u8 = 0b001;
    const KEYBOARD: u8 = 0b010;
    const CLIPBOARD: u8 = 0b100;

    pub(crate) const fn flags(self) -> u8 {
        (if self.pointer { Self::POINTER } else { 0 })
            | (if self.keyboard { Self::KEYBOARD } else { 0 })
            | (if self.clipboard { Self::CLIPBOARD } else { 0 })
    }

    /// Without a rectangle.
    pub(crate) const fn from_flags(flags: u8) -> Result<Self, Malformed> {
        if flags & !(Self::POINTER | Self::KEYBOARD | Self::CLIPBOARD) != 0 {
            return Err(Malformed);
        }
        Ok(Self {
            pointer: flags & Self::POINTER != 0,
            keyboard: flags & Self::KEYBOARD != 0,
            clipboard: flags & Self::CLIPBOARD != 0,
            rectangle: None,
        })
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let [flags] = field(input)?;
        let rectangle = input.bytes(8)?;
        let rectangle = if rectangle.is_empty() { None } else { Some(Rectangle::from_bytes(rectangle)?) };
        Ok(Self { rectangle, ..Self::from_flags(flags)? })
    }
}

impl Rectangle {
    /// Whether a point of the screen is inside.
    #[must_use]
    pub const fn contains(self, x: u16, y: u16) -> bool {
        x >= self.x && y >= self.y && x - self.x < self.width && y - self.y < self.height
    }

    const fn is_possible(self) -> bool {
        self.width > 0
            && self.height > 0
            && self.x.checked_add(self.width - 1).is_some()
            && self.y.checked_add(self.height - 1).is_some()
    }

    fn bytes(self) -> Vec<u8> {
        [self.x, self.y, self.width, self.height].into_iter().flat_map(u16::to_be_bytes).collect()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let [x0, x1, y0, y1, w0, w1, h0, h1] = <[u8; 8]>::try_from(bytes).map_err(|_| Malformed)?;
        let [x, y] = [u16::from_be_bytes([x0, x1]), u16::from_be_bytes([y0, y1])];
        let [width, height] = [u16::from_be_bytes([w0, w1]), u16::from_be_bytes([h0, h1])];
        Ok(Self { x, y, width, height })
    }
}

impl LeaseEndReason {
    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Expired,
            2 => Self::Revoked,
            3 => Self::Released,
            4 => Self::Superseded,
            5 => Self::DriverGone,
            6 => Self::SharingStopped,
            7 => Self::OutOfTouch,
            _ => return None,
        })
    }
}

/// A field of exactly `N` bytes behind its length.
pub(super) fn field<const N: usize>(input: &mut Reader<'_>) -> Result<[u8; N], Malformed> {
    input.bytes(N)?.try_into().map_err(|_| Malformed)
}

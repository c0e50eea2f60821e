/// Why a member does not let another drive its screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LeaseRefusal {
    /// The person said no.
    Declined = 1,
    /// Somebody else drives, and goes on.
    Busy = 2,
    /// There is no screen to drive.
    NotSharing = 3,
}

impl LeaseRefusal {
    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Declined),
            2 => Some(Self::Busy),
            3 => Some(Self::NotSharing),
            _ => None,
        }
    }
}

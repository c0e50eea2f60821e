use crate::MemberId;
use isi_e2ee::{LeaseScope, LeaseTerms};
use std::fmt;
use std::time::Duration;

/// Names one lease: 16 random bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseId(pub(crate) [u8; 16]);

/// That one member may drive another's screen for a while, signed by the driven member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Names it.
    pub id: LeaseId,
    /// Who drives.
    pub driver: MemberId,
    /// Whose screen is driven.
    pub driven: MemberId,
    pub(crate) terms: LeaseTerms,
}

impl Lease {
    /// What the driver may do.
    #[must_use]
    pub const fn scope(&self) -> LeaseScope {
        self.terms.scope
    }

    /// How long it runs from the moment the driven side gave it.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        Duration::from_millis(self.terms.duration_ms)
    }

    /// Rises with every lease the driven member gives.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.terms.generation
    }
}

impl fmt::Debug for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeaseId({:02x}{:02x}..)", self.0[0], self.0[1])
    }
}

use std::fmt;

/// A member's place in the MLS tree. Reused after a remove, so it means something only within one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeafIndex(pub u16);

/// Milliseconds on the caller's monotonic clock. Only differences count: grace windows and leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MonotonicMs(pub u64);

/// Seconds since 1970-01-01 UTC on the caller's clock: stated in commits, compared with expiries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnixSeconds(pub u64);

/// What an account service lets its subject become. An upper bound, never authority by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Sees and hears.
    Viewer,
    /// Also shares, writes and may be given a lease.
    Participant,
    /// May also be listed as an organizer.
    Organizer,
}

/// One member as every other member sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    /// Its leaf, valid until it is removed.
    pub leaf: LeafIndex,
    /// The account service's name for itself: subjects are names within it.
    pub issuer: String,
    /// The account service's opaque name for the person.
    pub subject: String,
    /// Upper bound of its rights.
    pub role: Role,
    /// Whether it is in the group's list of organizers: may admit and remove.
    pub is_organizer: bool,
    /// RFC 7638 thumbprint of its leaf signature key, base64url without padding.
    pub key_thumbprint: String,
}

// Subject and thumbprint name a person: neither belongs in a log.
impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("leaf", &self.leaf)
            .field("role", &self.role)
            .field("is_organizer", &self.is_organizer)
            .finish_non_exhaustive()
    }
}

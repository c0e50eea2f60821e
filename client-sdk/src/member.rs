use isi_e2ee::{LeafIndex, Role};
use std::fmt;

/// One member of the session, for as long as it is one. Unlike a leaf of the group it is never somebody else later.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId {
    pub(crate) leaf: LeafIndex,
    /// The epoch in which this client first saw the member there.
    pub(crate) since_epoch: u64,
}

/// What everybody in the session knows about a member.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionMember {
    /// Names it in calls and events.
    pub id: MemberId,
    /// The account service's name for itself: subjects are names within it.
    pub issuer: String,
    /// The account service's opaque name for the person.
    pub subject: String,
    /// Upper bound of its rights.
    pub role: Role,
    /// Whether it may admit and remove members.
    pub is_organizer: bool,
    /// RFC 7638 thumbprint of its key, base64url: what a pair code is made of.
    pub key_thumbprint: String,
    /// Whether its connection is known. Leases and private messages to others wait for that a little.
    pub is_online: bool,
}

/// Somebody who asks to be let in, see [`Event::JoinRequested`](crate::Event::JoinRequested).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApplicantId(pub(crate) u64);

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemberId({}@{})", self.leaf.0, self.since_epoch)
    }
}

// Subject and thumbprint name a person: neither belongs in a log.
impl fmt::Debug for SessionMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionMember")
            .field("id", &self.id)
            .field("role", &self.role)
            .field("is_organizer", &self.is_organizer)
            .field("is_online", &self.is_online)
            .finish_non_exhaustive()
    }
}

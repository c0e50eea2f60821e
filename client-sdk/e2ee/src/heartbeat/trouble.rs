use crate::LeafIndex;

/// What heartbeats show to be wrong. Ordered, so that a set of them can be told in one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Trouble {
    /// Nothing fresh was heard from this organizer for [`SILENCE_MS_MAX`](super::SILENCE_MS_MAX): it has no network, or somebody
    /// keeps it away.
    Silent(LeafIndex),
    /// This member is in another epoch of the same number: the log that the relay shows to it is not the log shown here.
    Forked(LeafIndex),
    /// This member is in a later epoch for [`MISSING_MS_MAX`](super::MISSING_MS_MAX): a commit is kept from this side.
    Withheld(LeafIndex),
    /// An organizer wants a member out for [`MISSING_MS_MAX`](super::MISSING_MS_MAX), and no commit says so.
    RemovalWithheld {
        /// Who wants it.
        by: LeafIndex,
        /// Who is to go.
        of: LeafIndex,
    },
}

/// What this member may do, as far as it is in touch with the organizers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether the organizer who invited was heard. Before, nothing is sent.
    pub confirmed: bool,
    /// Whether input may be given and taken.
    pub input: bool,
    /// Whether media may be sent.
    pub media: bool,
}

/// What a [`Watch`](super::Watch) finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// Something is wrong from now on.
    Began(Trouble),
    /// It is not any more.
    Ended(Trouble),
    /// What this member may do has changed.
    Standing(Standing),
}

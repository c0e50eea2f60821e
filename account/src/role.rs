use isi_wire::TrackKind;

/// What somebody is in a session. For the members it is an upper bound, never authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// May admit, remove, mute and close.
    Organizer,
    /// May share.
    Participant,
    /// Sees, writes, points, and drives where a lease allows it.
    Viewer,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Organizer, Self::Participant, Self::Viewer];

    /// The role's name in tokens, statements and on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Organizer => "organizer",
            Self::Participant => "participant",
            Self::Viewer => "viewer",
        }
    }

    /// The role with this [`name`](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// What a token of this role lets its holder publish, unless the caller says otherwise.
    ///
    /// A viewer may send input: only the driven side's lease decides whether it is applied.
    pub(crate) fn publishes(self) -> &'static [TrackKind] {
        match self {
            Self::Organizer | Self::Participant => TrackKind::ALL,
            Self::Viewer => &[TrackKind::Input, TrackKind::Message, TrackKind::Pointer],
        }
    }

    pub(crate) fn control(self) -> &'static [ControlRight] {
        match self {
            Self::Organizer => &ControlRight::ALL,
            Self::Participant | Self::Viewer => &[],
        }
    }

    /// Bits per second that a holder may send, as the relay counts them.
    pub(crate) const fn bits_per_second(self) -> u64 {
        match self {
            Self::Organizer | Self::Participant => 100_000_000,
            Self::Viewer => 10_000_000,
        }
    }

    pub(crate) const fn tracks(self) -> u32 {
        match self {
            Self::Organizer | Self::Participant => 32,
            Self::Viewer => 8,
        }
    }
}

/// A right over others at the relay (`isi.ctl`). Members decide for themselves who is in their group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ControlRight {
    /// Receives join requests and uploads commits.
    Admit,
    /// Removes a participant.
    Kick,
    /// Ends another's tracks.
    Mute,
    /// Ends the session.
    Close,
}

impl ControlRight {
    /// Every right.
    pub const ALL: [Self; 4] = [Self::Admit, Self::Kick, Self::Mute, Self::Close];

    /// The right's name in tokens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Kick => "kick",
            Self::Mute => "mute",
            Self::Close => "close",
        }
    }
}

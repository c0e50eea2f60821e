use isi_wire::TrackKind;

/// What a token allows its bearer in one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grants {
    /// Kinds it may publish. Appending messages to the log needs [`TrackKind::Message`].
    pub publish: KindSet,
    /// Kinds it may receive, directed ones included.
    pub subscribe: KindSet,
    /// Rights over the session and over others.
    pub controls: Controls,
    /// Most tracks at a time; the session's own limit holds as well.
    pub tracks_max: usize,
    /// Bits per second it may send, over all classes. `None`: as the connection carries.
    pub bits_per_second_max: Option<u64>,
}

/// Rights over the session and over others (`isi.ctl` of the token).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Controls {
    /// Is an organizer: gets join requests, and may append commits with Welcomes.
    pub admit: bool,
    /// May remove participants.
    pub kick: bool,
    /// May mute participants. Reserved: no message of `isi/1` uses it.
    pub mute: bool,
    /// May end the session.
    pub close: bool,
}

impl Controls {
    /// Every right.
    pub const ALL: Self = Self { admit: true, kick: true, mute: true, close: true };
    /// No right.
    pub const NONE: Self = Self { admit: false, kick: false, mute: false, close: false };
}

/// A set of [`TrackKind`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindSet(u8);

impl KindSet {
    /// No kind.
    pub const NONE: Self = Self(0);

    /// Every kind.
    #[must_use]
    pub fn all() -> Self {
        TrackKind::ALL.iter().copied().collect()
    }

    /// Adds `kind`.
    pub fn insert(&mut self, kind: TrackKind) {
        self.0 |= Self::bit(kind);
    }

    /// Whether `kind` is in the set.
    #[must_use]
    pub const fn contains(self, kind: TrackKind) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    const fn bit(kind: TrackKind) -> u8 {
        1 << kind as u8
    }
}

impl FromIterator<TrackKind> for KindSet {
    fn from_iter<I: IntoIterator<Item = TrackKind>>(kinds: I) -> Self {
        let mut set = Self::NONE;
        kinds.into_iter().for_each(|kind| set.insert(kind));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_bit_of_its_own() {
        for kind in TrackKind::ALL {
            let set: KindSet = [*kind].into_iter().collect();
            for other in TrackKind::ALL {
                assert_eq!(set.contains(*other), kind == other);
            }
        }
        assert!(TrackKind::ALL.iter().all(|kind| KindSet::all().contains(*kind)));
    }
}

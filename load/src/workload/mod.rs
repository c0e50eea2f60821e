//! What a load consists of, and how one process carries its share of it.
//!
//! A [`Workload`] says how many sessions there are, who is in each, and what they send. A [`Runner`] brings one process's [`Share`]
//! of the people in, sends and receives for the time of a [`Measure`], and tells an [`Outcome`]; outcomes of several processes
//! [`merge`](Outcome::merge).
//!
//! Who is in a session: presenters first, then receivers, then slow receivers. Presenters send frames, messages and audio to all
//! receivers; the first receivers drive the first presenter by input and write to the log; the last receivers send documents
//! to everybody else.

mod joins;
mod out;
mod outcome;
mod people;
mod person;
mod preset;
mod runner;
mod sender;
mod slow;
mod tally;
mod window;

pub use joins::{JoinLoad, Joins};
pub use outcome::{Outcome, PartOutcome, Slot};
pub use people::{Sessions, Share};
pub use preset::Preset;
pub use runner::{LoadError, Progress, Runner};
pub use slow::Slow;

use isi_wire::{DeliveryClass, TrackKind};
use serde::{Deserialize, Serialize};

/// Bytes on their way at once when a load saturates, unless it is said otherwise.
const BYTES_IN_FLIGHT: u32 = 256 * 1024;
/// Least and most objects on their way at once when a load saturates, unless it is said otherwise.
const OBJECTS_IN_FLIGHT: std::ops::RangeInclusive<u32> = 4..=256;

/// A load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// For people.
    pub name: String,
    /// How many sessions.
    pub sessions: u32,
    /// Receivers in each, without the slow ones.
    pub receivers: u32,
    /// What is sent in each.
    pub parts: Vec<Part>,
    /// One receiver more in each session for each of these; the others' figures are what counts.
    pub slow: Vec<Slow>,
}

/// One kind of traffic in every session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What is sent.
    pub kind: Kind,
    /// How many send it, in each session.
    pub senders: u32,
    /// Bytes of an object, at least a stamp's.
    pub bytes: u32,
    /// How fast.
    pub pace: Pace,
}

/// What is sent, and with that how it is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Frames of a screen: media, from presenters to all receivers.
    Frames,
    /// Small objects: media as well.
    Messages,
    /// Audio: datagrams, from presenters to all receivers.
    Audio,
    /// Keyboard and mouse: input, from receivers to the first presenter.
    Input,
    /// Text: entries of the log, from receivers to everybody else.
    Chat,
    /// Files: bulk, from receivers to everybody else.
    Documents,
}

/// How fast each sender sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// So many objects per second, whatever becomes of them.
    PerSecond(u32),
    /// As fast as they arrive: so many objects are on their way at once.
    InFlight(u32),
}

/// When it is measured, by [`monotonic_ns`](crate::clock::monotonic_ns).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// Objects sent from here on count.
    pub begin_ns: u64,
    /// Nothing is sent from here on.
    pub end_ns: u64,
    /// Deliveries are told per slot of this length.
    pub slot_ns: u64,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Frames, Self::Messages, Self::Audio, Self::Input, Self::Chat, Self::Documents];

    /// Its name in arguments and results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frames => "fanout",
            Self::Messages => "messages",
            Self::Audio => "audio",
            Self::Input => "events",
            Self::Chat => "chat",
            Self::Documents => "documents",
        }
    }

    /// How a relay delivers it.
    #[must_use]
    pub const fn class(self) -> DeliveryClass {
        match self {
            Self::Frames | Self::Messages => DeliveryClass::Media,
            Self::Audio => DeliveryClass::Live,
            Self::Input => DeliveryClass::Input,
            Self::Chat => DeliveryClass::Log,
            Self::Documents => DeliveryClass::Bulk,
        }
    }

    /// What it is on the wire.
    #[must_use]
    pub const fn track(self) -> TrackKind {
        match self {
            Self::Frames | Self::Messages => TrackKind::Screen,
            Self::Audio => TrackKind::Audio,
            Self::Input => TrackKind::Input,
            Self::Chat => TrackKind::Message,
            Self::Documents => TrackKind::Document,
        }
    }

    /// Whether presenters send it, or receivers.
    #[must_use]
    pub const fn is_presented(self) -> bool {
        matches!(self, Self::Frames | Self::Messages | Self::Audio)
    }
}

impl Pace {
    /// Saturating, with as many objects of this size on their way as keep a relay busy and let nothing become stale.
    #[must_use]
    pub fn saturating(bytes: u32) -> Self {
        Self::InFlight(
            (BYTES_IN_FLIGHT / bytes.max(1)).clamp(*OBJECTS_IN_FLIGHT.start(), *OBJECTS_IN_FLIGHT.end()),
        )
    }

    /// Objects per second; `None` when it saturates.
    #[must_use]
    pub const fn per_second(self) -> Option<u32> {
        match self {
            Self::PerSecond(rate) => Some(rate),
            Self::InFlight(_) => None,
        }
    }
}

impl Workload {
    /// Presenters in each session. There is always one: input needs somebody to drive.
    #[must_use]
    pub fn presenters(&self) -> u32 {
        let presented = self.parts.iter().filter(|part| part.kind.is_presented());
        presented.map(|part| part.senders).max().unwrap_or(0).max(1)
    }

    /// People in each session, slow ones included.
    #[must_use]
    pub fn people(&self) -> u32 {
        let slow = u32::try_from(self.slow.len()).unwrap_or(u32::MAX);
        self.presenters().saturating_add(self.receivers).saturating_add(slow)
    }

    /// How many should get each object of a part; the slow do not count.
    #[must_use]
    pub fn due(&self, part: &Part) -> u32 {
        match part.kind {
            Kind::Frames | Kind::Messages | Kind::Audio => self.receivers,
            Kind::Input => 1,
            Kind::Chat | Kind::Documents => (self.presenters() + self.receivers).saturating_sub(1),
        }
    }

    /// Objects per second that all senders of a part together should send; `None` when it saturates.
    #[must_use]
    pub fn asked_per_second(&self, part: &Part) -> Option<f64> {
        let rate = part.pace.per_second()?;
        Some(f64::from(rate) * f64::from(part.senders) * f64::from(self.sessions))
    }

    /// Whether everybody of a session has to be in one process: senders wait for what arrives there.
    #[must_use]
    pub fn keeps_together(&self) -> bool {
        self.parts.iter().any(|part| part.pace.per_second().is_none() || part.kind == Kind::Input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(kind: Kind, senders: u32, pace: Pace) -> Part {
        Part { kind, senders, bytes: 1024, pace }
    }

    #[test]
    fn the_window_follows_the_size() {
        assert_eq!(Pace::saturating(64 * 1024), Pace::InFlight(4));
        assert_eq!(Pace::saturating(1024), Pace::InFlight(256));
        assert_eq!(Pace::saturating(0), Pace::InFlight(256));
        assert_eq!(Pace::saturating(u32::MAX), Pace::InFlight(4));
    }

    #[test]
    fn who_gets_what() {
        let parts = vec![
            part(Kind::Frames, 2, Pace::PerSecond(30)),
            part(Kind::Input, 1, Pace::PerSecond(250)),
            part(Kind::Chat, 3, Pace::PerSecond(1)),
        ];
        let load =
            Workload { name: "mix".into(), sessions: 5, receivers: 8, parts, slow: vec![Slow::Stopped] };
        assert_eq!((load.presenters(), load.people()), (2, 11));
        let due: Vec<_> = load.parts.iter().map(|part| load.due(part)).collect();
        assert_eq!(due, [8, 1, 9]);
        assert_eq!(load.asked_per_second(&load.parts[2]), Some(15.0));
        assert!(load.keeps_together());
    }

    #[test]
    fn a_load_without_presenters_has_one_to_be_driven() {
        let parts = vec![part(Kind::Input, 1, Pace::PerSecond(250))];
        let load = Workload { name: "events".into(), sessions: 1, receivers: 1, parts, slow: vec![] };
        assert_eq!((load.presenters(), load.people()), (1, 2));
    }
}

//! Loads, and how much of them.

use std::time::Duration;

/// Bytes on their way at once when a load saturates: enough to keep every relay busy, and so few that no relay drops any as stale.
const BYTES_IN_FLIGHT: usize = 512 * 1024;
/// Least and most objects on their way at once when a load saturates.
const OBJECTS_IN_FLIGHT: std::ops::RangeInclusive<usize> = 2..=256;

/// What is sent to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Load {
    /// Frames to every receiver as fast as the relay takes them (64 KiB to 8).
    Fanout,
    /// A shared screen: frames to every receiver at a fixed rate (64 KiB at 30 per second to 8).
    Paced,
    /// Messages to every receiver as fast as the relay takes them (1 KiB to 8).
    Messages,
    /// Input: small events to one receiver at a fixed rate (64 bytes at 250 per second).
    Events,
    /// Small frames to a crowd at a fixed rate (4 KiB at 60 per second to 200).
    Small,
    /// Events to somebody who is in a meeting of 8 where nothing else is going on.
    InputAlone,
    /// The same events while the 8 take a shared screen, and the one who takes the events takes a document too, as fast as it
    /// goes. Only ours; runs input-alone beside it.
    #[value(name = "mixed", alias = "input-mixed")]
    InputMixed,
}

/// One load with its figures, and how long it is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What kind.
    pub load: Load,
    /// How many receive.
    pub receivers: usize,
    /// Bytes of each object; at least a stamp's.
    pub frame_bytes: usize,
    /// Objects per second; `None` saturates.
    pub fps: Option<u32>,
    /// Most objects on their way at once: sent, but not yet with every receiver. A paced load that reaches it has lost its oldest.
    pub objects_in_flight_max: usize,
    /// Time before anything counts.
    pub warm_up: Duration,
    /// Time that counts.
    pub measured: Duration,
}

impl Load {
    /// Its name in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fanout => "fanout",
            Self::Paced => "paced",
            Self::Messages => "messages",
            Self::Events => "events",
            Self::Small => "small",
            Self::InputAlone => "input-alone",
            Self::InputMixed => "input-mixed",
        }
    }

    /// Whether it is input amid everything else, with its own way through our relay.
    #[must_use]
    pub const fn is_amid_others(self) -> bool {
        matches!(self, Self::InputAlone | Self::InputMixed)
    }

    /// The load as it is unless the arguments say otherwise.
    #[must_use]
    pub fn plan(self) -> Plan {
        let (receivers, frame_bytes, fps) = match self {
            Self::Fanout => (8, 64 * 1024, None),
            Self::Paced => (8, 64 * 1024, Some(30)),
            Self::Messages => (8, 1024, None),
            Self::Events => (1, 64, Some(250)),
            Self::Small => (200, 4 * 1024, Some(60)),
            Self::InputAlone | Self::InputMixed => (8, 64, Some(250)),
        };
        let mut plan = Plan {
            load: self,
            receivers,
            frame_bytes,
            fps,
            objects_in_flight_max: 0,
            warm_up: Duration::from_millis(500),
            measured: Duration::from_secs(4),
        };
        plan.set_window(None);
        plan
    }
}

impl Plan {
    /// How many of the receivers get the objects that are measured.
    #[must_use]
    pub const fn measured_receivers(&self) -> usize {
        if self.load.is_amid_others() { 1 } else { self.receivers }
    }

    /// How much is on its way at once: as said, or what suits the object's size.
    pub fn set_window(&mut self, objects: Option<usize>) {
        let saturating = || {
            (BYTES_IN_FLIGHT / self.frame_bytes.max(1))
                .clamp(*OBJECTS_IN_FLIGHT.start(), *OBJECTS_IN_FLIGHT.end())
        };
        // Paced: two seconds of it, by when a relay that still has an object is as good as one that lost it.
        let paced = |fps: u32| 2 * usize::try_from(fps).unwrap_or(usize::MAX / 2).max(1);
        self.objects_in_flight_max = objects.unwrap_or_else(|| self.fps.map_or_else(saturating, paced));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_follows_the_size() {
        assert_eq!(Load::Fanout.plan().objects_in_flight_max, 8);
        assert_eq!(Load::Messages.plan().objects_in_flight_max, 256);
        assert_eq!(Load::Paced.plan().objects_in_flight_max, 60);
        let mut plan = Plan { frame_bytes: 4 * 1024 * 1024, ..Load::Fanout.plan() };
        plan.set_window(None);
        assert_eq!(plan.objects_in_flight_max, 2);
        plan.set_window(Some(5));
        assert_eq!(plan.objects_in_flight_max, 5);
    }
}

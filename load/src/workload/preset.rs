use super::{Kind, Pace, Part, Workload};

/// A mix of traffic as people make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// One shows a screen to eight.
    ScreenShare,
    /// One shows a screen to another, who drives it; both talk and write, and a document goes over.
    SupportCall,
    /// One speaks and shows a screen to a thousand, some of whom write.
    TownHall,
    /// Twenty write.
    Chat,
    /// Documents to four, as fast as they go.
    Documents,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 5] =
        [Self::ScreenShare, Self::SupportCall, Self::TownHall, Self::Chat, Self::Documents];

    /// Its name on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ScreenShare => "screen-share",
            Self::SupportCall => "support-call",
            Self::TownHall => "town-hall",
            Self::Chat => "chat",
            Self::Documents => "documents",
        }
    }

    /// The load: one session of it.
    #[must_use]
    pub fn workload(self) -> Workload {
        const KIB: u32 = 1024;
        let part = |kind, senders, bytes, pace| Part { kind, senders, bytes, pace };
        let paced = |kind, senders, bytes, rate| part(kind, senders, bytes, Pace::PerSecond(rate));
        let screen = paced(Kind::Frames, 1, 64 * KIB, 30);
        let voice = paced(Kind::Audio, 1, 160, 50);
        let (receivers, parts) = match self {
            Self::ScreenShare => (8, vec![screen]),
            Self::SupportCall => (
                2,
                vec![
                    screen,
                    voice,
                    paced(Kind::Input, 1, 64, 125),
                    paced(Kind::Chat, 2, 400, 1),
                    paced(Kind::Documents, 1, 64 * KIB, 4),
                ],
            ),
            // The screen of a talk changes little.
            Self::TownHall => {
                (1000, vec![paced(Kind::Frames, 1, 16 * KIB, 5), voice, paced(Kind::Chat, 10, 400, 1)])
            }
            Self::Chat => (20, vec![paced(Kind::Chat, 20, 400, 2)]),
            Self::Documents => (4, vec![part(Kind::Documents, 1, 64 * KIB, Pace::InFlight(4))]),
        };
        Workload { name: self.name().to_owned(), sessions: 1, receivers, parts, slow: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_stay_below_what_a_relay_takes_from_one_client() {
        for preset in Preset::ALL {
            let load = preset.workload();
            assert_eq!(load.name, preset.name());
            assert!(load.people() <= 2048);
            for part in &load.parts {
                let limit = match part.kind {
                    Kind::Audio => 1000,
                    Kind::Chat => 100,
                    _ => u32::MAX,
                };
                assert!(part.pace.per_second().is_none_or(|rate| rate <= limit), "{preset:?}");
                assert!(part.senders <= load.receivers.max(1), "{preset:?}");
            }
        }
    }
}

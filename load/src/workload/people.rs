use super::{Kind, Workload};
use isi_wire::{SessionId, TrackInfo, TrackKind};
use serde::{Deserialize, Serialize};

/// Where a stamp's sender keeps the number of its part.
const PART_SHIFT: u32 = 24;

/// The sessions of a run: random, and the same for all its processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions(pub [u8; 16]);

/// Which part of the people a process carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// From 0.
    pub process: u32,
    /// How many processes there are.
    pub processes: u32,
}

/// What somebody is in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Presenter,
    Receiver,
    /// Number in the list of slow receivers.
    Slow(usize),
}

impl Sessions {
    /// One of them.
    #[must_use]
    pub fn id(&self, session: u32) -> SessionId {
        let mut id = self.0;
        id.iter_mut().zip(session.to_be_bytes()).for_each(|(byte, number)| *byte ^= number);
        SessionId(id)
    }
}

impl Share {
    /// Whether a person of a session is in this process.
    pub(super) const fn has(&self, load: &Workload, together: bool, session: u32, person: u32) -> bool {
        // Where there are few sessions, the people of one are spread.
        let spread =
            if together || load.sessions >= self.processes { session } else { session.wrapping_add(person) };
        spread % (if self.processes == 0 { 1 } else { self.processes }) == self.process
    }
}

impl Role {
    pub(super) fn of(load: &Workload, person: u32) -> Self {
        match person.checked_sub(load.presenters()) {
            None => Self::Presenter,
            Some(receiver) if receiver < load.receivers => Self::Receiver,
            Some(receiver) => Self::Slow(usize::try_from(receiver - load.receivers).unwrap_or(usize::MAX)),
        }
    }

    /// Presenters get documents only; what they present is for the others.
    pub(super) fn wants(self, track: &TrackInfo) -> bool {
        self != Self::Presenter || track.kind == TrackKind::Document
    }
}

/// The number that a person has as a sender of a part; `None` when it sends nothing there.
pub(super) fn sender_index(load: &Workload, part: usize, person: u32) -> Option<u32> {
    let part = load.parts.get(part)?;
    let (presenters, receivers) = (load.presenters(), load.receivers);
    let index = match part.kind {
        Kind::Frames | Kind::Messages | Kind::Audio => person,
        Kind::Input | Kind::Chat => person.checked_sub(presenters)?,
        // The last receiver is the first sender.
        Kind::Documents => (presenters + receivers).checked_sub(person + 1)?,
    };
    let is_of_its_kind = part.kind.is_presented() || Role::of(load, person) == Role::Receiver;
    (is_of_its_kind && index < part.senders).then_some(index)
}

/// A stamp's sender.
pub(super) fn sender_number(load: &Workload, part: usize, session: u32, index: u32) -> u32 {
    let senders = load.parts.get(part).map_or(0, |part| part.senders);
    let within = session.wrapping_mul(senders).wrapping_add(index) & ((1 << PART_SHIFT) - 1);
    u32::try_from(part).unwrap_or(0) << PART_SHIFT | within
}

/// The part that a stamp's sender sends, and its number within the part's senders of a session.
pub(super) fn sender_of(load: &Workload, sender: u32) -> Option<(usize, u32)> {
    let part = usize::try_from(sender >> PART_SHIFT).ok()?;
    let senders = load.parts.get(part)?.senders.max(1);
    Some((part, (sender & ((1 << PART_SHIFT) - 1)) % senders))
}

/// How many subscriptions a person will have when everybody is there.
pub(super) fn subscriptions(load: &Workload, person: u32) -> u64 {
    let role = Role::of(load, person);
    let of_part = |(index, part): (usize, &super::Part)| match part.kind {
        Kind::Frames | Kind::Messages | Kind::Audio => {
            u64::from(role != Role::Presenter) * u64::from(part.senders)
        }
        Kind::Documents => u64::from(part.senders) - u64::from(sender_index(load, index, person).is_some()),
        Kind::Input | Kind::Chat => 0,
    };
    load.parts.iter().enumerate().map(of_part).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Pace, Part, Preset, Slow};

    fn mix() -> Workload {
        let part = |kind, senders| Part { kind, senders, bytes: 64, pace: Pace::PerSecond(1) };
        Workload {
            name: "mix".into(),
            sessions: 3,
            receivers: 4,
            parts: vec![part(Kind::Frames, 2), part(Kind::Chat, 1), part(Kind::Documents, 2)],
            slow: vec![Slow::Stopped],
        }
    }

    #[test]
    fn everybody_has_one_place_and_each_sender_its_own_number() {
        let load = mix();
        let roles: Vec<_> = (0..load.people()).map(|person| Role::of(&load, person)).collect();
        let (presenter, receiver) = (Role::Presenter, Role::Receiver);
        assert_eq!(roles, [presenter, presenter, receiver, receiver, receiver, receiver, Role::Slow(0)]);
        let senders = |part| {
            (0..load.people()).filter_map(|person| sender_index(&load, part, person)).collect::<Vec<_>>()
        };
        assert_eq!((senders(0), senders(1), senders(2)), (vec![0, 1], vec![0], vec![1, 0]));
        assert_eq!(sender_of(&load, sender_number(&load, 2, 2, 1)), Some((2, 1)));
        assert_eq!(sender_of(&load, u32::MAX), None);
    }

    #[test]
    fn subscriptions_are_to_what_others_send() {
        let load = mix();
        let all: Vec<_> = (0..load.people()).map(|person| subscriptions(&load, person)).collect();
        assert_eq!(all, [2, 2, 4, 4, 3, 3, 4]);
    }

    #[test]
    fn processes_share_everybody_without_overlap() {
        for (load, processes) in
            [(mix(), 2), (Preset::TownHall.workload(), 4), (Preset::Documents.workload(), 3)]
        {
            let together = load.keeps_together();
            for session in 0..load.sessions {
                let homes: Vec<Vec<_>> = (0..load.people())
                    .map(|person| {
                        let has = |process: &u32| {
                            Share { process: *process, processes }.has(&load, together, session, person)
                        };
                        (0..processes).filter(has).collect()
                    })
                    .collect();
                assert!(homes.iter().all(|home| home.len() == 1), "{}", load.name);
                assert!(!together || homes.iter().all(|home| *home == homes[0]));
            }
        }
    }

    #[test]
    fn sessions_differ() {
        let sessions = Sessions([7; 16]);
        assert_ne!(sessions.id(0), sessions.id(1));
        assert_eq!(sessions.id(9), Sessions([7; 16]).id(9));
    }
}

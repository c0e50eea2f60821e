use super::salt::SubjectHash;
use crate::encoding::{Malformed, Reader};
use crate::{LeaseEndReason, LeaseScope};
use isi_wire::limits::PARTICIPANTS_PER_SESSION_MAX;
use isi_wire::{TrackId, TrackKind};

/// What one entry of a record states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordFact {
    /// An organizer turned the record on. The first entry, and no other.
    Began {
        /// Who was a member then, in ascending order.
        present: Vec<SubjectHash>,
    },
    /// An organizer turned it off. The last entry.
    Ended,
    /// An organizer let these in, by the commit that led to the entry's epoch.
    Joined(Vec<SubjectHash>),
    /// An organizer took these out, by that commit.
    Gone(Vec<Departure>),
    /// These are the organizers from that commit on, in ascending order.
    Organizers(Vec<SubjectHash>),
    /// The signer lets somebody drive its screen.
    LeaseGranted {
        /// Names the lease.
        lease: [u8; 16],
        /// Who drives.
        driver: SubjectHash,
        /// What it may do; a rectangle is not recorded.
        scope: LeaseScope,
        /// How long at most, in milliseconds.
        duration_ms: u64,
    },
    /// A lease that the signer gave is over.
    LeaseEnded {
        /// Which.
        lease: [u8; 16],
        /// Why.
        reason: LeaseEndReason,
    },
    /// The signer shares: a screen, its camera or its microphone.
    Sharing {
        /// Its number for the track.
        track: TrackId,
        /// What.
        kind: TrackKind,
    },
    /// The signer shares it no more.
    SharingEnded {
        /// Which.
        track: TrackId,
    },
}

/// Somebody who is a member no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Departure {
    /// Who.
    pub who: SubjectHash,
    /// Whether it had asked to leave; otherwise it was removed.
    pub asked: bool,
}

/// Who may state it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Authority {
    Organizer,
    /// It concerns the signer's own doing.
    Oneself,
}

impl RecordFact {
    const BEGAN: u8 = 1;
    const ENDED: u8 = 2;
    const JOINED: u8 = 3;
    const GONE: u8 = 4;
    const ORGANIZERS: u8 = 5;
    const LEASE_GRANTED: u8 = 6;
    const LEASE_ENDED: u8 = 7;
    const SHARING: u8 = 8;
    const SHARING_ENDED: u8 = 9;

    pub(super) const fn authority(&self) -> Authority {
        match self {
            Self::Began { .. } | Self::Ended | Self::Joined(_) | Self::Gone(_) | Self::Organizers(_) => {
                Authority::Organizer
            }
            Self::LeaseGranted { .. }
            | Self::LeaseEnded { .. }
            | Self::Sharing { .. }
            | Self::SharingEnded { .. } => Authority::Oneself,
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Began { present } => put_people(out, Self::BEGAN, present),
            Self::Ended => out.push(Self::ENDED),
            Self::Joined(who) => put_people(out, Self::JOINED, who),
            Self::Gone(who) => {
                put_count(out, Self::GONE, who.len());
                for Departure { who, asked } in who {
                    out.extend_from_slice(&who.0);
                    out.push(u8::from(*asked));
                }
            }
            Self::Organizers(who) => put_people(out, Self::ORGANIZERS, who),
            Self::LeaseGranted { lease, driver, scope, duration_ms } => {
                out.push(Self::LEASE_GRANTED);
                out.extend_from_slice(lease);
                out.extend_from_slice(&driver.0);
                out.push(scope.flags());
                out.extend_from_slice(&duration_ms.to_be_bytes());
            }
            Self::LeaseEnded { lease, reason } => {
                out.push(Self::LEASE_ENDED);
                out.extend_from_slice(lease);
                out.push(*reason as u8);
            }
            Self::Sharing { track, kind } => {
                out.push(Self::SHARING);
                out.extend_from_slice(&track.0.to_be_bytes());
                out.push(*kind as u8);
            }
            Self::SharingEnded { track } => {
                out.push(Self::SHARING_ENDED);
                out.extend_from_slice(&track.0.to_be_bytes());
            }
        }
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match input.u8()? {
            Self::BEGAN => Self::Began { present: get_people(input)? },
            Self::ENDED => Self::Ended,
            Self::JOINED => Self::Joined(get_people(input)?),
            Self::GONE => Self::Gone(get_list(input, |input| {
                Ok(Departure { who: SubjectHash(input.array()?), asked: get_bool(input)? })
            })?),
            Self::ORGANIZERS => Self::Organizers(get_people(input)?),
            Self::LEASE_GRANTED => Self::LeaseGranted {
                lease: input.array()?,
                driver: SubjectHash(input.array()?),
                scope: LeaseScope::from_flags(input.u8()?)?,
                duration_ms: input.u64()?,
            },
            Self::LEASE_ENDED => Self::LeaseEnded {
                lease: input.array()?,
                reason: LeaseEndReason::from_byte(input.u8()?).ok_or(Malformed)?,
            },
            Self::SHARING => {
                let track = TrackId(u32::from_be_bytes(input.array()?));
                let kind = TrackKind::try_from(input.u8()?).map_err(|_| Malformed)?;
                Self::Sharing { track, kind }
            }
            Self::SHARING_ENDED => Self::SharingEnded { track: TrackId(u32::from_be_bytes(input.array()?)) },
            _ => return Err(Malformed),
        })
    }
}

fn put_count(out: &mut Vec<u8>, kind: u8, count: usize) {
    out.push(kind);
    // A session has far fewer members, PARTICIPANTS_PER_SESSION_MAX.
    out.extend_from_slice(&u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes());
}

fn put_people(out: &mut Vec<u8>, kind: u8, who: &[SubjectHash]) {
    put_count(out, kind, who.len());
    who.iter().for_each(|who| out.extend_from_slice(&who.0));
}

fn get_people(input: &mut Reader<'_>) -> Result<Vec<SubjectHash>, Malformed> {
    get_list(input, |input| Ok(SubjectHash(input.array()?)))
}

/// In ascending order, so that a list has one encoding only. The same person may be there twice, by two connections.
fn get_list<T: Ord>(
    input: &mut Reader<'_>,
    get: impl Fn(&mut Reader<'_>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let count = usize::from(input.u16()?);
    if count > PARTICIPANTS_PER_SESSION_MAX {
        return Err(Malformed);
    }
    // Grows as bytes are there: a false count allocates nothing.
    let list = (0..count).map(|_| get(input)).collect::<Result<Vec<_>, _>>()?;
    if list.is_sorted() { Ok(list) } else { Err(Malformed) }
}

fn get_bool(input: &mut Reader<'_>) -> Result<bool, Malformed> {
    match input.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Malformed),
    }
}

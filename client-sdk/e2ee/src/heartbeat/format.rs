use super::{Echo, EpochTag};
use crate::encoding::{Malformed, Reader};
use crate::{LeafIndex, UnixSeconds};

/// What a heartbeat begins with, in a log entry of kind message. No object begins so: the key ids of objects have eight
/// bytes, which their first byte says.
pub const HEARTBEAT_FIRST_BYTE: u8 = 1;
/// Echoes in one heartbeat. Over it the others have their turn in the next.
pub const ECHOES_MAX: usize = 1_024;
/// Pending removals in one heartbeat. Over it the others wait until those are done.
pub const EXPELS_MAX: usize = 64;

/// Vouches in one heartbeat.
pub(super) const VOUCHES_MAX: usize = 4;

pub(super) type ExpelTag = [u8; 8];

/// One organizer's signed word that another one organizes this group: to newcomers, who know only the organizer whom their
/// invitation names, when that one cannot say so itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouch {
    /// Who says so.
    pub by: LeafIndex,
    /// Of whom.
    pub of: LeafIndex,
    pub(crate) until: UnixSeconds,
    pub(crate) signature: [u8; 64],
}

/// A heartbeat that its member has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Whose it is.
    pub leaf: LeafIndex,
    /// In which epoch that member is.
    pub epoch: u64,
    /// Which of the epochs that have this number.
    pub tag: EpochTag,
    /// Rises with each of the member's heartbeats.
    pub sequence: u64,
    /// Heartbeats it has heard.
    pub echoes: Vec<Echo>,
    /// Whom the member wants out of the group; empty where this member cannot tell.
    pub expels: Vec<LeafIndex>,
    /// Vouches that it gives or shows, those that were asked for.
    pub vouches: Vec<Vouch>,
    /// Its own name.
    pub echo: Echo,
}

/// The fields as they stand in the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unsigned {
    pub(super) leaf: LeafIndex,
    pub(super) epoch: u64,
    pub(super) tag: EpochTag,
    pub(super) sequence: u64,
    pub(super) nonce: [u8; 8],
    pub(super) echoes: Vec<Echo>,
    pub(super) expels: Vec<ExpelTag>,
    pub(super) vouches: Vec<Vouch>,
}

impl Unsigned {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![HEARTBEAT_FIRST_BYTE];
        out.extend_from_slice(&self.leaf.0.to_be_bytes());
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&self.tag);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.nonce);
        out.extend_from_slice(&(self.echoes.len() as u16).to_be_bytes());
        self.echoes.iter().for_each(|echo| out.extend_from_slice(&echo.0));
        out.extend_from_slice(&(self.expels.len() as u16).to_be_bytes());
        self.expels.iter().for_each(|tag| out.extend_from_slice(tag));
        out.push(self.vouches.len() as u8);
        for vouch in &self.vouches {
            out.extend_from_slice(&vouch.by.0.to_be_bytes());
            out.extend_from_slice(&vouch.of.0.to_be_bytes());
            out.extend_from_slice(&vouch.until.0.to_be_bytes());
            out.extend_from_slice(&vouch.signature);
        }
        out
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        if reader.u8()? != HEARTBEAT_FIRST_BYTE {
            return Err(Malformed);
        }
        let unsigned = Self {
            leaf: LeafIndex(reader.u16()?),
            epoch: reader.u64()?,
            tag: reader.array()?,
            sequence: reader.u64()?,
            nonce: reader.array()?,
            echoes: list(&mut reader, ECHOES_MAX)?.into_iter().map(Echo).collect(),
            expels: list(&mut reader, EXPELS_MAX)?,
            vouches: vouches(&mut reader)?,
        };
        reader.end()?;
        Ok(unsigned)
    }
}

fn vouches(reader: &mut Reader<'_>) -> Result<Vec<Vouch>, Malformed> {
    let count = usize::from(reader.u8()?);
    if count > VOUCHES_MAX {
        return Err(Malformed);
    }
    let read = |_| {
        Ok(Vouch {
            by: LeafIndex(reader.u16()?),
            of: LeafIndex(reader.u16()?),
            until: UnixSeconds(reader.u64()?),
            signature: reader.array()?,
        })
    };
    (0..count).map(read).collect()
}

fn list(reader: &mut Reader<'_>, max: usize) -> Result<Vec<[u8; 8]>, Malformed> {
    let count = usize::from(reader.u16()?);
    if count > max {
        return Err(Malformed);
    }
    // Not by the claimed count: the bytes may not be there.
    let mut items = Vec::new();
    for _ in 0..count {
        items.push(reader.array()?);
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vouch() -> Vouch {
        Vouch { by: LeafIndex(1), of: LeafIndex(2), until: UnixSeconds(3), signature: [4; 64] }
    }

    fn sample(echoes: usize, expels: usize) -> Unsigned {
        Unsigned {
            leaf: LeafIndex(258),
            epoch: 7,
            tag: [3; 16],
            sequence: u64::MAX,
            nonce: [5; 8],
            echoes: (0..echoes).map(|n| Echo([n as u8; 8])).collect(),
            expels: (0..expels).map(|n| [n as u8; 8]).collect(),
            vouches: vec![vouch(); expels.min(VOUCHES_MAX)],
        }
    }

    #[test]
    fn every_heartbeat_comes_back_and_no_part_of_one() {
        for (echoes, expels) in [(0, 0), (3, 2), (ECHOES_MAX, EXPELS_MAX)] {
            let bytes = sample(echoes, expels).encode();
            assert_eq!(Unsigned::decode(&bytes), Ok(sample(echoes, expels)));
            assert_eq!(Unsigned::decode(&[&bytes[..], &[0]].concat()), Err(Malformed));
            for cut in 0..bytes.len().min(60) {
                assert_eq!(Unsigned::decode(&bytes[..cut]), Err(Malformed), "{cut}");
            }
        }
    }

    #[test]
    fn more_than_a_heartbeat_holds_is_refused() {
        for (echoes, expels) in [(ECHOES_MAX + 1, 0), (0, EXPELS_MAX + 1)] {
            assert_eq!(Unsigned::decode(&sample(echoes, expels).encode()), Err(Malformed));
        }
    }

    #[test]
    fn what_a_heartbeat_weighs() {
        // With its signature of 64 bytes; the numbers in SPEC.md.
        for (echoes, bytes) in [(1, 120), (10, 192), (400, 3_312)] {
            assert_eq!(sample(echoes, 0).encode().len() + 64, bytes);
        }
    }
}

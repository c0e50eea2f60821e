use super::{Echo, EpochTag};
use crate::LeafIndex;
use crate::encoding::{Malformed, Reader};

/// What a heartbeat begins with, in a log entry of kind message. No object begins so: the key ids of objects have eight
/// bytes, which their first byte says.
pub const HEARTBEAT_FIRST_BYTE: u8 = 1;
/// Echoes in one heartbeat. Over it the others have their turn in the next.
pub const ECHOES_MAX: usize = 1_024;
/// Pending removals in one heartbeat. Over it the others wait until those are done.
pub const EXPELS_MAX: usize = 64;

pub(super) type ExpelTag = [u8; 8];

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
        };
        reader.end()?;
        Ok(unsigned)
    }
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

    fn sample(echoes: usize, expels: usize) -> Unsigned {
        Unsigned {
            leaf: LeafIndex(258),
            epoch: 7,
            tag: [3; 16],
            sequence: u64::MAX,
            nonce: [5; 8],
            echoes: (0..echoes).map(|n| Echo([n as u8; 8])).collect(),
            expels: (0..expels).map(|n| [n as u8; 8]).collect(),
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
        for (echoes, bytes) in [(1, 119), (10, 191), (400, 3_311)] {
            assert_eq!(sample(echoes, 0).encode().len() + 64, bytes);
        }
    }
}

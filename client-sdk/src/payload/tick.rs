use super::{PayloadError, Reader};
use isi_wire::TrackId;

/// Screens whose newest frame a tick names. A member that shares more leaves out those it shared first.
pub(crate) const TICK_SCREENS_MAX: usize = 4;

/// Says where the driven side is, to its driver. What the driver does next names it, and is worth nothing once it is old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tick {
    pub(crate) lease: [u8; 16],
    /// Counts the lease's ticks from 1.
    pub(crate) number: u64,
    /// Events of the driver that were dropped so far because they were held back.
    pub(crate) held_back: u64,
    /// The newest frame of each screen that the driven member shares, at most [`TICK_SCREENS_MAX`]: who has not seen
    /// those has not seen where the driven side is.
    pub(crate) frames: Vec<FramePlace>,
}

/// Which frame of a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FramePlace {
    pub(crate) track: TrackId,
    pub(crate) group: u64,
    pub(crate) index: u64,
}

impl Tick {
    /// The plaintext: lease id, number u64, held back u64, then per screen track u32, group u64, index u64.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = [&self.lease[..], &self.number.to_be_bytes(), &self.held_back.to_be_bytes()].concat();
        for frame in self.frames.iter().take(TICK_SCREENS_MAX) {
            out.extend_from_slice(&frame.track.0.to_be_bytes());
            out.extend_from_slice(&frame.group.to_be_bytes());
            out.extend_from_slice(&frame.index.to_be_bytes());
        }
        out
    }

    pub(crate) fn decode(plaintext: &[u8]) -> Result<Self, PayloadError> {
        Reader::whole(plaintext, |reader| {
            let (lease, number, held_back) = (reader.array()?, reader.u64()?, reader.u64()?);
            let mut frames = Vec::new();
            while !reader.is_empty() {
                if frames.len() >= TICK_SCREENS_MAX {
                    return Err(PayloadError::InvalidValue { field: "tick's screens", value: 5 });
                }
                frames.push(FramePlace {
                    track: TrackId(reader.u32()?),
                    group: reader.u64()?,
                    index: reader.u64()?,
                });
            }
            Ok(Self { lease, number, held_back, frames })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick(screens: u32) -> Tick {
        let frame = |track| FramePlace { track: TrackId(track), group: 5, index: u64::MAX };
        Tick { lease: [7; 16], number: 3, held_back: 2, frames: (0..screens).map(frame).collect() }
    }

    #[test]
    fn every_tick_comes_back_and_a_cut_one_does_not() {
        for screens in 0..=4 {
            let tick = tick(screens);
            let bytes = tick.encode();
            assert_eq!(Tick::decode(&bytes).as_ref(), Ok(&tick));
            for cut in 0..bytes.len() {
                assert_ne!(Tick::decode(&bytes[..cut]).as_ref(), Ok(&tick));
            }
        }
    }

    #[test]
    fn more_screens_than_a_tick_has_are_refused() {
        let bytes = [tick(4).encode(), vec![0; 20]].concat();
        assert!(matches!(Tick::decode(&bytes), Err(PayloadError::InvalidValue { .. })));
    }
}

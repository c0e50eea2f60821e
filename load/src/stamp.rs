//! What every payload begins with, so that its receiver knows when it was sent, by whom, and what came before it.

/// Bytes that a stamp takes; no payload of a load is shorter.
pub const STAMP_BYTES: usize = 24;

/// Marks a stamp, so that what is none is not taken for one.
const MARK: [u8; 4] = *b"isi\x01";

/// When a payload was sent, by whom, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// By [`monotonic_ns`](crate::clock::monotonic_ns), just before the payload was given to the transport.
    pub sent_ns: u64,
    /// Number of the sender in its load.
    pub sender: u32,
    /// Number of the payload at its sender, from 0, without gaps.
    pub sequence: u64,
}

impl Stamp {
    /// Writes it to a payload's beginning: mark, sender, time, sequence, big-endian. A payload shorter than [`STAMP_BYTES`] stays as
    /// it is.
    pub fn write(&self, payload: &mut [u8]) {
        let Some(place) = payload.first_chunk_mut::<STAMP_BYTES>() else { return };
        place[0..4].copy_from_slice(&MARK);
        place[4..8].copy_from_slice(&self.sender.to_be_bytes());
        place[8..16].copy_from_slice(&self.sent_ns.to_be_bytes());
        place[16..24].copy_from_slice(&self.sequence.to_be_bytes());
    }

    /// Reads it from a payload's beginning; `None` when that is no stamp.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let rest = payload.strip_prefix(&MARK)?;
        let (sender, rest) = rest.split_first_chunk()?;
        let (sent_ns, rest) = rest.split_first_chunk()?;
        let (sequence, _) = rest.split_first_chunk()?;
        Some(Self {
            sent_ns: u64::from_be_bytes(*sent_ns),
            sender: u32::from_be_bytes(*sender),
            sequence: u64::from_be_bytes(*sequence),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let stamp = Stamp { sent_ns: u64::MAX - 5, sender: 7, sequence: 1 << 40 };
        let mut payload = vec![0xaa; STAMP_BYTES + 10];
        stamp.write(&mut payload);
        assert_eq!(Stamp::read(&payload), Some(stamp));
        assert!(payload.ends_with(&[0xaa; 10]));
    }

    #[test]
    fn what_is_no_stamp_is_not_taken_for_one() {
        let mut payload = [0; STAMP_BYTES];
        assert_eq!(Stamp::read(&payload), None);
        Stamp { sent_ns: 1, sender: 2, sequence: 3 }.write(&mut payload);
        assert_eq!(Stamp::read(&payload[..STAMP_BYTES - 1]), None);
        let mut short = [9; STAMP_BYTES - 1];
        Stamp { sent_ns: 1, sender: 2, sequence: 3 }.write(&mut short);
        assert_eq!(short, [9; STAMP_BYTES - 1]);
    }
}

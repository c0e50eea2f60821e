use crate::codec::{Field, get_list, get_varint_u32};
use crate::limits::REPORTED_RECEIVERS_MAX;
use crate::{DecodeError, ParticipantId, TrackAlias, VARINT_MAX, get_varint, put_varint};
use bytes::Bytes;

/// How a track reaches its receivers, for its publisher: what to make of it is an encoder's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackReport {
    /// Which track.
    pub alias: TrackAlias,
    /// How many receive it.
    pub receivers: u32,
    /// Those with the least rate, slowest first, at most [`REPORTED_RECEIVERS_MAX`]. Only receivers whose path was
    /// measured.
    pub slowest: Vec<ReceiverReport>,
}

/// How one receiver's path does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverReport {
    /// Who.
    pub participant: ParticipantId,
    /// What its path carries, in bits per second.
    pub rate_bps: u64,
    /// Its round trip, in microseconds.
    pub rtt_us: u32,
    /// Packets lost of 1,000 sent, 0 to 1,000.
    pub loss_permille: u16,
    /// Groups of this track (live: datagrams) that it lost since the last report.
    pub dropped: u32,
}

/// Nothing loses more than all.
const LOSS_PERMILLE_MAX: u16 = 1_000;

impl Field for TrackReport {
    fn put(&self, out: &mut Vec<u8>) {
        self.alias.put(out);
        put_varint(out, u64::from(self.receivers));
        put_varint(out, self.slowest.len() as u64);
        self.slowest.iter().for_each(|receiver| receiver.put(out));
    }

    fn get(input: &mut Bytes) -> Result<Self, DecodeError> {
        Ok(Self {
            alias: Field::get(input)?,
            receivers: get_varint_u32(input, "receivers")?,
            slowest: get_list(input, "slowest", REPORTED_RECEIVERS_MAX, Field::get)?,
        })
    }
}

impl Field for ReceiverReport {
    fn put(&self, out: &mut Vec<u8>) {
        self.participant.put(out);
        put_varint(out, self.rate_bps.min(VARINT_MAX));
        put_varint(out, u64::from(self.rtt_us));
        put_varint(out, u64::from(self.loss_permille.min(LOSS_PERMILLE_MAX)));
        put_varint(out, u64::from(self.dropped));
    }

    fn get(input: &mut Bytes) -> Result<Self, DecodeError> {
        Ok(Self {
            participant: Field::get(input)?,
            rate_bps: get_varint(input)?,
            rtt_us: get_varint_u32(input, "rtt_us")?,
            loss_permille: get_loss(input)?,
            dropped: get_varint_u32(input, "dropped")?,
        })
    }
}

fn get_loss(input: &mut Bytes) -> Result<u16, DecodeError> {
    let value = get_varint(input)?;
    u16::try_from(value).ok().filter(|loss| *loss <= LOSS_PERMILLE_MAX).ok_or(DecodeError::TooLarge {
        field: "loss",
        value,
        max: u64::from(LOSS_PERMILLE_MAX),
    })
}

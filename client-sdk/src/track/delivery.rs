use crate::MemberId;
use isi_wire::{ParticipantId, TrackReport};

/// How a track of one's own reaches its receivers, as the relay has measured: a hint for an encoder, at most one per
/// second, and a new one only when something has changed or was dropped. The relay's word, so worth no more than its
/// service: it may slow a sender down, as it may anyway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How many receive the track.
    pub receivers: u32,
    /// Those with the least rate, slowest first, at most 8. Only members whose path was measured.
    pub slowest: Vec<ReceiverPath>,
}

/// How one receiver's path does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverPath {
    /// Who it is.
    pub member: MemberId,
    /// What its path carries, in bits per second.
    pub rate_bps: u64,
    /// Its round trip to the relay, in microseconds.
    pub rtt_us: u32,
    /// Packets lost of 1,000 sent.
    pub loss_permille: u16,
    /// Groups of this track (of a live track: objects) that it lost since the report before.
    pub dropped: u32,
}

impl Delivery {
    /// A connection that no member has claimed is counted, but says nothing about anybody.
    pub(crate) fn new(report: TrackReport, member_of: impl Fn(ParticipantId) -> Option<MemberId>) -> Self {
        let slowest = report.slowest.into_iter().filter_map(|path| {
            Some(ReceiverPath {
                member: member_of(path.participant)?,
                rate_bps: path.rate_bps,
                rtt_us: path.rtt_us,
                loss_permille: path.loss_permille,
                dropped: path.dropped,
            })
        });
        Self { receivers: report.receivers, slowest: slowest.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isi_e2ee::LeafIndex;
    use isi_wire::{ReceiverReport, TrackAlias};

    #[test]
    fn paths_are_those_of_members_and_keep_their_order() {
        let path = |participant, rate_bps| ReceiverReport {
            participant: ParticipantId(participant),
            rate_bps,
            rtt_us: 2,
            loss_permille: 3,
            dropped: 4,
        };
        let slowest = vec![path(5, 10), path(6, 20), path(7, 30)];
        let report = TrackReport { alias: TrackAlias(1), receivers: 9, slowest };
        let member = |leaf| MemberId { leaf: LeafIndex(leaf), since_epoch: 1 };
        let claimed = [(ParticipantId(5), member(50)), (ParticipantId(7), member(70))];
        let delivery =
            Delivery::new(report, |id| claimed.iter().find(|(known, _)| *known == id).map(|(_, m)| *m));
        let seen: Vec<_> = delivery.slowest.iter().map(|path| (path.member, path.rate_bps)).collect();
        assert_eq!((delivery.receivers, seen), (9, vec![(member(50), 10), (member(70), 30)]));
        let ReceiverPath { rtt_us, loss_permille, dropped, .. } = delivery.slowest[0];
        assert_eq!((rtt_us, loss_permille, dropped), (2, 3, 4));
    }
}

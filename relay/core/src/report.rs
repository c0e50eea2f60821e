//! How a track reaches its receivers, for its publisher: the shell measures paths, an encoder adapts.

use crate::arena::Key;
use crate::participant::Participant;
use crate::timers::Timer;
use crate::track::Track;
use crate::{Session, Timestamp};
use isi_wire::limits::REPORTED_RECEIVERS_MAX;
use isi_wire::{DeliveryClass, ParticipantId, ReceiverReport, RelayMessage, TrackAlias, TrackReport};

/// Least time between two reports about a track; what changes in between is told at its end.
pub(crate) const REPORT_INTERVAL_MS_MIN: u64 = 1_000;
/// Packets that a share of losses is computed of. Of fewer it says nothing.
const LOSS_PACKETS_MIN: u64 = 50;

/// So much more or less loss is news.
const LOSS_NEWS_PERMILLE: u16 = 5;

/// What the shell has measured on the path to one receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathReport {
    /// What the path carries, in bits per second.
    pub rate_bps: u64,
    /// The round trip, in microseconds.
    pub rtt_us: u32,
    /// Packets lost since the connection began.
    pub lost_packets: u64,
    /// Packets sent since the connection began.
    pub sent_packets: u64,
}

/// A receiver's path.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Path {
    now: State,
    /// As it was when it last was news: small changes add up.
    told: State,
    lost_packets: u64,
    sent_packets: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    rate_bps: u64,
    rtt_us: u32,
    loss_permille: u16,
}

impl Session {
    /// Takes what the shell has measured on the path to `to`; about once per second is enough. Publishers of the
    /// tracks that `to` receives are told if it is news, each at most once per second and track.
    pub fn report_path(&mut self, _now: Timestamp, to: ParticipantId, report: PathReport) {
        let Some(key) = self.peers.present(to) else { return };
        let peer = &mut self.peers.all[key];
        let is_first = peer.path.is_none();
        let path = peer.path.get_or_insert_default();
        path.take(report);
        if is_first || path.now.is_news_after(path.told) {
            path.told = path.now;
            let aliases: Vec<_> = peer.lanes.keys().copied().collect();
            aliases.into_iter().for_each(|alias| self.want_report(alias));
        }
    }

    /// Has a track's publisher told how it goes, as soon as it may be.
    fn want_report(&mut self, alias: TrackAlias) {
        let Some(track) = self.tracks.get(alias) else { return };
        if !matches!(track.class, DeliveryClass::Input | DeliveryClass::Log) {
            let at = track.reported.map_or(Timestamp::default(), |at| at.plus_ms(REPORT_INTERVAL_MS_MIN));
            self.timers.arm(Timer::Report(alias), at);
        }
    }

    /// The same because of one receiver, if its path was measured: without figures there is nothing to tell.
    pub(crate) fn want_report_of(&mut self, receiver: Key<Participant>, alias: TrackAlias) {
        if self.peers.all[receiver].path.is_some() {
            self.want_report(alias);
        }
    }

    pub(crate) fn report_track(&mut self, now: Timestamp, alias: TrackAlias) {
        let Some(track) = self.tracks.get_mut(alias) else { return };
        let is_first = track.reported.replace(now).is_none();
        let Track { publisher, ref lanes, .. } = *track;
        let receivers = u32::try_from(lanes.len()).unwrap_or(u32::MAX);
        let mut slowest: Vec<_> = lanes.iter().filter_map(|lane| self.peers.report_of(*lane)).collect();
        if slowest.is_empty() && (receivers > 0 || is_first) {
            return;
        }
        slowest.sort_unstable_by_key(|receiver| (receiver.rate_bps, receiver.participant));
        slowest.truncate(REPORTED_RECEIVERS_MAX);
        self.peers.tell(publisher, RelayMessage::TrackReport(TrackReport { alias, receivers, slowest }));
    }
}

impl Path {
    fn take(&mut self, report: PathReport) {
        let sent = report.sent_packets.saturating_sub(self.sent_packets);
        if sent >= LOSS_PACKETS_MIN {
            let lost = report.lost_packets.saturating_sub(self.lost_packets).min(sent);
            // At most 1,000, as no more are lost than sent.
            let permille = u128::from(lost) * 1_000 / u128::from(sent);
            self.now.loss_permille = u16::try_from(permille).unwrap_or(1_000);
            (self.lost_packets, self.sent_packets) = (report.lost_packets, report.sent_packets);
        }
        (self.now.rate_bps, self.now.rtt_us) = (report.rate_bps, report.rtt_us);
    }

    /// For the publisher of a track of which this receiver lost `dropped`.
    pub(crate) const fn report(&self, participant: ParticipantId, dropped: u32) -> ReceiverReport {
        let State { rate_bps, rtt_us, loss_permille } = self.now;
        ReceiverReport { participant, rate_bps, rtt_us, loss_permille, dropped }
    }
}

impl State {
    /// Rates and times always tremble: an eighth is news.
    fn is_news_after(self, before: Self) -> bool {
        self.rate_bps.abs_diff(before.rate_bps) > before.rate_bps / 8
            || self.rtt_us.abs_diff(before.rtt_us) > before.rtt_us / 8
            || self.loss_permille.abs_diff(before.loss_permille) >= LOSS_NEWS_PERMILLE
    }
}

//! A publisher is told how its track reaches its receivers: seldom, and only what is news.

use super::world::{NO_MEDIA, World, id, params};
use crate::{ClassBudget, PathReport, SessionLimits, report::REPORT_INTERVAL_MS_MIN};
use bytes::Bytes;
use isi_wire::{
    Audience, ClientMessage, DeliveryClass, ReceiverReport, RelayMessage, TrackAlias, TrackKind, TrackReport,
};

const FAST: PathReport =
    PathReport { rate_bps: 8_000_000, rtt_us: 10_000, lost_packets: 0, sent_packets: 100 };

fn path(rate_bps: u64) -> PathReport {
    PathReport { rate_bps, ..FAST }
}

impl World {
    fn measured(&mut self, who: u64, report: PathReport) {
        self.session.report_path(self.now, id(who), report);
    }

    /// Reports that `who` was told after the next interval.
    fn reports(&mut self, who: u64) -> Vec<TrackReport> {
        self.later_ms(REPORT_INTERVAL_MS_MIN);
        let reports = self.told(who).into_iter().filter_map(|told| match told {
            RelayMessage::TrackReport(report) => Some(report),
            _ => None,
        });
        reports.collect()
    }

    /// The one report about the only track.
    fn report(&mut self, who: u64) -> TrackReport {
        let mut reports = self.reports(who);
        assert_eq!(reports.len(), 1, "{reports:?}");
        reports.remove(0)
    }
}

fn state(who: u64, rate_bps: u64, dropped: u32) -> ReceiverReport {
    ReceiverReport { participant: id(who), rate_bps, rtt_us: 10_000, loss_permille: 0, dropped }
}

#[test]
fn the_slowest_are_named_slowest_first_and_at_most_eight() {
    let mut world = World::with(12);
    let alias = world.screen();
    for who in 2..=12 {
        world.measured(who, path(1_000_000 * (13 - who)));
    }
    let report = world.report(1);
    let rates: Vec<_> = report.slowest.iter().map(|receiver| receiver.rate_bps / 1_000_000).collect();
    assert_eq!((report.alias, report.receivers), (alias, 11));
    assert_eq!(rates, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(report.slowest[0], state(12, 1_000_000, 0));
    for who in 2..=12 {
        assert_eq!(world.reports(who), [], "it is the publisher's business");
    }
}

#[test]
fn it_comes_at_most_once_per_second_and_only_with_news() {
    let mut world = World::with(2);
    world.screen();
    world.measured(2, FAST);
    world.later_ms(0);
    assert_eq!(world.told(1).len(), 1, "the first at once");
    for step in 1..10 {
        world.measured(2, path(FAST.rate_bps / step));
        world.later_ms(REPORT_INTERVAL_MS_MIN / 10);
        assert_eq!(world.told(1), [], "the next a second later");
    }
    assert_eq!(world.report(1).slowest, [state(2, FAST.rate_bps / 9, 0)], "the newest figures");
    for _ in 0..5 {
        world.measured(2, path(FAST.rate_bps / 9));
        assert_eq!(world.reports(1), [], "nothing new");
    }
}

#[test]
fn rates_tremble_and_small_changes_add_up() {
    let mut world = World::with(2);
    world.screen();
    world.measured(2, FAST);
    world.report(1);
    for rate in [7_500_000, 8_900_000, 7_100_000] {
        world.measured(2, path(rate));
        assert_eq!(world.reports(1), [], "less than an eighth");
    }
    world.measured(2, path(6_900_000));
    assert_eq!(world.report(1).slowest, [state(2, 6_900_000, 0)]);
    world.measured(2, PathReport { rtt_us: 20_000, ..path(6_900_000) });
    assert_eq!(world.report(1).slowest[0].rtt_us, 20_000);
}

#[test]
fn loss_is_that_of_the_packets_since_it_was_last_computed() {
    let mut world = World::with(2);
    world.screen();
    let counts = |lost_packets, sent_packets| PathReport { lost_packets, sent_packets, ..FAST };
    world.measured(2, counts(0, 1_000));
    assert_eq!(world.report(1).slowest[0].loss_permille, 0);
    world.measured(2, counts(10, 1_200));
    assert_eq!(world.report(1).slowest[0].loss_permille, 50);
    world.measured(2, counts(40, 1_240));
    assert_eq!(world.reports(1), [], "too few packets to tell");
    world.measured(2, counts(60, 1_300));
    assert_eq!(world.report(1).slowest[0].loss_permille, 500, "those few are counted now");
    world.measured(2, counts(360, 1_400));
    assert_eq!(world.report(1).slowest[0].loss_permille, 1_000, "more lost than sent");
    world.measured(2, counts(360, 1_500));
    assert_eq!(world.report(1).slowest[0].loss_permille, 0);
    world.measured(2, counts(u64::MAX, u64::MAX));
    assert_eq!(world.report(1).slowest[0].loss_permille, 1_000, "never above all");
    world.measured(2, counts(0, 0));
    assert_eq!(world.reports(1), [], "counters that fall say nothing");
}

#[test]
fn what_was_dropped_is_told_once() {
    let limits =
        SessionLimits { media: ClassBudget { bytes_max: 100, ms_max: 1_000 }, ..SessionLimits::default() };
    let mut world = World::new(limits);
    (1..=3).for_each(|n| drop(world.join(params(n))));
    let alias = world.screen();
    [2, 3].iter().for_each(|who| world.measured(*who, FAST));
    world.report(1);
    for group in 1..=2 {
        let ingress = world.open_media(alias, group);
        for _ in 0..2 {
            world.push(ingress, 90);
            world.pull(3);
        }
    }
    let told = world.report(1);
    assert_eq!(told.slowest, [state(2, FAST.rate_bps, 2), state(3, FAST.rate_bps, 0)]);
    assert_eq!(world.reports(1), []);
    world.measured(2, path(1_000));
    assert_eq!(world.report(1).slowest[0], state(2, 1_000, 0));
}

#[test]
fn a_document_that_was_cut_and_datagrams_that_were_dropped_count_too() {
    let mut world = World::with(2);
    let document = world.publish(1, TrackKind::Document, Audience::One(id(2)));
    let pointer = world.publish(1, TrackKind::Pointer, Audience::One(id(2)));
    world.measured(2, FAST);
    world.reports(1);
    let bulk = world.open(1, document, DeliveryClass::Bulk, 1);
    world.push(bulk, 10);
    for _ in 0..3 {
        world.session.push_datagram(world.now, id(1), pointer, Bytes::from_static(&[1; 20])).unwrap();
    }
    world.later_ms(crate::budgets::BULK.ms_max);
    world.pull(2);
    let mut dropped: Vec<_> =
        world.reports(1).iter().map(|told| (told.alias, told.slowest[0].dropped)).collect();
    dropped.sort();
    assert_eq!(dropped, [(document, 1), (pointer, 3)]);
}

#[test]
fn input_and_paths_that_were_not_measured_are_not_reported() {
    let mut world = World::with(3);
    world.publish(1, TrackKind::Input, Audience::One(id(2)));
    world.measured(2, FAST);
    assert_eq!(world.reports(1), [], "who drives knows how it goes by the ticks it gets");
    let alias = world.publish(1, TrackKind::Screen, Audience::Everyone);
    world.subscribe(3, alias);
    assert_eq!(world.reports(1), []);
    world.subscribe(2, alias);
    let told = world.report(1);
    assert_eq!((told.receivers, told.slowest), (2, vec![state(2, FAST.rate_bps, 0)]));
}

#[test]
fn who_comes_and_goes_is_news_until_nobody_is_left() {
    let mut world = World::with(3);
    let alias = world.screen();
    world.measured(2, path(1_000_000));
    world.measured(3, FAST);
    assert_eq!(world.report(1).receivers, 2);
    world.control(2, ClientMessage::Unsubscribe { alias });
    let told = world.report(1);
    assert_eq!((told.receivers, told.slowest), (1, vec![state(3, FAST.rate_bps, 0)]));
    world.control(3, ClientMessage::Unsubscribe { alias });
    assert_eq!(world.report(1), TrackReport { alias, receivers: 0, slowest: vec![] });
    world.measured(3, path(1));
    assert_eq!(world.reports(1), [], "it receives nothing any more");
    world.control(1, ClientMessage::Unpublish { alias });
    world.pull_with(1, NO_MEDIA);
    assert_eq!(world.session.next_deadline(), None);
}

#[test]
fn strangers_paths_do_nothing() {
    let mut world = World::with(2);
    let alias: TrackAlias = world.screen();
    world.measured(99, FAST);
    world.control(2, ClientMessage::Leave);
    world.measured(2, FAST);
    assert_eq!(world.reports(1), []);
    assert!(world.session.tracks.get(alias).is_some());
}

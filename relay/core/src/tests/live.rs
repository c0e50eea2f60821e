//! Live: datagrams, newest wins, what is dropped is counted and told.

use super::world::{World, id, params};
use crate::{ClassBudget, SessionLimits, Write, WriteRoom};
use bytes::Bytes;
use isi_wire::{Audience, CloseCode, RelayMessage, TrackAlias, TrackKind};

const NO_DATAGRAM: WriteRoom = WriteRoom { datagram: false, ..WriteRoom::ALL };

fn world() -> (World, TrackAlias) {
    let live = ClassBudget { bytes_max: 30, ms_max: 100 };
    let mut world = World::new(SessionLimits { live, ..SessionLimits::default() });
    (1..=3).for_each(|n| drop(world.join(params(n))));
    let alias = world.publish(1, TrackKind::Pointer, Audience::Everyone);
    [2, 3].iter().for_each(|who| world.subscribe(*who, alias));
    [2, 3].iter().for_each(|who| world.pull(*who));
    (world, alias)
}

fn send(world: &mut World, alias: TrackAlias, n: u8) {
    world.session.push_datagram(world.now, id(1), alias, Bytes::from(vec![n; 10])).unwrap();
}

fn got(world: &World, who: u64) -> Vec<u8> {
    world.inboxes[&id(who)].datagrams.iter().map(|datagram| datagram[0]).collect()
}

#[test]
fn everybody_gets_them_in_order_and_then_nothing_is_held() {
    let (mut world, alias) = world();
    (1..=3).for_each(|n| send(&mut world, alias, n));
    assert_eq!(world.resident(), 30, "held once");
    [2, 3].iter().for_each(|who| world.pull(*who));
    assert_eq!((got(&world, 2), got(&world, 3)), (vec![1, 2, 3], vec![1, 2, 3]));
    assert_eq!(world.resident(), 0);
}

#[test]
fn over_the_bytes_the_oldest_are_dropped_for_the_slow_one_only() {
    let (mut world, alias) = world();
    for n in 1..=8 {
        send(&mut world, alias, n);
        world.pull(2);
        world.pull_with(3, NO_DATAGRAM);
    }
    assert!(world.resident() <= 30);
    world.pull(3);
    assert_eq!(got(&world, 2), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(got(&world, 3), [6, 7, 8]);
    assert!(world.inboxes[&id(3)].control.contains(&RelayMessage::Dropped { alias, count: 5 }));
    assert!(!world.inboxes[&id(2)].control.iter().any(|told| matches!(told, RelayMessage::Dropped { .. })));
    assert_eq!(world.session.stats().datagrams_dropped, 5);
}

#[test]
fn what_has_waited_too_long_is_not_sent_any_more() {
    let (mut world, alias) = world();
    send(&mut world, alias, 1);
    world.later_ms(60);
    send(&mut world, alias, 2);
    world.later_ms(40);
    assert_eq!(world.resident(), 10);
    world.pull(2);
    assert_eq!(got(&world, 2), [2]);
    world.later_ms(100);
    assert_eq!(world.resident(), 0);
    world.pull(3);
    assert_eq!(got(&world, 3), []);
    assert_eq!(world.inboxes[&id(3)].control.last(), Some(&RelayMessage::Dropped { alias, count: 2 }));
    assert_eq!(world.session.next_deadline(), None);
}

#[test]
fn a_late_subscriber_gets_the_next_one_and_an_early_leaver_holds_nothing() {
    let (mut world, alias) = world();
    send(&mut world, alias, 1);
    world.join(params(4));
    world.subscribe(4, alias);
    send(&mut world, alias, 2);
    for leaver in [2, 3] {
        world.control(leaver, isi_wire::ClientMessage::Unsubscribe { alias });
    }
    assert_eq!(world.resident(), 10);
    world.pull(4);
    assert_eq!(got(&world, 4), [2]);
    assert_eq!(world.resident(), 0);
}

#[test]
fn datagrams_wait_for_input_and_log_but_not_for_media() {
    let (mut world, alias) = world();
    let screen = world.screen();
    let ingress = world.open_media(screen, 1);
    world.push(ingress, 10);
    send(&mut world, alias, 1);
    world.pull_with(2, super::world::NO_MEDIA);
    assert_eq!(world.pull_one(2, WriteRoom::ALL), Some(Write::Datagram(Bytes::from(vec![1; 10]))));
}

#[test]
fn only_the_publisher_of_a_live_track_may_send() {
    let (mut world, alias) = world();
    let screen = world.screen();
    let datagram = Bytes::from_static(b"x");
    let mut push = |from, alias| {
        world
            .session
            .push_datagram(world.now, id(from), alias, datagram.clone())
            .map_err(|refused| refused.code)
    };
    assert_eq!(push(2, alias), Err(CloseCode::Forbidden));
    assert_eq!(push(1, screen), Err(CloseCode::ProtocolViolation));
    assert_eq!(push(1, TrackAlias(99)), Err(CloseCode::ProtocolViolation));
}

//! The books that a session keeps, checked against what it holds.

use crate::Session;
use crate::group::GroupState;
use std::collections::BTreeSet;

/// What must hold between any two calls.
pub(super) fn check(session: &Session) {
    let groups: usize = session.groups.iter().map(|(_, group)| group.buffer.bytes()).sum();
    let datagrams: usize = session.tracks.iter().map(|track| track.datagrams.bytes()).sum();
    let stats = session.stats();
    assert_eq!(stats.resident_bytes, groups + datagrams, "resident bytes are the sum of all buffers");
    assert_eq!(stats.log_bytes, session.log.counted_bytes());
    assert!(stats.resident_bytes <= session.limits.resident_bytes_max);
    assert!(stats.total_bytes_peak <= session.limits.total_bytes_max());
    for (key, group) in session.groups.iter() {
        let cursors = || group.egresses.iter().map(|egress| session.egresses[*egress].cursor);
        assert!(
            group.buffer.bytes() == 0 || cursors().any(|cursor| group.buffer.is_last(cursor)),
            "held for somebody"
        );
        for (slot, egress) in group.egresses.iter().enumerate() {
            assert_eq!(session.egresses[*egress].slot, slot);
        }
        assert!(group.state != GroupState::Finished || !group.egresses.is_empty());
        let is_listed = session.tracks.get(group.alias).is_some_and(|track| track.groups.contains(&key));
        assert_eq!(is_listed, !matches!(group.state, GroupState::Stopped(_)));
    }
    for (key, egress) in session.egresses.iter() {
        assert!(session.groups[egress.group].egresses.contains(&key));
        assert!(session.peers.lanes[egress.lane].egresses.contains(&key));
    }
    for (key, lane) in session.peers.lanes.iter() {
        assert!(session.tracks.get(lane.alias).is_some_and(|track| track.lanes.contains(&key)));
        assert_eq!(session.peers.all[lane.receiver].lanes.get(&lane.alias), Some(&key));
        assert_eq!(session.tracks.get(lane.alias).map(|track| track.lanes[lane.slot]), Some(key));
        let opened = lane.egresses.iter().map(|egress| session.egresses[*egress].opened);
        assert!(opened.is_sorted_by(|before, after| before >= after), "groups of a lane open in order");
    }
    check_peers(session);
}

/// Each participant's own bounds, and the books kept for them.
fn check_peers(session: &Session) {
    let limits = session.limits();
    for (key, peer) in session.peers.all.iter() {
        assert!(peer.outbox.control.len() <= limits.control_messages_max);
        let groups = session.groups.iter().map(|(_, group)| group).filter(|group| group.publisher == key);
        let datagrams = session.tracks.iter().filter(|track| track.publisher == key);
        let held = groups.map(|group| group.buffer.bytes()).sum::<usize>()
            + datagrams.map(|track| track.datagrams.bytes()).sum::<usize>();
        assert_eq!(peer.held_bytes, held, "bytes held of one publisher");
        assert!(held <= limits.resident_bytes_per_publisher_max);
        let egresses = session.egresses.iter().map(|(_, egress)| egress);
        let mine = egresses.filter(|egress| session.peers.lanes[egress.lane].receiver == key);
        let waiting: usize = mine.map(|egress| egress.backlog(&session.groups[egress.group])).sum();
        assert_eq!(peer.waiting_bytes, waiting, "bytes that wait for one receiver");
        assert!(waiting <= limits.waiting_bytes_per_receiver_max);
        for starved in [&peer.starved, &session.starved] {
            assert_eq!(starved.iter().collect::<BTreeSet<_>>().len(), starved.len(), "each once");
        }
    }
    let held = session.egresses.iter().filter(|(_, egress)| egress.held).count();
    assert_eq!(session.stats().streams_held, held);
}

use crate::resident::ResidenceStats;
use crate::transport::SocketStats;
use isi_relay_core::SessionStats;
use isi_wire::CloseCode;
use std::sync::atomic::{AtomicU64, Ordering};

/// The node's figures at one moment. Nothing here tells who anybody is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeStats {
    /// Sessions on this node.
    pub sessions: u64,
    /// Peers in a session.
    pub participants: u64,
    /// Connections, handshaking ones included.
    pub connections: u64,
    /// Peers that came in, since the start.
    pub joins: u64,
    /// Ciphertext in the node, and how long it stays.
    pub residence: ResidenceStats,
    /// What the UDP socket did.
    pub socket: SocketStats,
    /// All sessions together: what those that exist hold, what all since the start have counted, and the highest peak of any
    /// one that exists.
    pub session_totals: SessionStats,
    /// Connections refused before they were in a session, by code, since the start.
    pub refused: Vec<(CloseCode, u64)>,
    /// Connections that were in a session and ended, by code, since the start.
    pub ended: Vec<(CloseCode, u64)>,
    /// Incoming connections turned away before their handshake, since the start.
    pub turned_away: u64,
    /// What each worker has to do; one, when one thread does everything.
    pub workers: Vec<WorkerStats>,
}

/// One worker's figures at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerStats {
    /// Sessions that live on it.
    pub sessions: u64,
    /// Peers in these sessions.
    pub participants: u64,
    /// Connections that it drives, with those whose handshake it does for whatever session it will be.
    pub connections: u64,
    /// Tasks of its runtime.
    pub tasks: u64,
}

impl NodeStats {
    /// Connections ended with `code` since the start, in a session or not.
    #[must_use]
    pub fn closed_with(&self, code: CloseCode) -> u64 {
        self.refused
            .iter()
            .chain(&self.ended)
            .filter(|(known, _)| *known == code)
            .map(|(_, count)| count)
            .sum()
    }
}

/// Plain counters; every connection adds to them.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    participants: AtomicU64,
    joins: AtomicU64,
    turned_away: AtomicU64,
    refused: [AtomicU64; CloseCode::ALL.len()],
    ended: [AtomicU64; CloseCode::ALL.len()],
}

impl Counters {
    pub(crate) fn turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refused(&self, code: CloseCode) {
        add(&self.refused, code);
    }

    pub(crate) fn entered(&self) {
        self.participants.fetch_add(1, Ordering::Relaxed);
        self.joins.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn left(&self, code: CloseCode) {
        self.participants.fetch_sub(1, Ordering::Relaxed);
        add(&self.ended, code);
    }

    /// Fills in what is counted here.
    pub(crate) fn report(&self, stats: &mut NodeStats) {
        stats.participants = self.participants.load(Ordering::Relaxed);
        stats.joins = self.joins.load(Ordering::Relaxed);
        stats.turned_away = self.turned_away.load(Ordering::Relaxed);
        stats.refused = by_code(&self.refused);
        stats.ended = by_code(&self.ended);
    }
}

fn add(counters: &[AtomicU64], code: CloseCode) {
    // Codes count up from 0 in the order of `ALL`.
    if let Some(counter) = counters.get(code as usize) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

fn by_code(counters: &[AtomicU64]) -> Vec<(CloseCode, u64)> {
    CloseCode::ALL
        .iter()
        .copied()
        .zip(counters.iter().map(|counter| counter.load(Ordering::Relaxed)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_close_code_has_a_counter_of_its_own() {
        let counters = Counters::default();
        for (index, code) in CloseCode::ALL.iter().enumerate() {
            assert_eq!(*code as usize, index);
            (0..=index).for_each(|_| counters.refused(*code));
        }
        let mut stats = NodeStats::default();
        counters.report(&mut stats);
        for (index, code) in CloseCode::ALL.iter().enumerate() {
            assert_eq!(stats.closed_with(*code), index as u64 + 1);
        }
    }
}

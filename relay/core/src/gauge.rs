//! The books of what is in memory. Everything that holds ciphertext is made to keep them.

use crate::arena::Key;
use crate::participant::Participant;
use crate::{ByClass, Session};
use isi_wire::DeliveryClass;

/// Ciphertext in memory now, and the most there ever was.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    /// Group streams and datagrams.
    streams: usize,
    classes: ByClass<usize>,
    peak: usize,
}

impl Gauge {
    /// Group streams and datagrams.
    pub(crate) const fn streams(&self) -> usize {
        self.streams
    }

    pub(crate) const fn class(&self, class: DeliveryClass) -> usize {
        *self.classes.get(class)
    }

    pub(crate) const fn log(&self) -> usize {
        self.classes.log
    }

    pub(crate) const fn peak(&self) -> usize {
        self.peak
    }

    pub(crate) fn add_log(&mut self, bytes: usize) {
        self.classes.log += bytes;
        self.peak = self.peak.max(self.streams + self.classes.log);
    }

    pub(crate) fn sub_log(&mut self, bytes: usize) {
        self.classes.log -= bytes;
    }
}

impl Session {
    /// Bytes of `publisher` are held from now on.
    pub(crate) fn hold(&mut self, publisher: Key<Participant>, class: DeliveryClass, bytes: usize) {
        self.peers.all[publisher].held_bytes += bytes;
        *self.gauge.classes.get_mut(class) += bytes;
        self.gauge.streams += bytes;
        self.gauge.peak = self.gauge.peak.max(self.gauge.streams + self.gauge.classes.log);
    }

    /// Bytes of `publisher` are with everybody, or given up. Bulk that waited for that goes on.
    pub(crate) fn free(&mut self, publisher: Key<Participant>, class: DeliveryClass, bytes: usize) {
        if bytes > 0 {
            self.peers.all[publisher].held_bytes -= bytes;
            *self.gauge.classes.get_mut(class) -= bytes;
            self.gauge.streams -= bytes;
            self.wake_starved();
            self.wake_starved_of(publisher);
        }
    }

    /// Bytes wait no more for `receiver`: it has them, or does not get them. Bulk that waited for that goes on.
    pub(crate) fn waits_no_more(&mut self, receiver: Key<Participant>, bytes: usize) {
        if bytes > 0 {
            self.peers.all[receiver].waiting_bytes -= bytes;
            self.wake_starved_of(receiver);
        }
    }
}

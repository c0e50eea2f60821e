use isi_wire::DeliveryClass;

/// One figure per delivery class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByClass<T> {
    /// Keyboard and clicks.
    pub input: T,
    /// Datagrams.
    pub live: T,
    /// The log.
    pub log: T,
    /// Screen and video.
    pub media: T,
    /// Documents.
    pub bulk: T,
}

impl<T> ByClass<T> {
    /// The figure of `class`.
    #[must_use]
    pub const fn get(&self, class: DeliveryClass) -> &T {
        match class {
            DeliveryClass::Input => &self.input,
            DeliveryClass::Live => &self.live,
            DeliveryClass::Log => &self.log,
            DeliveryClass::Media => &self.media,
            DeliveryClass::Bulk => &self.bulk,
        }
    }

    /// The figure of `class`, to change it.
    pub const fn get_mut(&mut self, class: DeliveryClass) -> &mut T {
        match class {
            DeliveryClass::Input => &mut self.input,
            DeliveryClass::Live => &mut self.live,
            DeliveryClass::Log => &mut self.log,
            DeliveryClass::Media => &mut self.media,
            DeliveryClass::Bulk => &mut self.bulk,
        }
    }
}

/// What a session has carried of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassStats {
    /// Ciphertext in memory now, in bytes.
    pub resident_bytes: usize,
    /// Accepted from senders, in bytes. Of the log: as sequenced, frame included.
    pub bytes_in: u64,
    /// Handed to writers, in bytes.
    pub bytes_out: u64,
    /// Groups cut over budget or as stale, counted per receiver.
    pub groups_reset: u64,
}

/// Counters of a session. No label here names anybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionStats {
    /// Participants now.
    pub participants: usize,
    /// Tracks now.
    pub tracks: usize,
    /// Streams to receivers that the shell holds back now.
    pub streams_held: usize,
    /// Ciphertext of groups and datagrams in memory now.
    pub resident_bytes: usize,
    /// Ciphertext of the log in memory now, Welcomes included.
    pub log_bytes: usize,
    /// Most of both at any time.
    pub total_bytes_peak: usize,
    /// Chunks and datagrams accepted, in bytes.
    pub bytes_in: u64,
    /// Chunks and datagrams handed to writers, in bytes.
    pub bytes_out: u64,
    /// The same by class, the log's entries as well.
    pub classes: ByClass<ClassStats>,
    /// Input tracks closed over budget.
    pub input_tracks_closed: u64,
    /// Datagrams not delivered, counted per receiver.
    pub datagrams_dropped: u64,
    /// Media and bulk groups reset over budget or as stale, counted per receiver.
    pub groups_reset: u64,
    /// Log entries not delivered, counted per receiver.
    pub log_entries_skipped: u64,
    /// Entries the log has sequenced.
    pub log_entries: u64,
    /// Keyframes asked of publishers.
    pub keyframe_requests: u64,
    /// Times an ingress was told to wait.
    pub backpressure: u64,
}

impl SessionStats {
    /// Adds what another session holds now: to sum up those that exist.
    pub fn add_held(&mut self, other: &Self) {
        self.participants += other.participants;
        self.tracks += other.tracks;
        self.streams_held += other.streams_held;
        self.resident_bytes += other.resident_bytes;
        self.log_bytes += other.log_bytes;
        self.total_bytes_peak = self.total_bytes_peak.max(other.total_bytes_peak);
        for class in DeliveryClass::ALL {
            self.classes.get_mut(*class).resident_bytes += other.classes.get(*class).resident_bytes;
        }
    }

    /// Adds what another session has counted since it began: to sum up all there ever were.
    pub fn add_counted(&mut self, other: &Self) {
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.input_tracks_closed += other.input_tracks_closed;
        self.datagrams_dropped += other.datagrams_dropped;
        self.groups_reset += other.groups_reset;
        self.log_entries_skipped += other.log_entries_skipped;
        self.log_entries += other.log_entries;
        self.keyframe_requests += other.keyframe_requests;
        self.backpressure += other.backpressure;
        for class in DeliveryClass::ALL {
            let (sum, more) = (self.classes.get_mut(*class), other.classes.get(*class));
            sum.bytes_in += more.bytes_in;
            sum.bytes_out += more.bytes_out;
            sum.groups_reset += more.groups_reset;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every field is set, so that one that is forgotten in a sum is found.
    fn figures() -> SessionStats {
        let class = ClassStats { resident_bytes: 1, bytes_in: 2, bytes_out: 3, groups_reset: 4 };
        SessionStats {
            participants: 5,
            tracks: 6,
            streams_held: 7,
            resident_bytes: 8,
            log_bytes: 9,
            total_bytes_peak: 10,
            bytes_in: 11,
            bytes_out: 12,
            classes: ByClass { input: class, live: class, log: class, media: class, bulk: class },
            input_tracks_closed: 13,
            datagrams_dropped: 14,
            groups_reset: 15,
            log_entries_skipped: 16,
            log_entries: 17,
            keyframe_requests: 18,
            backpressure: 19,
        }
    }

    #[test]
    fn what_is_held_and_what_was_counted_are_all_there_is() {
        let mut sum = SessionStats::default();
        sum.add_held(&figures());
        sum.add_counted(&figures());
        assert_eq!(sum, figures());
        sum.add_held(&figures());
        sum.add_counted(&figures());
        assert_eq!((sum.total_bytes_peak, sum.classes.media.bytes_out, sum.backpressure), (10, 6, 38));
    }
}

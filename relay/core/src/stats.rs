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
    /// Accepted from senders, in bytes.
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

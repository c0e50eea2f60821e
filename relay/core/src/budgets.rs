//! Every bound of a session with its default. Unit and drop rule stand beside each; a node may configure all of
//! them through [`SessionLimits`].

use isi_wire::DeliveryClass;
use isi_wire::limits::{
    LOG_ITEM_BYTES_MAX, OBJECT_BYTES_MAX, PARTICIPANTS_PER_SESSION_MAX, TRACKS_PER_SESSION_MAX,
    WELCOME_BYTES_MAX, WELCOME_RESIDENCE_MS_MAX,
};

/// Input waiting for its receiver. Over it the track is closed and both sides are told: nothing that would
/// arrive late or with holes may move somebody's mouse.
pub const INPUT: ClassBudget = ClassBudget { bytes_max: 64 * 1024, ms_max: 2_000 };
/// Datagrams of one track waiting for a receiver. Over it the oldest are dropped and counted.
pub const LIVE: ClassBudget = ClassBudget { bytes_max: 32 * 1024, ms_max: 200 };
/// Media of one track waiting for a receiver: two of the largest objects. Over the bytes groups that have not begun
/// are left out up to the newest; then, and over the time, the oldest group is reset, and a keyframe asked for if
/// that was the newest.
pub const MEDIA: ClassBudget = ClassBudget { bytes_max: 2 * OBJECT_BYTES_MAX, ms_max: 3_000 };
/// Bulk of one group waiting for a receiver. Over the bytes the sender waits; a receiver that lets them lie
/// for the time is reset, and may resume from its offset.
pub const BULK: ClassBudget = ClassBudget { bytes_max: 1024 * 1024, ms_max: 10_000 };
/// Log entries waiting for one receiver: the largest Welcome and the largest of the others. Over it the oldest are skipped
/// and the gap told.
pub const LOG_RECEIVER_BYTES_MAX: usize = WELCOME_BYTES_MAX + LOG_ITEM_BYTES_MAX;
/// Log entries kept for everyone and for those who come back. Over it the oldest go.
pub const LOG_RECENT: ClassBudget = ClassBudget { bytes_max: 4 * LOG_ITEM_BYTES_MAX, ms_max: 60_000 };
/// Welcomes kept until acknowledged, each once for all whom its commit adds: four of the largest. Over the bytes a commit is
/// refused (`Limit`); over the time they go.
pub const WELCOMES: ClassBudget =
    ClassBudget { bytes_max: 4 * WELCOME_BYTES_MAX, ms_max: WELCOME_RESIDENCE_MS_MAX };
/// Ciphertext of group streams and datagrams in memory. Over it the oldest media is reset, bulk waits at half.
pub const RESIDENT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Of it, what one participant's tracks may hold. Over it the oldest media of those tracks is reset, their bulk
/// waits at half, their datagrams are dropped, and input that finds no room closes its track.
pub const RESIDENT_BYTES_PER_PUBLISHER_MAX: usize = 32 * 1024 * 1024;
/// Groups of all tracks waiting for one receiver. Over it the oldest media is reset for that receiver; bulk waits
/// at half of it. Datagrams and the log have bounds of their own.
pub const WAITING_BYTES_PER_RECEIVER_MAX: usize = 16 * 1024 * 1024;
/// Control messages waiting for one participant. Over it the participant is closed (`Flood`).
pub const CONTROL_MESSAGES_MAX: usize = 2 * PARTICIPANTS_PER_SESSION_MAX;
/// Tracks of one participant at a time; more are refused (`Limit`).
pub const TRACKS_PER_PARTICIPANT_MAX: usize = 64;
/// Groups of one track at a time, open or not yet with every receiver: two seconds of groups of one frame. Media:
/// the oldest that nobody has in transfer is reset, or else the oldest; input and bulk: another one is refused.
pub const GROUPS_PER_TRACK_MAX: usize = 64;
/// Groups of one media track that come in at a time. Over it the oldest is stopped: its sender cannot get them
/// through. An honest one has two open for the moment between them.
pub const OPEN_GROUPS_PER_TRACK_MAX: usize = 4;
/// A media group that waits this long to begin, while a newer one is there, shows that its receiver is behind: of
/// the groups that have not begun it gets only the newest. One that keeps up and had no turn yet loses nothing.
pub const SUPERSEDED_MS_MIN: u64 = 250;
/// Subjects barred by a kick; further kicks are refused (`Limit`).
pub const BARRED_SUBJECTS_MAX: usize = 4096;
/// Participants from which on arrivals are told together: each costs a message to everybody, and one that is sent by itself a
/// packet and a writer's turn.
pub const CROWD_MIN: usize = 64;
/// How long an arrival waits in a crowd for others to be told with it. Whatever else a writer has to send takes it along.
pub const ARRIVALS_TOLD_MS: u64 = 50;
/// Tracks a participant may announce per second: each costs a message to everybody. More are refused
/// (`Limit`).
pub const ANNOUNCEMENTS_PER_SECOND_MAX: u64 = 16;
/// Tracks it may announce at once.
pub const ANNOUNCEMENTS_BURST_MAX: u64 = 128;
/// Commits per second of a participant that is no organizer: fresh keys of its own. More are refused (`Limit`), so that nobody
/// keeps organizers from theirs.
pub const MEMBER_COMMITS_PER_SECOND_MAX: u64 = 1;
/// Such commits at once.
pub const MEMBER_COMMITS_BURST_MAX: u64 = 4;
/// A sender with a rate in its token may send a second's worth at once, or this: a keyframe must pass.
pub const SEND_BURST_BYTES_MIN: u64 = 256 * 1024;
/// Least time between two keyframe requests for a track; what is wanted in between is asked at its end.
pub const KEYFRAME_INTERVAL_MS_MIN: u64 = 500;

/// What may wait, and for how long. Reaching a bound is allowed, passing it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassBudget {
    /// In bytes.
    pub bytes_max: usize,
    /// In milliseconds.
    pub ms_max: u64,
}

/// All bounds of a session. [`Default`] gives those of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// See [`PARTICIPANTS_PER_SESSION_MAX`]; more are refused to join (`Full`). Not above it: the wire cannot
    /// list more.
    pub participants_max: usize,
    /// See [`TRACKS_PER_SESSION_MAX`]; more are refused (`Limit`). Not above it.
    pub tracks_max: usize,
    /// See [`TRACKS_PER_PARTICIPANT_MAX`].
    pub tracks_per_participant_max: usize,
    /// See [`GROUPS_PER_TRACK_MAX`].
    pub groups_per_track_max: usize,
    /// See [`SUPERSEDED_MS_MIN`].
    pub superseded_ms_min: u64,
    /// See [`CONTROL_MESSAGES_MAX`].
    pub control_messages_max: usize,
    /// See [`BARRED_SUBJECTS_MAX`].
    pub barred_subjects_max: usize,
    /// See [`KEYFRAME_INTERVAL_MS_MIN`].
    pub keyframe_interval_ms_min: u64,
    /// See [`RESIDENT_BYTES_MAX`].
    pub resident_bytes_max: usize,
    /// See [`RESIDENT_BYTES_PER_PUBLISHER_MAX`].
    pub resident_bytes_per_publisher_max: usize,
    /// See [`WAITING_BYTES_PER_RECEIVER_MAX`].
    pub waiting_bytes_per_receiver_max: usize,
    /// See [`INPUT`].
    pub input: ClassBudget,
    /// See [`LIVE`].
    pub live: ClassBudget,
    /// See [`MEDIA`].
    pub media: ClassBudget,
    /// See [`BULK`].
    pub bulk: ClassBudget,
    /// See [`LOG_RECENT`].
    pub log_recent: ClassBudget,
    /// See [`LOG_RECEIVER_BYTES_MAX`].
    pub log_receiver_bytes_max: usize,
    /// See [`WELCOMES`].
    pub welcomes: ClassBudget,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            participants_max: PARTICIPANTS_PER_SESSION_MAX,
            tracks_max: TRACKS_PER_SESSION_MAX,
            tracks_per_participant_max: TRACKS_PER_PARTICIPANT_MAX,
            groups_per_track_max: GROUPS_PER_TRACK_MAX,
            superseded_ms_min: SUPERSEDED_MS_MIN,
            control_messages_max: CONTROL_MESSAGES_MAX,
            barred_subjects_max: BARRED_SUBJECTS_MAX,
            keyframe_interval_ms_min: KEYFRAME_INTERVAL_MS_MIN,
            resident_bytes_max: RESIDENT_BYTES_MAX,
            resident_bytes_per_publisher_max: RESIDENT_BYTES_PER_PUBLISHER_MAX,
            waiting_bytes_per_receiver_max: WAITING_BYTES_PER_RECEIVER_MAX,
            input: INPUT,
            live: LIVE,
            media: MEDIA,
            bulk: BULK,
            log_recent: LOG_RECENT,
            log_receiver_bytes_max: LOG_RECEIVER_BYTES_MAX,
            welcomes: WELCOMES,
        }
    }
}

impl SessionLimits {
    /// Most ciphertext a session holds at a time, log included.
    #[must_use]
    pub const fn total_bytes_max(&self) -> usize {
        self.resident_bytes_max + self.log_recent.bytes_max + self.welcomes.bytes_max
    }

    /// The budget of a class of tracks.
    pub(crate) const fn class(&self, class: DeliveryClass) -> ClassBudget {
        match class {
            DeliveryClass::Input => self.input,
            DeliveryClass::Live => self.live,
            DeliveryClass::Log => self.log_recent,
            DeliveryClass::Media => self.media,
            DeliveryClass::Bulk => self.bulk,
        }
    }
}

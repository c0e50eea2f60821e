use super::Disconnected;
use crate::payload::TextTooLong;
use isi_wire::RefuseReason;

/// Why the relay refused a request. The session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The token does not grant it.
    #[error("the token does not grant this; get one with the right from the account service")]
    Forbidden,
    /// The track or participant is gone.
    #[error("the track or participant is not there any more")]
    NotFound,
    /// A limit of the session or the token was reached.
    #[error("a limit of the session or the token is reached; end something first")]
    Limit,
    /// The log went on meanwhile.
    #[error("another change came first; try again")]
    Conflict,
    /// The relay says that this client asked for something that cannot be.
    #[error("the relay does not understand the request; update the client, and report it")]
    Misunderstood,
    /// The new token was refused; the old one goes on until it expires.
    #[error("the relay refused the new token; it must be for the same subject, session and key")]
    TokenRefused,
}

/// Why a call on the session came to nothing, where nothing is special about the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The relay refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too much waits for the relay already.
    #[error("too many requests wait for the relay; try again when some are answered")]
    Busy,
    /// The connection was lost before the relay answered.
    #[error(
        "the connection was lost before the relay answered; when it is back, see whether it was done and try again"
    )]
    Interrupted,
    /// The session is over.
    #[error(transparent)]
    Over(#[from] Disconnected),
}

/// Why a track was not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The relay did not take it.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The kind does not travel this way.
    #[error("this kind of track is not sent this way; screen and video are media, audio and pointer live")]
    WrongKind,
    /// The member's role shows nothing of this kind, so nobody would look.
    #[error(
        "the role in your statement does not allow this kind of track; ask the account service for another"
    )]
    RoleForbids,
    /// This member has had as many tracks as a group life allows.
    #[error("this member has used up its tracks; join again")]
    TooManyTracks,
}

/// Why a track is not received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// The relay refused.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The track is not there, or is of another kind.
    #[error("no such track of this kind; take one from a TrackAvailable event that has not ended")]
    NoSuchTrack,
    /// It is received already.
    #[error("the track is received already; use the receiver at hand, or drop it first")]
    AlreadySubscribed,
}

/// Why an object was not sent on a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrackSendError {
    /// The track or the session has ended.
    #[error("the track has ended; publish it again")]
    Ended,
    /// Longer than an object, or than a datagram, may be.
    #[error("the object is too large; a datagram carries about 1,000 bytes, a frame nearly 4 MiB")]
    TooLarge,
    /// An organizer cannot be heard for too long, or the relay was caught lying: the track goes on when that is over.
    #[error("out of touch with the organizers; the track goes on when the alarm is over")]
    OutOfTouch,
    /// The member's keys are wiped.
    #[error("this member is not in the group any more; join again")]
    NotAMember,
}

/// Why a message to all was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Too long.
    #[error(transparent)]
    TooLong(#[from] TextTooLong),
    /// The relay did not take it.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Why a private message is not known to have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendPrivateError {
    /// Too long.
    #[error(transparent)]
    TooLong(#[from] TextTooLong),
    /// No such member, or it has left.
    #[error("this member is not in the session; take one from members()")]
    NotAMember,
    /// The member's connection is not known yet, or is lost.
    #[error("this member is not reachable now; try again when it is online")]
    NotReachable,
    /// Too many wait for this member.
    #[error("too many private messages wait for this member; wait for some to arrive")]
    QueueFull,
    /// The member did not confirm it in time. It may have arrived.
    #[error("the member did not confirm the message in time; ask whether it arrived before sending it again")]
    NotConfirmed,
    /// The relay did not take it.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Why there is no invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InviteFailed {
    /// The group does not allow it.
    #[error(transparent)]
    Group(#[from] isi_e2ee::InviteError),
    /// The session is over.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Why a change of the membership did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Only organizers change the membership.
    #[error("only an organizer may do this; ask one")]
    NotAnOrganizer,
    /// No such member or applicant, or it is gone.
    #[error("no such member or applicant any more")]
    NotThere,
    /// Other organizers' changes came first again and again.
    #[error("other organizers' changes came first each time; try again")]
    Conflict,
    /// Nobody of those named can be let in; this is why the first cannot. They are told.
    #[error("the applicant cannot be let in: {0}")]
    Refused(isi_e2ee::JoinRequestRefused),
    /// The group does not allow the change.
    #[error("the group does not allow this change: {0}")]
    Group(#[from] isi_e2ee::StageError),
    /// The relay did not take it.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Why the policy stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Only organizers set it.
    #[error("only an organizer may do this; ask one")]
    NotAnOrganizer,
    /// Too many subjects, or one that nobody has.
    #[error("list at most {} subjects of 1 to 128 bytes", crate::SUBJECTS_LISTED_MAX)]
    Subjects,
    /// The session is over.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Why an invitation was not revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevokeError {
    /// Only organizers revoke.
    #[error("only an organizer may do this; ask one")]
    NotAnOrganizer,
    /// No such invitation is known here.
    #[error("no such invitation; take one from invitations()")]
    NotThere,
    /// The session is over.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Why nobody was asked for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseRequestError {
    /// No such member, or its connection is not known.
    #[error("this member is not reachable; take one from members() that is online")]
    NotReachable,
    /// The relay did not take it.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Why a lease was not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// No such member, or its connection is not known.
    #[error("this member is not reachable; take one from members() that is online")]
    NotReachable,
    /// An organizer cannot be heard, or the relay was caught lying.
    #[error("out of touch with the organizers; grant the lease when the alarm is over")]
    OutOfTouch,
    /// There is no lease to hand over.
    #[error("no lease of this member runs; grant one")]
    NoLease,
    /// Zero, or longer than [`LEASE_MS_MAX`](crate::LEASE_MS_MAX).
    #[error("a lease lasts from 1 ms to {} ms", crate::LEASE_MS_MAX)]
    Duration,
    /// The terms are none: a lease to oneself, or a rectangle without area.
    #[error(transparent)]
    Terms(isi_e2ee::TermsError),
    /// Keys could not be made.
    #[error("the system gives no random bytes; check the machine")]
    NoRandomness,
    /// The relay did not take it.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Why a lease cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DriveError {
    /// The lease is another member's, or has ended.
    #[error("this lease is not yours or has ended; ask for another")]
    NoLease,
    /// An organizer cannot be heard, or the relay was caught lying.
    #[error("out of touch with the organizers; ask for another lease when the alarm is over")]
    OutOfTouch,
    /// The lease is in use already.
    #[error("this lease is in use already; use the sender at hand")]
    InUse,
    /// The driven member's connection is not known.
    #[error("the driven member is not reachable now")]
    NotReachable,
    /// The lease's key is unusable: the driven client is at fault.
    #[error("the lease carries an unusable key; the other side's client is at fault")]
    BadKey,
    /// The input track was not published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The relay did not take it.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Why an input event was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputSendError {
    /// The lease has ended; all keys are released at the other side.
    #[error("the lease has ended; ask for another")]
    LeaseEnded,
    /// The lease does not cover this event.
    #[error("the lease does not cover this event; ask for one with the scope")]
    OutOfScope,
}

impl Refusal {
    pub(crate) const fn from_reason(reason: RefuseReason) -> Self {
        match reason {
            RefuseReason::Forbidden => Self::Forbidden,
            RefuseReason::NotFound => Self::NotFound,
            RefuseReason::Limit => Self::Limit,
            RefuseReason::Conflict => Self::Conflict,
            RefuseReason::WrongIncarnation | RefuseReason::Mismatch | RefuseReason::Duplicate => {
                Self::Misunderstood
            }
            RefuseReason::TokenRefused => Self::TokenRefused,
        }
    }
}

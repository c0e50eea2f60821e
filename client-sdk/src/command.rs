use crate::error::{
    ChangeError, DriveError, GrantError, InviteFailed, LeaseRequestError, PolicyError, PublishError,
    RequestError, RevokeError, SendError, SendPrivateError, SubscribeError,
};
use crate::inbox::Inbox;
use crate::lease::{Agreement, GivenLease, Lease, LeaseId, LeaseRefusal, Prologue, TicksSeen};
use crate::options::AdmitPolicy;
use crate::record::{RecordError, Recording};
use crate::track::{OwnTrack, RemoteTrack};
use crate::transport::IncomingGroup;
use crate::{ApplicantId, MemberId, SessionMember};
use bytes::Bytes;
use isi_e2ee::{
    DenyReason, Invitation, InvitationId, InvitationState, InviteOptions, LeaseScope, PairCode, PrivateKeys,
    SessionCode,
};
use isi_wire::TrackKind;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Where the answer to a call goes. Its other end may be gone: the caller gave up waiting.
pub(crate) type Reply<T, E> = oneshot::Sender<Result<T, E>>;

/// What handles ask of the driver.
#[derive(Debug)]
pub(crate) enum Command {
    Members { reply: oneshot::Sender<Vec<SessionMember>> },
    SessionCode { reply: oneshot::Sender<SessionCode> },
    SessionCodes { reply: oneshot::Sender<Vec<SessionCode>> },
    PairCode { member: MemberId, reply: oneshot::Sender<Option<PairCode>> },
    Invite { options: InviteOptions, reply: Reply<Invitation, InviteFailed> },
    RevokeInvitation { id: InvitationId, reply: Reply<(), RevokeError> },
    Invitations { reply: oneshot::Sender<Vec<InvitationState>> },
    Admit { applicants: Vec<ApplicantId>, reply: Reply<(), ChangeError> },
    Deny { applicants: Vec<ApplicantId>, reason: DenyReason, reply: Reply<(), ChangeError> },
    SetPolicy { policy: AdmitPolicy, reply: Reply<(), PolicyError> },
    SetOrganizers { members: Vec<MemberId>, reply: Reply<(), ChangeError> },
    HandOver { to: MemberId, reply: Reply<(), ChangeError> },
    Remove { member: MemberId, reply: Reply<(), ChangeError> },
    Rotate { reply: Reply<(), ChangeError> },
    RefreshStatement { statement: String, reply: Reply<(), ChangeError> },
    Publish { kind: TrackKind, reply: Reply<OwnTrack, PublishError> },
    SubscribeGroups { track: RemoteTrack, reply: Reply<Inbox<IncomingGroup>, SubscribeError> },
    SubscribeDatagrams { track: RemoteTrack, reply: Reply<Inbox<Bytes>, SubscribeError> },
    Send { text: String, reply: Reply<(), SendError> },
    SendPrivate { to: MemberId, text: String, reply: Reply<(), SendPrivateError> },
    RequestLease { from: MemberId, reply: Reply<(), LeaseRequestError> },
    GrantLease { driver: MemberId, scope: LeaseScope, duration_ms: u64, reply: Reply<GivenLease, GrantError> },
    RefuseLease { to: MemberId, refusal: LeaseRefusal, reply: Reply<(), LeaseRequestError> },
    RequestHandOver { lease: Lease, to: MemberId, reply: Reply<(), LeaseRequestError> },
    HandOverLease { to: MemberId, reply: Reply<GivenLease, GrantError> },
    EndLease { reply: oneshot::Sender<()> },
    Drive { lease: Lease, reply: Reply<OwnTrack, DriveError> },
    Agree { lease: LeaseId, reply: oneshot::Sender<Option<(Agreement, Arc<TicksSeen>)>> },
    AcceptInput { prologue: Prologue, reply: oneshot::Sender<Option<PrivateKeys>> },
    RefreshToken { token: String, reply: Reply<(), RequestError> },
    SetRecording { on: bool, reply: Reply<(), RecordError> },
    Recording { reply: oneshot::Sender<Option<Recording>> },
    RecordLines { reply: oneshot::Sender<Inbox<String>> },
    CloseSession { reply: Reply<(), RequestError> },
    Leave,
}

use crate::command::{Command, Reply};
use crate::credentials::Credentials;
use crate::driver;
use crate::error::{
    ChangeError, Disconnected, DriveError, GrantError, JoinError, LeaseRequestError, PublishError,
    RequestError, SendError, SendPrivateError, SubscribeError,
};
use crate::event::Events;
use crate::handle::Shared;
use crate::lease::{InputReceiver, InputSender, Lease, LeaseRefusal, PanicSwitch};
use crate::options::ConnectOptions;
use crate::record::{RecordError, RecordLines, Recording};
use crate::track::{LivePublisher, LiveReceiver, RemoteTrack, ScreenPublisher, ScreenReceiver};
use crate::{MemberId, SessionMember};
use isi_e2ee::{Invitation, IssuerKeys, LeaseScope, PairCode, SessionCode};
use isi_wire::TrackKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// One membership in one session. Clones are handles of the same membership; when the last one is dropped, it leaves.
///
/// - In: [`create`](Self::create) as the root organizer, or [`join`](Self::join) with an invitation. Both give the
///   [`Events`] as well; take them all the time.
/// - Who is here: [`me`](Self::me), [`members`](Self::members), [`session_code`](Self::session_code),
///   [`session_codes`](Self::session_codes),
///   [`pair_code`](Self::pair_code).
/// - As an organizer: [`invite`](Self::invite), [`invite_with`](Self::invite_with),
///   [`revoke_invitation`](Self::revoke_invitation), [`set_admit_policy`](Self::set_admit_policy),
///   [`admit`](Self::admit), [`deny`](Self::deny), [`remove`](Self::remove),
///   [`set_organizers`](Self::set_organizers), [`hand_over`](Self::hand_over), [`close`](Self::close).
/// - Share and view: [`publish_screen`](Self::publish_screen), [`subscribe_screen`](Self::subscribe_screen),
///   [`publish_live`](Self::publish_live), [`subscribe_live`](Self::subscribe_live).
/// - Drive: [`request_lease`](Self::request_lease), [`grant_lease`](Self::grant_lease), [`drive`](Self::drive),
///   [`refuse_lease`](Self::refuse_lease), [`hand_over_lease`](Self::hand_over_lease),
///   [`end_lease`](Self::end_lease), [`panic_switch`](Self::panic_switch).
/// - Record: [`set_recording`](Self::set_recording), [`recording`](Self::recording),
///   [`record_lines`](Self::record_lines).
/// - Talk: [`send`](Self::send), [`send_private`](Self::send_private).
/// - Stay: [`refresh_token`](Self::refresh_token) before the token expires, [`rotate`](Self::rotate) for fresh keys.
/// - Out: [`leave`](Self::leave).
///
/// One task per membership is spawned on the current tokio runtime; it ends with the last handle, with
/// [`leave`](Self::leave), or with [`Event::Ended`](crate::Event::Ended).
#[derive(Clone, Debug)]
pub struct Session {
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
}

impl Session {
    /// Creates the session that the token names and becomes its root organizer. `issuers` are the account services
    /// whose statements the session accepts.
    ///
    /// # Errors
    /// Any [`JoinError`]; nothing is left behind.
    pub async fn create(
        options: ConnectOptions,
        credentials: Credentials,
        issuers: IssuerKeys,
    ) -> Result<(Self, Events), JoinError> {
        driver::create(options, credentials, issuers).await
    }

    /// Asks the organizers to be let in, and returns when one of them has done so, its Welcome is verified, and the organizer
    /// whom the invitation names has said, signed, that this is its group.
    ///
    /// # Errors
    /// Any [`JoinError`]; nothing is left behind.
    pub async fn join(
        options: ConnectOptions,
        credentials: Credentials,
        issuers: IssuerKeys,
        invitation: &Invitation,
    ) -> Result<(Self, Events), JoinError> {
        driver::join(options, credentials, issuers, invitation).await
    }

    pub(crate) const fn new(commands: mpsc::Sender<Command>, shared: Arc<Shared>) -> Self {
        Self { commands, shared }
    }

    /// This member; another one after [`Event::Rejoined`](crate::Event::Rejoined).
    #[must_use]
    pub fn me(&self) -> MemberId {
        self.shared.seat.borrow().me
    }

    /// Everybody in the session, this member included.
    ///
    /// # Errors
    /// [`Disconnected`] when the session is over.
    pub async fn members(&self) -> Result<Vec<SessionMember>, Disconnected> {
        self.ask(|reply| Command::Members { reply }).await
    }

    /// 30 digits that are the same for all members of one epoch; people compare them by voice.
    ///
    /// # Errors
    /// [`Disconnected`] when the session is over.
    pub async fn session_code(&self) -> Result<SessionCode, Disconnected> {
        self.ask(|reply| Command::SessionCode { reply }).await
    }

    /// The codes of the newest epochs, the newest first, at most 8: a code that is being read out does not change while it
    /// is shown, and the others find it here.
    ///
    /// # Errors
    /// [`Disconnected`] when the session is over.
    pub async fn session_codes(&self) -> Result<Vec<SessionCode>, Disconnected> {
        self.ask(|reply| Command::SessionCodes { reply }).await
    }

    /// 45 digits that this member and another share in all sessions; `None` when it is no member any more.
    ///
    /// # Errors
    /// [`Disconnected`] when the session is over.
    pub async fn pair_code(&self, member: MemberId) -> Result<Option<PairCode>, Disconnected> {
        self.ask(|reply| Command::PairCode { member, reply }).await
    }

    /// Removes a member from the group and from the relay, for organizers. It can open nothing that is sent after this
    /// returns, and its account does not get in again while the session lasts.
    ///
    /// # Errors
    /// Any [`ChangeError`].
    pub async fn remove(&self, member: MemberId) -> Result<(), ChangeError> {
        self.call(|reply| Command::Remove { member, reply }).await
    }

    /// Gives this member fresh keys, so that older ones are worth nothing to a thief.
    ///
    /// # Errors
    /// Any [`ChangeError`].
    pub async fn rotate(&self) -> Result<(), ChangeError> {
        self.call(|reply| Command::Rotate { reply }).await
    }

    /// Tells everybody a fresh statement about this member: same person, session and key. Call it when
    /// [`Event::StatementExpires`](crate::Event::StatementExpires) comes; a member whose statement is over is removed.
    ///
    /// # Errors
    /// Any [`ChangeError`]; [`ChangeError::Group`] says what does not fit. The old statement goes on until it ends.
    pub async fn refresh_statement(&self, statement: impl Into<String>) -> Result<(), ChangeError> {
        let statement = statement.into();
        self.call(|reply| Command::RefreshStatement { statement, reply }).await
    }

    /// Begins to share a screen. Send a keyframe first.
    ///
    /// # Errors
    /// Any [`PublishError`].
    pub async fn publish_screen(&self) -> Result<ScreenPublisher, PublishError> {
        let own = self.call(|reply| Command::Publish { kind: TrackKind::Screen, reply }).await?;
        Ok(ScreenPublisher::new(Arc::clone(&self.shared), own))
    }

    /// Receives a screen, from its next keyframe on; the relay asks for one.
    ///
    /// # Errors
    /// Any [`SubscribeError`].
    pub async fn subscribe_screen(&self, track: RemoteTrack) -> Result<ScreenReceiver, SubscribeError> {
        if track.kind != TrackKind::Screen {
            return Err(SubscribeError::NoSuchTrack);
        }
        let groups = self.call(|reply| Command::SubscribeGroups { track, reply }).await?;
        Ok(ScreenReceiver::new(Arc::clone(&self.shared), track, groups))
    }

    /// Begins a track of datagrams, of kind [`TrackKind::Pointer`] or [`TrackKind::Audio`].
    ///
    /// # Errors
    /// Any [`PublishError`].
    pub async fn publish_live(&self, kind: TrackKind) -> Result<LivePublisher, PublishError> {
        if !matches!(kind, TrackKind::Pointer | TrackKind::Audio) {
            return Err(PublishError::WrongKind);
        }
        let own = self.call(|reply| Command::Publish { kind, reply }).await?;
        Ok(LivePublisher::new(Arc::clone(&self.shared), own))
    }

    /// Receives a track of datagrams.
    ///
    /// # Errors
    /// Any [`SubscribeError`].
    pub async fn subscribe_live(&self, track: RemoteTrack) -> Result<LiveReceiver, SubscribeError> {
        if !matches!(track.kind, TrackKind::Pointer | TrackKind::Audio) {
            return Err(SubscribeError::NoSuchTrack);
        }
        let datagrams = self.call(|reply| Command::SubscribeDatagrams { track, reply }).await?;
        Ok(LiveReceiver::new(Arc::clone(&self.shared), track, datagrams))
    }

    /// Asks a member to let this one drive its screen; an [`Event::LeaseGranted`](crate::Event::LeaseGranted) is the
    /// answer, if there is one.
    ///
    /// # Errors
    /// Any [`LeaseRequestError`].
    pub async fn request_lease(&self, from: MemberId) -> Result<(), LeaseRequestError> {
        self.call(|reply| Command::RequestLease { from, reply }).await
    }

    /// Lets a member drive this one's screen for a while; a lease given before ends. Everybody is told.
    ///
    /// # Errors
    /// Any [`GrantError`].
    pub async fn grant_lease(
        &self,
        driver: MemberId,
        scope: LeaseScope,
        duration: Duration,
    ) -> Result<InputReceiver, GrantError> {
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let given = self.call(|reply| Command::GrantLease { driver, scope, duration_ms, reply }).await?;
        Ok(InputReceiver::new(Arc::clone(&self.shared), given))
    }

    /// Tells a member that asked that it may not drive.
    ///
    /// # Errors
    /// Any [`LeaseRequestError`].
    pub async fn refuse_lease(&self, to: MemberId, refusal: LeaseRefusal) -> Result<(), LeaseRequestError> {
        self.call(|reply| Command::RefuseLease { to, refusal, reply }).await
    }

    /// Asks the driven member to let somebody else go on driving, with what is left of this member's lease.
    ///
    /// # Errors
    /// Any [`LeaseRequestError`].
    pub async fn request_hand_over(&self, lease: &Lease, to: MemberId) -> Result<(), LeaseRequestError> {
        self.call(|reply| Command::RequestHandOver { lease: *lease, to, reply }).await
    }

    /// Gives what is left of the lease that runs to another driver, with the same scope. The lease before ends
    /// ([`LeaseEndReason::Superseded`](crate::LeaseEndReason::Superseded)), so its receiver releases all that is held.
    ///
    /// # Errors
    /// Any [`GrantError`]; the lease before goes on.
    pub async fn hand_over_lease(&self, to: MemberId) -> Result<InputReceiver, GrantError> {
        let given = self.call(|reply| Command::HandOverLease { to, reply }).await?;
        Ok(InputReceiver::new(Arc::clone(&self.shared), given))
    }

    /// Takes back any lease that this member gives, at once, from any thread: what a panic key does.
    #[must_use]
    pub fn panic_switch(&self) -> PanicSwitch {
        PanicSwitch::new(Arc::clone(&self.shared), None)
    }

    /// Takes back the lease this member gave, if one runs: nothing more is handed out from this call on, whatever the
    /// network does. Returns when the others are being told.
    ///
    /// # Errors
    /// [`Disconnected`] when the session is over; the lease is then, too.
    pub async fn end_lease(&self) -> Result<(), Disconnected> {
        let _ = self.panic_switch().press();
        self.ask(|reply| Command::EndLease { reply }).await
    }

    /// Uses a lease that was granted to this member.
    ///
    /// # Errors
    /// Any [`DriveError`].
    pub async fn drive(&self, lease: &Lease) -> Result<InputSender, DriveError> {
        let own = self.call(|reply| Command::Drive { lease: *lease, reply }).await?;
        let sender = InputSender::open(Arc::clone(&self.shared), *lease, own).await;
        sender.map_err(|_| DriveError::NoLease)
    }

    /// Writes to all; returns when the relay has given the message its place in the order of all messages.
    ///
    /// # Errors
    /// Any [`SendError`].
    pub async fn send(&self, text: impl Into<String>) -> Result<(), SendError> {
        let text = text.into();
        self.call(|reply| Command::Send { text, reply }).await
    }

    /// Writes to one member, so that nobody else can read it; returns when that member's client has confirmed it.
    ///
    /// # Errors
    /// Any [`SendPrivateError`].
    pub async fn send_private(&self, to: MemberId, text: impl Into<String>) -> Result<(), SendPrivateError> {
        let text = text.into();
        self.call(|reply| Command::SendPrivate { to, text, reply }).await
    }

    /// Turns the session record on or off, for organizers; returns when it is. Everybody hears of it. While it is on,
    /// organizers state who comes and goes and every member whom it lets drive and what it shares, signed and in one chain.
    /// Nothing of what is said, written or shown is in it. Off by default.
    ///
    /// # Errors
    /// Any [`RecordError`].
    pub async fn set_recording(&self, on: bool) -> Result<(), RecordError> {
        self.call(|reply| Command::SetRecording { on, reply }).await
    }

    /// Whether the session is recorded.
    ///
    /// # Errors
    /// [`Disconnected`] when the session is over.
    pub async fn recording(&self) -> Result<Option<Recording>, Disconnected> {
        self.ask(|reply| Command::Recording { reply }).await
    }

    /// The lines of a file of the session record, from now on: what is recorded, and what this member sees of the group, for
    /// [`verify_record`](crate::verify_record). The SDK writes no file. The last line comes when the session is
    /// over; a second call ends the file of the first.
    ///
    /// # Errors
    /// [`Disconnected`] when the session is over.
    pub async fn record_lines(&self) -> Result<RecordLines, Disconnected> {
        self.ask(|reply| Command::RecordLines { reply }).await.map(RecordLines::new)
    }

    /// Gives the relay a fresh token for the same subject, session and key; the old one would end the connection.
    ///
    /// # Errors
    /// Any [`RequestError`]; the old token goes on.
    pub async fn refresh_token(&self, token: impl Into<String>) -> Result<(), RequestError> {
        let token = token.into();
        self.call(|reply| Command::RefreshToken { token, reply }).await
    }

    /// Ends the session for everybody, for organizers.
    ///
    /// # Errors
    /// Any [`RequestError`].
    pub async fn close(self) -> Result<(), RequestError> {
        self.call(|reply| Command::CloseSession { reply }).await
    }

    /// Leaves, for all clones of this handle, and returns when the relay knows it or after 2 s. The only organizer hands over
    /// or ends the session, as [`ConnectOptions::last_organizer`] says.
    pub async fn leave(self) {
        let mut end = self.shared.end.clone();
        if self.commands.send(Command::Leave).await.is_ok() {
            // An error means the driver is gone, and that is what is waited for.
            let _ = end.wait_for(Option::is_some).await;
        }
    }

    /// A call that can fail on its own.
    pub(crate) async fn call<T, E: From<RequestError>>(
        &self,
        command: impl FnOnce(Reply<T, E>) -> Command,
    ) -> Result<T, E> {
        self.ask(command).await.unwrap_or_else(|over| {
            // Nobody answers a call of the member that this client was before it was let in again.
            let is_over = self.shared.end.borrow().is_some();
            Err(if is_over { RequestError::Over(over) } else { RequestError::Interrupted }.into())
        })
    }

    /// Waits for the organizer's word that this is the group it invited to.
    pub(crate) async fn confirmed(&self, within: Duration) -> Result<(), JoinError> {
        let mut standing = self.shared.standing.clone();
        match timeout(within, standing.wait_for(|standing| standing.confirmed)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(JoinError::Refused(self.over())),
            Err(_) => Err(JoinError::NotConfirmed),
        }
    }

    pub(crate) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Disconnected> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| self.over())?;
        answer.await.map_err(|_| self.over())
    }

    fn over(&self) -> Disconnected {
        self.shared.end.borrow().unwrap_or(Disconnected::Over)
    }
}

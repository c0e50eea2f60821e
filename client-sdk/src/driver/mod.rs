//! The one task of a membership: it owns the group and the connection. [`State`] decides, this file moves bytes.

mod agreement;
mod budget;
mod commands;
mod control;
mod door;
mod driving;
mod expels;
mod identity;
mod lease_requests;
mod leases;
mod lobby;
mod log;
mod membership;
mod messages;
mod organizers;
mod people;
mod policy;
mod private;
mod record;
mod requests;
mod rotation;
mod run;
mod sharing;
mod shown;
mod signal;
mod state;
mod ticks;
mod tracks;
mod waiting;
mod watching;

use crate::MemberId;
use crate::clock::Clock;
use crate::credentials::{Credentials, TokenClaims};
use crate::error::{Disconnected, JoinError};
use crate::event::{EventSink, Events};
use crate::handle::Shared;
use crate::lease::Gate;
use crate::limits::{COMMANDS_QUEUED_MAX, NOTICES_QUEUED_MAX};
use crate::options::{AdmitPolicy, ConnectOptions, LastOrganizer};
use crate::session::Session;
use crate::transport::{FrameReader, Link, enter};
use isi_e2ee::{Group, Invitation, IssuerKeys, LeafIndex, PendingMember, Watch};
use isi_wire::{Audience, Joined, LogPosition, RelayMessage};
use lobby::{Admitted, wait_for_welcome};
use run::Driver;
use state::{Beginning, State};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use watching::Watching;

pub(crate) async fn create(
    options: ConnectOptions,
    credentials: Credentials,
    issuers: IssuerKeys,
) -> Result<(Session, Events), JoinError> {
    let claims = TokenClaims::peek(&credentials.token)?;
    let group = Group::create_with_profile(
        credentials.identity,
        issuers,
        claims.session,
        options.profile,
        Clock::unix(),
    )?;
    group.keyring().set_padding(options.padding);
    let (link, joined) = enter(&options, &credentials.token, &claims, &credentials.connection_key).await?;
    let start = Start {
        group,
        link,
        log: None,
        position: joined.position,
        clock: Clock::start(),
        admit: options.admit,
        last_organizer: options.last_organizer,
        founds: true,
        awaited: None,
        media_ms_max: options.media_ms_max,
        observer: options.observer,
    };
    start.spawn(joined, Vec::new())
}

pub(crate) async fn join(
    options: ConnectOptions,
    credentials: Credentials,
    issuers: IssuerKeys,
    invitation: &Invitation,
) -> Result<(Session, Events), JoinError> {
    let claims = TokenClaims::peek(&credentials.token)?;
    if claims.session != invitation.session() {
        return Err(JoinError::OtherSession);
    }
    let mut pending = PendingMember::new(credentials.identity, claims.session, issuers, invitation)?;
    let (mut link, joined) =
        enter(&options, &credentials.token, &claims, &credentials.connection_key).await?;
    let clock = Clock::start();
    let waiting = timeout(options.admit_timeout, wait_for_welcome(&mut link, &mut pending, clock)).await;
    let Admitted { group, last_handshake, log, backlog } = match waiting {
        Ok(admitted) => admitted.map_err(|error| link.explain(error))?,
        Err(_) => return Err(JoinError::NotAdmitted),
    };
    group.keyring().set_padding(options.padding);
    let inviter = group.inviter(invitation).ok_or(JoinError::NotConfirmed)?;
    let position = LogPosition { last_handshake, ..joined.position };
    let start = Start {
        group,
        link,
        log: Some(log),
        position,
        clock,
        admit: options.admit,
        last_organizer: options.last_organizer,
        founds: false,
        awaited: Some(inviter),
        media_ms_max: options.media_ms_max,
        observer: options.observer,
    };
    let (session, events) = start.spawn(joined, backlog)?;
    session.confirmed(options.confirm_timeout).await?;
    Ok((session, events))
}

/// A membership that is about to begin.
struct Start {
    group: Group,
    link: Link,
    log: Option<FrameReader>,
    position: LogPosition,
    clock: Clock,
    admit: AdmitPolicy,
    last_organizer: LastOrganizer,
    /// Whether this member created the session.
    founds: bool,
    /// The organizer whose word a newcomer waits for.
    awaited: Option<LeafIndex>,
    media_ms_max: u64,
    observer: Option<crate::ObjectObserver>,
}

impl Start {
    fn spawn(self, joined: Joined, backlog: Vec<RelayMessage>) -> Result<(Session, Events), JoinError> {
        let Self {
            group,
            link,
            log,
            position,
            clock,
            admit,
            last_organizer,
            founds,
            awaited,
            media_ms_max,
            observer,
        } = self;
        let (commands, command_queue) = mpsc::channel(COMMANDS_QUEUED_MAX);
        let (notices, notice_queue) = mpsc::channel(NOTICES_QUEUED_MAX);
        let (end, ended) = watch::channel(None);
        let (epoch, epochs) = watch::channel(group.epoch());
        let (sink, events) = EventSink::new(ended.clone());
        let sink = Arc::new(sink.observed_by(observer));
        let watch = Watch::new(group.view(), awaited, media_ms_max, clock.now());
        let (stands, standing) = watch::channel(watch.standing());
        let shared = Shared {
            keyring: group.keyring(),
            clock,
            connection: link.connection.clone(),
            window: link.window.clone(),
            epoch: epochs,
            end: ended,
            commands: commands.downgrade(),
            notices,
            events: Arc::downgrade(&sink),
            gate: Arc::new(Gate::new(clock)),
            screens: Arc::default(),
            standing,
        };
        let me = MemberId { leaf: group.own_leaf(), since_epoch: group.epoch() };
        let beginning = Beginning {
            clock,
            group,
            participant: joined.participant,
            position,
            epoch,
            events: sink,
            admit,
            gate: Arc::clone(&shared.gate),
            screens: Arc::clone(&shared.screens),
            watching: Watching::new(watch, stands),
        };
        let mut state = State::new(beginning).map_err(|_| JoinError::Refused(Disconnected::OutOfStep))?;
        state.last_organizer = last_organizer;
        if founds {
            state.membership.policy.found();
        }
        state.begin(joined, backlog).map_err(JoinError::Refused)?;
        tokio::spawn(Driver::new(state, link, log, command_queue, notice_queue, end).run());
        Ok((Session::new(commands, Arc::new(shared), me), events))
    }
}

impl State {
    /// Catches up with what the relay said before this membership began, and tells everybody who is where.
    fn begin(&mut self, joined: Joined, backlog: Vec<RelayMessage>) -> Result<(), Disconnected> {
        joined.tracks.into_iter().for_each(|info| self.track_added(info));
        for message in backlog {
            self.handle_relay(message)?;
        }
        self.identities_enter_epoch();
        self.announce(Audience::Everyone);
        Ok(())
    }
}

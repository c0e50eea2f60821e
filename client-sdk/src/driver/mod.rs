//! The one task of a membership: it owns the group and the connection. [`State`] decides, this file moves bytes.

mod agreement;
mod budget;
mod commands;
mod control;
mod dialler;
mod door;
mod driving;
mod expels;
mod handles;
mod identity;
mod lease_requests;
mod leases;
mod lobby;
mod log;
mod membership;
mod messages;
mod organizers;
mod parking;
mod people;
mod policy;
mod presence;
mod private;
mod reconnect;
mod record;
mod renewal;
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
use crate::handle::{Seat, Shared};
use crate::lease::Gate;
use crate::limits::{COMMANDS_QUEUED_MAX, NOTICES_QUEUED_MAX};
use crate::options::ConnectOptions;
use crate::session::Session;
use crate::transport::{FrameReader, Link};
use dialler::Dialler;
use handles::Handles;
use isi_e2ee::{Group, Invitation, IssuerKeys, LeafIndex, PendingMember, Watch};
use isi_wire::{Audience, Joined, LogPosition, RelayMessage};
use lobby::{Admitted, wait_for_welcome};
use renewal::Renewal;
use run::Driver;
use state::{Beginning, State};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
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
    let Credentials { token, connection_key: key, .. } = credentials;
    let dialler = Dialler { options, key, token, claims, invitation: None };
    let (link, joined) = dialler.enter(None).await?;
    let start = Start {
        dialler,
        group,
        link,
        log: None,
        position: joined.position,
        next_entry: joined.next_sequence,
        clock: Clock::start(),
        founds: true,
        awaited: None,
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
    let Credentials { token, connection_key: key, .. } = credentials;
    let dialler = Dialler { options, key, token, claims, invitation: Some(invitation.clone()) };
    let (mut link, joined) = dialler.enter(None).await?;
    let clock = Clock::start();
    let waiting =
        timeout(dialler.options.admit_timeout, wait_for_welcome(&mut link, &mut pending, clock)).await;
    let Admitted { group, last_handshake, log, backlog } = match waiting {
        Ok(admitted) => admitted.map_err(|error| link.explain(error))?,
        Err(_) => return Err(JoinError::NotAdmitted),
    };
    group.keyring().set_padding(dialler.options.padding);
    let confirm_timeout = dialler.options.confirm_timeout;
    let inviter = group.inviter(invitation).ok_or(JoinError::NotConfirmed)?;
    let position = LogPosition { last_handshake, ..joined.position };
    let start = Start {
        dialler,
        group,
        link,
        log: Some(log),
        position,
        next_entry: last_handshake + 1,
        clock,
        founds: false,
        awaited: Some(inviter),
    };
    let (session, events) = start.spawn(joined, backlog)?;
    session.confirmed(confirm_timeout).await?;
    Ok((session, events))
}

/// A membership that is about to begin.
struct Start {
    dialler: Dialler,
    group: Group,
    link: Link,
    log: Option<FrameReader>,
    position: LogPosition,
    next_entry: u64,
    clock: Clock,
    /// Whether this member created the session.
    founds: bool,
    /// The organizer whose word a newcomer waits for.
    awaited: Option<LeafIndex>,
}

impl Start {
    fn spawn(self, joined: Joined, backlog: Vec<RelayMessage>) -> Result<(Session, Events), JoinError> {
        let Self { dialler, group, link, log, position, next_entry, clock, founds, awaited } = self;
        let (commands, command_queue) = mpsc::channel(COMMANDS_QUEUED_MAX);
        let (notices, notice_queue) = mpsc::channel(NOTICES_QUEUED_MAX);
        let (end, ended) = watch::channel(None);
        let (epoch, epochs) = watch::channel(group.epoch());
        let (sink, events) = EventSink::new(ended.clone());
        let sink = Arc::new(sink.observed_by(dialler.options.observer.clone()));
        let watch = Watch::new(group.view(), awaited, dialler.options.media_ms_max, clock.now());
        let (stands, standing) = watch::channel(watch.standing());
        let me = MemberId { leaf: group.own_leaf(), since_epoch: group.epoch() };
        let (seat, seats) = watch::channel(Seat { keyring: group.keyring(), me });
        let shared = Shared {
            seat: seats,
            clock,
            epoch: epochs,
            end: ended,
            commands: commands.downgrade(),
            notices,
            events: Arc::downgrade(&sink),
            gate: Arc::new(Gate::new(clock)),
            screens: Arc::default(),
            standing,
        };
        let beginning = Beginning {
            clock,
            group,
            participant: joined.participant,
            window: link.window.clone(),
            position,
            next_entry,
            epoch,
            events: sink,
            admit: dialler.options.admit.clone(),
            gate: Arc::clone(&shared.gate),
            screens: Arc::clone(&shared.screens),
            watching: Watching::new(watch, stands),
        };
        let renewal = Renewal::new(dialler.options.tokens.clone(), joined.expires_in_s.into());
        let mut state = State::new(beginning).map_err(|_| JoinError::Refused(Disconnected::OutOfStep))?;
        state.last_organizer = dialler.options.last_organizer;
        state.membership.expels.set_grace(dialler.options.offline_grace);
        if founds {
            state.membership.policy.found();
        }
        state.begin(joined, backlog).map_err(JoinError::Refused)?;
        let handles = Handles::new(command_queue, notice_queue);
        let lost_at = Instant::now();
        let driver =
            Driver { state, link, log, dialler, renewal, handles, seat, end, leaving: None, lost_at };
        tokio::spawn(driver.run());
        Ok((Session::new(commands, Arc::new(shared)), events))
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

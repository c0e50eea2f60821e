//! A connection that is lost is made anew, for the same member if it missed nothing for good, else for another one of the
//! same person.

use super::dialler::Until;
use super::lobby::Admitted;
use super::run::Driver;
use super::state::{Beginning, State};
use crate::MemberId;
use crate::error::Disconnected;
use crate::event::Event;
use crate::handle::Seat;
use crate::transport::Link;
use isi_e2ee::Watch;
use isi_wire::{CloseCode, Joined, LogPosition};
use quinn::VarInt;
use std::sync::Arc;
use tokio::time::Instant;

impl Driver {
    /// Tries to go on after `why`.
    ///
    /// # Errors
    /// What the session ends with.
    pub(super) async fn recover(&mut self, why: Disconnected) -> Result<(), Disconnected> {
        let why = self.explain(why);
        let patience = self.dialler.patience(why).filter(|_| self.leaving.is_none()).ok_or(why)?;
        if self.state.is_online() {
            self.lost_at = Instant::now();
        }
        let until = Until { at: self.lost_at + patience, why };
        self.state.disconnected(why);
        self.link.connection.close(VarInt::from_u32(CloseCode::Internal as u32), b"");
        if why == Disconnected::OutOfStep { self.rejoin(until).await } else { self.reconnect(until).await }
    }

    async fn reconnect(&mut self, until: Until) -> Result<(), Disconnected> {
        let resume = Some(self.state.resume_at());
        let dialling = self.dialler.reconnect(resume, until);
        let (link, joined) = self.handles.serve_while(&mut self.state, dialling).await??;
        self.renewal.schedule(joined.expires_in_s.into());
        (self.link, self.log) = (link, None);
        self.state.connected(joined, self.link.window.clone());
        Ok(())
    }

    /// Asks to be let in as another member, since this one cannot follow any more.
    async fn rejoin(&mut self, until: Until) -> Result<(), Disconnected> {
        let pending = self.state.group.rejoin(self.dialler.invitation.as_ref(), self.state.clock.wall());
        let pending = pending.map_err(|_| until.why)?;
        self.state.end_tracks();
        self.state.group.keyring().close();
        let rejoining = self.dialler.rejoin(pending, self.state.clock, until);
        let (link, joined, admitted) = self.handles.serve_while(&mut self.state, rejoining).await??;
        self.renewal.schedule(joined.expires_in_s.into());
        self.begin_again(link, joined, admitted)
    }

    fn begin_again(&mut self, link: Link, joined: Joined, admitted: Admitted) -> Result<(), Disconnected> {
        let Admitted { group, last_handshake, log, backlog } = admitted;
        group.keyring().set_padding(self.dialler.options.padding);
        // An invitation of one's own is in the name of the root organizer, as all are.
        let inviter = self.dialler.invitation.as_ref().and_then(|invitation| group.inviter(invitation));
        let watch =
            Watch::new(group.view(), inviter, self.dialler.options.media_ms_max, self.state.clock.now());
        let seat = Seat {
            keyring: group.keyring(),
            me: MemberId { leaf: group.own_leaf(), since_epoch: group.epoch() },
        };
        self.state.epoch.send_replace(group.epoch());
        let beginning = Beginning {
            clock: self.state.clock,
            group,
            participant: joined.participant,
            window: link.window.clone(),
            position: LogPosition { last_handshake, ..joined.position },
            next_entry: last_handshake + 1,
            epoch: self.state.epoch.clone(),
            events: Arc::clone(&self.state.events),
            admit: self.dialler.options.admit.clone(),
            gate: Arc::clone(&self.state.leases.gate),
            screens: Arc::clone(&self.state.screens),
            watching: self.state.watching.again(watch),
        };
        self.state = State::new(beginning).map_err(|_| Disconnected::OutOfStep)?;
        self.state.last_organizer = self.dialler.options.last_organizer;
        self.state.membership.expels.set_grace(self.dialler.options.offline_grace);
        (self.link, self.log) = (link, Some(log));
        let me = seat.me;
        self.seat.send_replace(seat);
        self.state.events.send(Event::Rejoined { me });
        self.state.begin(joined, backlog)
    }

    /// A stream error may be seen before the close that explains it.
    fn explain(&self, why: Disconnected) -> Disconnected {
        let closed = self.link.connection.close_reason().map(|error| Disconnected::from_connection(&error));
        let is_own = why.is_removal() || why == Disconnected::OutOfStep;
        closed.filter(|_| !is_own).unwrap_or(why)
    }
}

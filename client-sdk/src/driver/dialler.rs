use super::lobby::{Admitted, wait_for_welcome};
use crate::clock::Clock;
use crate::credentials::{ConnectionKey, TokenClaims};
use crate::error::{Disconnected, JoinError};
use crate::options::{ConnectOptions, Reconnect};
use crate::transport::{Link, Resume, enter};
use isi_e2ee::{Invitation, PendingMember};
use isi_wire::Joined;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// First pause between tries; each is twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long the first try may take; each may take twice as long, up to the time of the options. A try that began while
/// nothing came through waits for QUIC to repeat itself, ever more rarely.
const TRY: Duration = Duration::from_secs(2);
/// A token that expires within this time is not worth a try.
const TOKEN_MARGIN_S: u64 = 5;

/// Connects this client, as often as it takes.
pub(super) struct Dialler {
    pub(super) options: ConnectOptions,
    pub(super) key: ConnectionKey,
    pub(super) token: String,
    pub(super) claims: TokenClaims,
    /// By which this member came in.
    pub(super) invitation: Option<Invitation>,
}

/// Until when the connection may be lost, and what the session ends with then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Until {
    pub(super) at: Instant,
    pub(super) why: Disconnected,
}

impl Dialler {
    /// How long a lost connection is worth trying; `None` when trying is of no use.
    pub(super) fn patience(&self, why: Disconnected) -> Option<Duration> {
        let Reconnect::For { give_up_after } = self.options.reconnect else { return None };
        self.may_pass(why).then_some(give_up_after)
    }

    /// The relay accepted another token.
    pub(super) fn use_token(&mut self, token: String) {
        if let Ok(claims) = TokenClaims::peek(&token) {
            (self.token, self.claims) = (token, claims);
        }
    }

    /// Dials and joins once.
    pub(super) async fn enter(&self, resume: Resume) -> Result<(Link, Joined), JoinError> {
        enter(&self.options, &self.token, &self.claims, &self.key, resume).await
    }

    /// Dials until there is a connection.
    ///
    /// # Errors
    /// Why the session is over: the time is, or trying is of no use.
    pub(super) async fn reconnect(
        &mut self,
        resume: Resume,
        until: Until,
    ) -> Result<(Link, Joined), Disconnected> {
        let (mut pause, mut longest) = (PAUSE, TRY);
        loop {
            sleep(jittered(pause)).await;
            self.renew_token().await;
            let limit = until.at.min(Instant::now() + longest.min(self.options.connect_timeout));
            match timeout_at(limit, self.enter(resume)).await {
                Ok(Ok(entered)) => return Ok(entered),
                Ok(Err(error)) => self.check(&error)?,
                Err(_) => {}
            }
            if Instant::now() >= until.at {
                return Err(until.why);
            }
            (pause, longest) = ((2 * pause).min(PAUSE_MAX), 2 * longest);
        }
    }

    /// Dials and asks to be let in again until an organizer does so.
    ///
    /// # Errors
    /// Why the session is over: the time is, or trying is of no use.
    pub(super) async fn rejoin(
        &mut self,
        mut pending: PendingMember,
        clock: Clock,
        until: Until,
    ) -> Result<(Link, Joined, Admitted), Disconnected> {
        loop {
            let (mut link, joined) = self.reconnect(None, until).await?;
            match timeout_at(until.at, wait_for_welcome(&mut link, &mut pending, clock)).await {
                Ok(Ok(admitted)) => return Ok((link, joined, admitted)),
                Ok(Err(error)) => self.check(&link.explain(error)).map_err(|_| until.why)?,
                Err(_) => return Err(until.why),
            }
            // A Welcome that was lost has used the key package up.
            pending.renew().map_err(|_| until.why)?;
        }
    }

    /// An expired token is of no use to a new connection.
    async fn renew_token(&mut self) {
        let Some(source) = &self.options.tokens else { return };
        let expires = self.claims.expires_at;
        if expires != 0 && Clock::unix().0 + TOKEN_MARGIN_S >= expires {
            let fetched = timeout(self.options.connect_timeout, source.fetch()).await;
            if let Ok(Some(token)) = fetched {
                self.use_token(token);
            }
        }
    }

    /// Whether another try may do better.
    fn check(&self, error: &JoinError) -> Result<(), Disconnected> {
        match error {
            JoinError::Refused(reason) if !self.may_pass(*reason) => Err(*reason),
            JoinError::Denied { .. } | JoinError::Identity(_) => Err(Disconnected::OutOfStep),
            _ => Ok(()),
        }
    }

    fn may_pass(&self, why: Disconnected) -> bool {
        match why {
            Disconnected::Lost
            | Disconnected::RelayFailed
            | Disconnected::JoinTimeout
            | Disconnected::Full
            | Disconnected::Draining
            | Disconnected::OutOfStep => true,
            Disconnected::TokenExpired => self.options.tokens.is_some(),
            _ => false,
        }
    }
}

/// Half of it to all of it: those whom one failure has cut off do not come back in one moment.
fn jittered(pause: Duration) -> Duration {
    let mut random = [0];
    // Without randomness all come at once, which is slower and no more.
    let _ = getrandom::fill(&mut random);
    pause.mul_f64(0.5 + f64::from(random[0]) / 510.0)
}

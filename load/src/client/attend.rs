use super::control::Control;
use super::join::{Presence, Tokens};
use super::{Client, ClientError};
use isi_wire::{ClientMessage, RelayMessage, RequestId, TrackAlias, TrackInfo};
use quinn::Connection;
use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval_at};

/// A token lives ten minutes; a fresh one is given well before.
const REFRESH_EVERY: Duration = Duration::from_secs(300);

/// What somebody in a session is told by the relay. Each call is short: it holds up only this client's control stream.
pub trait Attending: Send + Sync + 'static {
    /// Whether it subscribes to a track of somebody else. Directed tracks come unasked.
    fn wants(&self, track: &TrackInfo) -> bool;
    /// A subscription is in place.
    fn subscribed(&self) {}
    /// Somebody needs a new group of this client's track.
    fn keyframe_wanted(&self, _alias: TrackAlias) {}
    /// The relay refused something that this client sent: it was over a limit.
    fn refused(&self) {}
    /// So many datagrams or groups did not go to this client.
    fn dropped(&self, _count: u32) {}
    /// So many entries of the log did not go to this client.
    fn log_gap(&self, _entries: u64) {}
    /// It is out of its session, and did not want that.
    fn ended(&self, _error: ClientError) {}
}

/// A client that stays in its session, with a fresh token every five minutes, until this is dropped.
#[derive(Debug)]
pub struct Attendance {
    presence: Presence,
    task: JoinHandle<()>,
}

impl Attendance {
    /// The QUIC connection.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.presence.0
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Client {
    /// Stays in the session, and subscribes to what others publish as `attending` wants.
    pub fn attend(self, attending: Arc<impl Attending>) -> Attendance {
        let Self { presence, control, heard, tokens, .. } = self;
        let mut attendee = Attendee { control, tokens, asked: BTreeSet::new(), attending };
        let task = tokio::spawn(async move {
            if let Err(error) = attendee.attend(heard).await {
                attendee.attending.ended(error);
            }
            // The connection's owner closes it.
            pending().await
        });
        Attendance { presence, task }
    }
}

struct Attendee<A> {
    control: Control,
    tokens: Tokens,
    /// Subscriptions that are not answered yet. One for each track of the session at most.
    asked: BTreeSet<RequestId>,
    attending: Arc<A>,
}

impl<A: Attending> Attendee<A> {
    async fn attend(&mut self, heard: Vec<TrackInfo>) -> Result<(), ClientError> {
        for track in heard {
            self.subscribe(&track).await?;
        }
        let mut refresh = interval_at(Instant::now() + REFRESH_EVERY, REFRESH_EVERY);
        loop {
            tokio::select! {
                message = self.control.next() => self.hear(message?).await?,
                _ = refresh.tick() => {
                    let (request, token) = (self.control.request(), self.tokens.sign()?.into());
                    self.control.say(&ClientMessage::Refresh { request, token }).await?;
                }
            }
        }
    }

    async fn hear(&mut self, message: RelayMessage) -> Result<(), ClientError> {
        match message {
            RelayMessage::TrackAdded(track) => self.subscribe(&track).await?,
            RelayMessage::Done { request } if self.asked.remove(&request) => self.attending.subscribed(),
            // A track that ended before it was subscribed to is no trouble.
            RelayMessage::Refused { request, .. } if self.asked.remove(&request) => {}
            RelayMessage::Refused { .. } => self.attending.refused(),
            RelayMessage::KeyframeWanted { alias } => self.attending.keyframe_wanted(alias),
            RelayMessage::Dropped { count, .. } => self.attending.dropped(count),
            RelayMessage::LogGap { first, last } => {
                self.attending.log_gap(last.saturating_sub(first).saturating_add(1));
            }
            _ => {}
        }
        Ok(())
    }

    async fn subscribe(&mut self, track: &TrackInfo) -> Result<(), ClientError> {
        if track.directed || !self.attending.wants(track) {
            return Ok(());
        }
        let request = self.control.request();
        self.asked.insert(request);
        self.control.say(&ClientMessage::Subscribe { request, alias: track.alias }).await
    }
}

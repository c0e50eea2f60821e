//! Which of the relay's words reach whom.

use super::pipes::{self, Frames, View};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use isi_account::Role;
use isi_testkit::{Client, Connected, World};
use isi_wire::limits::CONTROL_MESSAGE_BYTES_MAX;
use isi_wire::{ClientMessage, ConnectionNonce, LogEntry, ParticipantId, RelayMessage};
use quinn::{Connection, ConnectionError, Endpoint, Incoming, SendStream};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// An entry of the log on its way to somebody, by subjects.
pub(crate) struct Delivery<'a> {
    pub(crate) to: &'a str,
    pub(crate) from: &'a str,
    /// The relay may write into it what it likes.
    pub(crate) entry: &'a mut LogEntry,
}

pub(crate) enum Fate {
    Deliver,
    Drop,
    /// Kept until [`Lies::release`].
    Hold,
    /// Kept for this long, in order.
    Late(Duration),
}

type Rule = Box<dyn FnMut(Delivery<'_>) -> Fate + Send>;

/// What the relay lies about. Everything else it does as it should, and it lets nobody see from the numbers of entries that some
/// were dropped.
#[derive(Clone)]
pub(crate) struct Lies(Arc<Inner>);

struct Inner {
    rule: Mutex<Option<Rule>>,
    subjects: Mutex<HashMap<ParticipantId, String>>,
    /// The last commit that each subject was shown.
    shown: Mutex<HashMap<String, u64>>,
    is_deaf: AtomicBool,
    released: watch::Sender<u64>,
    halted: watch::Sender<BTreeSet<String>>,
}

impl Default for Lies {
    fn default() -> Self {
        let inner = Inner {
            rule: Mutex::default(),
            subjects: Mutex::default(),
            shown: Mutex::default(),
            is_deaf: AtomicBool::new(false),
            released: watch::Sender::new(0),
            halted: watch::Sender::new(BTreeSet::new()),
        };
        Self(Arc::new(inner))
    }
}

impl Lies {
    /// From now on this decides about each entry.
    pub(crate) fn about_entries(&self, rule: impl FnMut(Delivery<'_>) -> Fate + Send + 'static) {
        *self.0.rule.lock().unwrap() = Some(Box::new(rule));
    }

    /// Delivers what is held.
    pub(crate) fn release(&self) {
        self.0.released.send_modify(|count| *count += 1);
    }

    /// Delivers what is held and tells the truth from now on.
    pub(crate) fn confess(&self) {
        self.release();
        *self.0.rule.lock().unwrap() = None;
    }

    /// Throws nobody out any more, and says that it does.
    pub(crate) fn ignore_kicks(&self) {
        self.0.is_deaf.store(true, Ordering::Relaxed);
    }

    /// Holds all streams of groups to this subject back.
    pub(crate) fn halt_streams(&self, to: &str) {
        self.0.halted.send_modify(|halted| {
            halted.insert(to.to_owned());
        });
    }

    /// Delivers them all.
    pub(crate) fn resume_streams(&self) {
        self.0.halted.send_modify(BTreeSet::clear);
    }

    pub(super) fn judge(&self, to: &str, entry: &mut LogEntry) -> Fate {
        let from = self.0.subjects.lock().unwrap().get(&entry.sender).cloned().unwrap_or_default();
        let delivery = Delivery { to, from: &from, entry };
        self.0.rule.lock().unwrap().as_mut().map_or(Fate::Deliver, |rule| rule(delivery))
    }

    /// While it lies about entries it also says that there were no other commits.
    pub(super) fn hides_gaps(&self) -> bool {
        self.0.rule.lock().unwrap().is_some()
    }

    /// Who comes again is not to see what came meanwhile.
    pub(super) fn shown_before(&self, subject: &str) -> Option<u64> {
        self.0.shown.lock().unwrap().get(subject).copied().filter(|_| self.hides_gaps())
    }

    pub(super) fn note_shown(&self, subject: &str, last_handshake: u64) {
        self.0.shown.lock().unwrap().insert(subject.to_owned(), last_handshake);
    }

    pub(super) fn ignores(&self, message: &ClientMessage) -> Option<RelayMessage> {
        match message {
            ClientMessage::Kick { request, .. } if self.0.is_deaf.load(Ordering::Relaxed) => {
                Some(RelayMessage::Done { request: *request })
            }
            _ => None,
        }
    }

    pub(super) fn released(&self) -> watch::Receiver<u64> {
        self.0.released.subscribe()
    }

    /// Returns while nothing is held back from this subject.
    pub(super) async fn flows(&self, to: &str) {
        let mut halted = self.0.halted.subscribe();
        // The sender lives as long as this.
        let _ = halted.wait_for(|halted| !halted.contains(to)).await;
    }
}

pub(super) struct Front {
    world: Arc<World>,
    endpoint: Endpoint,
    lies: Lies,
}

impl Front {
    pub(super) const fn new(world: Arc<World>, endpoint: Endpoint, lies: Lies) -> Self {
        Self { world, endpoint, lies }
    }

    pub(super) async fn run(self) {
        let front = Arc::new(self);
        while let Some(incoming) = front.endpoint.accept().await {
            tokio::spawn(Arc::clone(&front).serve(incoming));
        }
    }

    async fn serve(self: Arc<Self>, incoming: Incoming) {
        // Who goes away before it is in ends nothing but its own task.
        let Ok(client) = incoming.await else { return };
        let Ok((to_client, from_client)) = client.accept_bi().await else { return };
        let mut control = Frames::new(from_client, CONTROL_MESSAGE_BYTES_MAX);
        let Some((relay, subject, to_client)) = self.enter(&mut control, to_client).await else { return };
        let at_relay = relay.connection.clone();
        self.lies.0.subjects.lock().unwrap().insert(relay.joined.participant, subject.clone());
        let view = Arc::new(View::new(subject, relay.joined.position.last_handshake, self.lies.clone()));
        tokio::spawn(pipes::run(client.clone(), relay, control, to_client, view));
        tokio::select! {
            why = client.closed() => close(&at_relay, &why),
            why = at_relay.closed() => close(&client, &why),
        }
    }

    /// Takes the client in as the relay would, and is taken in by the relay in its name: for a key of its own, since the client's
    /// proof is worth nothing on another connection.
    async fn enter(
        &self,
        control: &mut Frames,
        mut to_client: SendStream,
    ) -> Option<(Client, String, SendStream)> {
        control.next().await?;
        tell(&mut to_client, &RelayMessage::Challenge { nonce: ConnectionNonce([7; 32]) }).await;
        let ClientMessage::Join { token, .. } = ClientMessage::decode(control.next().await?).ok()? else {
            return None;
        };
        let payload = std::str::from_utf8(&token).ok()?.split('.').nth(1)?;
        let claims: serde_json::Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let subject = claims["sub"].as_str()?.to_owned();
        let role = Role::from_name(claims["isi"]["role"].as_str()?)?;
        let relay = &self.world.relay;
        let connection = self.endpoint.connect(relay.address, "localhost").ok()?.await.ok()?;
        let connected = Connected::over(connection).await;
        let claims = relay.claims(role, self.world.session, &subject, &connected.public_key());
        let client = connected.join_with(relay, claims).await;
        tell(&mut to_client, &RelayMessage::Joined(client.joined.clone())).await;
        Some((client, subject, to_client))
    }
}

fn close(connection: &Connection, why: &ConnectionError) {
    let code = match why {
        ConnectionError::ApplicationClosed(close) => close.error_code,
        _ => 0_u32.into(),
    };
    connection.close(code, b"");
}

/// Says something as a relay. A client that is gone needs to be told nothing.
pub(crate) async fn tell(to_client: &mut SendStream, message: &RelayMessage) {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    let _ = to_client.write_all(&bytes).await;
}

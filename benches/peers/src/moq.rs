//! Media over QUIC by moq-relay's own client: one broadcast with one track, groups as in our relay.

use crate::drive::Publisher;
use crate::plan::{Load, Plan};
use crate::tally::Tally;
use bytes::Bytes;
use isi_load::stamp::Stamp;
use moq_net::{Timestamp, broadcast, group, origin, track};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

const BROADCAST: &str = "duel";
const TRACK: &str = "frames";
const FRAMES_PER_GROUP: u64 = 30;
/// How long the relay may take to come up, and to tell receivers of the broadcast.
const PATIENCE: Duration = Duration::from_secs(20);
/// As our relay's media budget.
const GROUP_AGE_MAX: Duration = Duration::from_secs(3);
/// Until the subscriptions are with the publisher.
const SETTLE: Duration = Duration::from_millis(500);

/// Why moq-relay could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MoqError {
    #[error("moq-relay's client: {0}")]
    Client(#[from] moq_tokio::Error),
    #[error("moq-relay: {0}")]
    Net(#[from] moq_net::Error),
    #[error("moq-relay's address: {0}")]
    Url(#[from] url::ParseError),
    #[error("moq-relay did not tell of the broadcast")]
    Silent,
}

/// Writes each object as a frame.
pub(crate) struct MoqPublisher {
    track: track::Producer,
    group: Option<group::Producer>,
    frames_per_group: u64,
    sent: u64,
    _broadcast: broadcast::Producer,
    _alive: Vec<Box<dyn std::any::Any>>,
}

impl Publisher for MoqPublisher {
    type Error = MoqError;

    async fn send(&mut self, object: &[u8]) -> Result<(), MoqError> {
        let mut group = match self.group.take() {
            Some(group) => group,
            None => self.track.append_group()?,
        };
        group.write_frame(Timestamp::now(), Bytes::copy_from_slice(object))?;
        self.sent += 1;
        if self.sent.is_multiple_of(self.frames_per_group) {
            group.finish()?;
        } else {
            self.group = Some(group);
        }
        // Writing never waits in this library: let its tasks send.
        tokio::task::yield_now().await;
        Ok(())
    }
}

/// Publishes the broadcast and subscribes all receivers, each over a connection of its own.
pub(crate) async fn connect(
    address: SocketAddr,
    ca: &Path,
    plan: &Plan,
    tally: &Arc<Tally>,
) -> Result<MoqPublisher, MoqError> {
    let url: url::Url = format!("moql://localhost:{}/", address.port()).parse()?;
    let mut alive: Vec<Box<dyn std::any::Any>> = Vec::new();
    let origin = moq_tokio::origin::spawn();
    let broadcast = origin.create_broadcast(BROADCAST)?;
    let track = broadcast.create_track(TRACK, None)?;
    broadcast.announce(Default::default())?;
    alive.push(Box::new(client(ca)?.with_publisher(&origin).connect(url.clone())));
    alive.push(Box::new(origin));
    for _ in 0..plan.receivers {
        let origin = moq_tokio::origin::spawn();
        alive.push(Box::new(client(ca)?.with_subscriber(origin.clone()).connect(url.clone())));
        let subscriber = timeout(PATIENCE, subscribe(&origin)).await.map_err(|_| MoqError::Silent)??;
        tokio::spawn(receive(subscriber, Arc::clone(tally)));
        alive.push(Box::new(origin));
    }
    sleep(SETTLE).await;
    let frames_per_group = match plan.load {
        Load::Fanout | Load::Paced | Load::Small => FRAMES_PER_GROUP,
        Load::Messages => 4096,
        Load::Events | Load::InputAlone | Load::InputMixed => u64::MAX,
    };
    Ok(MoqPublisher { track, group: None, frames_per_group, sent: 0, _broadcast: broadcast, _alive: alive })
}

fn client(ca: &Path) -> Result<moq_tokio::Client, MoqError> {
    let mut config = moq_tokio::connect::Config::default();
    config.tls.root = vec![ca.to_owned()];
    config.bind = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    Ok(config.init(Default::default())?)
}

/// Groups may be as late as our relay lets them be; the default is to skip a group as soon as there is a newer one.
fn patient() -> track::Subscription {
    let mut subscription = track::Subscription::default();
    subscription.max_age = GROUP_AGE_MAX;
    subscription
}

async fn subscribe(origin: &origin::Producer) -> Result<track::Subscriber, MoqError> {
    let consumer = origin.consume();
    let mut announced = consumer.announced();
    while let Some(update) = announced.next().await {
        if update.kind.is_active() {
            let broadcast = consumer.request_broadcast(&update.prefix).await?;
            return Ok(broadcast.track(TRACK)?.subscribe(patient()).await?);
        }
    }
    Err(MoqError::Silent)
}

async fn receive(mut track: track::Subscriber, tally: Arc<Tally>) {
    while let Ok(Some(group)) = track.recv_group().await {
        tokio::spawn(read_group(group, Arc::clone(&tally)));
    }
}

async fn read_group(mut group: group::Consumer, tally: Arc<Tally>) {
    while let Ok(Some(frame)) = group.read_frame().await {
        if let Some(stamp) = Stamp::read(&frame.payload) {
            tally.arrived(&stamp, frame.payload.len());
        }
    }
}

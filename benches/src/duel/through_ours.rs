//! The load through our relay: tokens, joins, tracks, and many objects on each group's stream.

use super::drive::Publisher;
use super::ours_client::{Client, Door, OursError, new_session};
use super::plan::{Load, Plan};
use super::quic::Dialler;
use super::tally::Tally;
use bytes::Bytes;
use isi_account::Role;
use isi_load::client::Cutter;
use isi_load::stamp::Stamp;
use isi_wire::{Audience, DeliveryClass, GroupHeader, TrackAlias, TrackKind, write_object_length};
use quinn::{Connection, RecvStream, SendStream};
use std::sync::Arc;

/// Frames between two keyframes, so in one group: a second of video.
pub const FRAMES_PER_GROUP: u64 = 30;
/// Messages that come back to back share a group.
const MESSAGES_PER_GROUP: u64 = 4096;
/// A stream that stays open.
pub const ONE_GROUP: u64 = u64::MAX;
/// Chunks read at once.
const CHUNKS_AT_ONCE_MAX: usize = 32;

/// Sends objects in groups.
pub struct OursPublisher {
    client: Client,
    alias: TrackAlias,
    class: DeliveryClass,
    objects_per_group: u64,
    sent: u64,
    group: Option<SendStream>,
    /// Of the receivers: who leaves ends its connection.
    receivers: Vec<Client>,
}

impl Publisher for OursPublisher {
    type Error = OursError;

    async fn send(&mut self, object: &[u8]) -> Result<(), OursError> {
        let mut head = Vec::with_capacity(GroupHeader::BYTES_MAX + 8);
        let mut stream = match self.group.take() {
            Some(stream) => stream,
            None => {
                let group = self.sent / self.objects_per_group;
                GroupHeader { alias: self.alias, group, class: self.class, offset: 0 }.encode(&mut head);
                self.client.connection.open_uni().await?
            }
        };
        write_object_length(&mut head, object.len());
        stream.write_all_chunks(&mut [head.into(), Bytes::copy_from_slice(object)]).await?;
        self.sent += 1;
        if self.sent.is_multiple_of(self.objects_per_group) {
            // Only a stream that was reset cannot be finished.
            let _ = stream.finish();
        } else {
            self.group = Some(stream);
        }
        Ok(())
    }
}

impl OursPublisher {
    /// Publishes a track, and begins a group every so many objects.
    ///
    /// # Errors
    /// [`OursError`]
    pub async fn publish(
        mut client: Client,
        track: Track,
        objects_per_group: u64,
    ) -> Result<Self, OursError> {
        let Track(kind, class, audience) = track;
        let alias = client.publish(kind, class, audience).await?;
        Ok(Self { client, alias, class, objects_per_group, sent: 0, group: None, receivers: Vec::new() })
    }

    /// What its receivers subscribe to.
    #[must_use]
    pub const fn alias(&self) -> TrackAlias {
        self.alias
    }

    /// Another one who stays as long as this does.
    pub fn keep(&mut self, receiver: Client) {
        self.receivers.push(receiver);
    }
}

/// What is published, how urgent it is, and who may have it.
#[derive(Clone, Copy, Debug)]
pub struct Track(pub TrackKind, pub DeliveryClass, pub Audience);

impl Track {
    /// Frames of a screen, for everyone.
    pub const SCREEN: Self = Self(TrackKind::Screen, DeliveryClass::Media, Audience::Everyone);
    /// A document, for everyone.
    pub const DOCUMENT: Self = Self(TrackKind::Document, DeliveryClass::Bulk, Audience::Everyone);

    /// Input goes to the one whom it drives.
    #[must_use]
    pub const fn input(driven: &Client) -> Self {
        Self(TrackKind::Input, DeliveryClass::Input, Audience::One(driven.participant))
    }
}

/// Joins all receivers and the publisher, and subscribes.
///
/// # Errors
/// [`OursError`]
pub async fn connect(
    dialler: &Dialler,
    door: &Door,
    plan: &Plan,
    tally: &Arc<Tally>,
) -> Result<OursPublisher, OursError> {
    let session = new_session()?;
    let publisher = Client::join(dialler, door, session, Role::Organizer, "publisher").await?;
    let mut receivers = Vec::with_capacity(plan.receivers);
    for number in 0..plan.receivers {
        let receiver =
            Client::join(dialler, door, session, Role::Viewer, &format!("receiver-{number}")).await?;
        let tally = Arc::clone(tally);
        tokio::spawn(receive(receiver.connection.clone(), move |stamp, bytes| tally.arrived(stamp, bytes)));
        receivers.push(receiver);
    }
    let track = match (plan.load, receivers.as_slice()) {
        (Load::Events, [driven]) => Track::input(driven),
        _ => Track::SCREEN,
    };
    let mut publisher = OursPublisher::publish(publisher, track, objects_per_group(plan.load)).await?;
    for mut receiver in receivers {
        if track.2 == Audience::Everyone {
            receiver.subscribe(publisher.alias()).await?;
        }
        publisher.keep(receiver);
    }
    Ok(publisher)
}

const fn objects_per_group(load: Load) -> u64 {
    match load {
        Load::Fanout | Load::Paced | Load::Small => FRAMES_PER_GROUP,
        Load::Messages => MESSAGES_PER_GROUP,
        // A lease has one stream.
        Load::Events | Load::InputAlone | Load::InputMixed => ONE_GROUP,
    }
}

/// Tells of every object that becomes whole. The relay's first stream is the log, where nothing is said; each other one is a group.
pub async fn receive(
    connection: Connection,
    arrived: impl Fn(&Stamp, usize) + Clone + Send + Sync + 'static,
) {
    while let Ok(stream) = connection.accept_uni().await {
        tokio::spawn(read_group(stream, arrived.clone()));
    }
}

async fn read_group(mut stream: RecvStream, arrived: impl Fn(&Stamp, usize)) {
    let mut cutter = Cutter::default();
    let mut chunks = [const { Bytes::new() }; CHUNKS_AT_ONCE_MAX];
    while let Ok(Some(count)) = stream.read_chunks(&mut chunks).await {
        for chunk in chunks.get(..count).unwrap_or_default() {
            let cut = cutter.push(chunk, |stamp, bytes| {
                if let Some(stamp) = Stamp::read(stamp) {
                    arrived(&stamp, bytes);
                }
            });
            if cut.is_err() {
                return;
            }
        }
    }
}

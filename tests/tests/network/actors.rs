//! People who send: a screen, a document, typing. Each is a task until its connection ends or the test drops the handle.

use crate::journal::{header, stamped};
use isi_netsim::Network;
use isi_testkit::{Client, group_stream};
use isi_wire::{DeliveryClass, RelayMessage, TrackAlias, write_object_length};
use quinn::{Connection, SendStream, WriteError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};

/// quinn sends streams of a higher priority first.
const PRIORITY_INPUT: i32 = 10;

/// A task that ends when this is dropped.
pub(crate) struct Acting(AbortHandle);

impl Drop for Acting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn act(task: impl Future<Output = ()> + Send + 'static) -> Acting {
    Acting(tokio::spawn(task).abort_handle())
}

/// What a screen sends.
#[derive(Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) alias: TrackAlias,
    pub(crate) frame_bytes: usize,
    pub(crate) frame_interval: Duration,
    pub(crate) frames_per_group: u64,
}

/// What a sender has done so far.
#[derive(Clone, Default)]
pub(crate) struct Sent(Arc<Counters>);

#[derive(Default)]
struct Counters {
    objects: AtomicU64,
    keyframes_wanted: AtomicU64,
    is_keyframe_wanted: AtomicBool,
}

impl Sent {
    /// Objects that QUIC has taken.
    fn objects(&self) -> u64 {
        self.0.objects.load(Ordering::Relaxed)
    }

    pub(crate) fn keyframes_wanted(&self) -> u64 {
        self.0.keyframes_wanted.load(Ordering::Relaxed)
    }
}

/// Shares a screen: a keyframe every so many frames and whenever one is asked for. A frame that is due while the last one is not
/// yet with QUIC is left out.
pub(crate) fn share(network: &Network, client: Client, screen: Screen) -> (Acting, Sent) {
    let (network, sent) = (network.clone(), Sent::default());
    let (hearing, sending) = (sent.clone(), sent.clone());
    let connection = client.connection.clone();
    let frames = async move {
        let _hearing = act(hear_requests(client, hearing));
        let mut frames = interval(screen.frame_interval);
        frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut group, mut left, mut stream) = (0, 0, None);
        loop {
            frames.tick().await;
            if left == 0 || stream.is_none() || sending.0.is_keyframe_wanted.swap(false, Ordering::Relaxed) {
                finish(stream.take());
                group += 1;
                left = screen.frames_per_group;
                stream = Some(
                    group_stream(&connection, header(screen.alias, DeliveryClass::Media, group)).await.0,
                );
            }
            left -= 1;
            let number = sending.objects();
            let frame = stamped(network.now(), number, screen.frame_bytes);
            match write(stream.as_mut().unwrap(), &frame).await {
                Ok(()) => drop(sending.0.objects.fetch_add(1, Ordering::Relaxed)),
                Err(WriteError::Stopped(_)) => stream = None,
                Err(_) => return,
            }
        }
    };
    (act(frames), sent)
}

async fn hear_requests(mut client: Client, sent: Sent) {
    loop {
        // Not `Client::hear`: it takes silence for a failure.
        let Some(message) = client.answers.next_or_end().await else { return };
        if matches!(message, RelayMessage::KeyframeWanted { .. }) {
            sent.0.keyframes_wanted.fetch_add(1, Ordering::Relaxed);
            sent.0.is_keyframe_wanted.store(true, Ordering::Relaxed);
        }
    }
}

/// Sends a document without end, in objects of this size, as fast as it is taken.
pub(crate) fn send_document(
    network: &Network,
    connection: &Connection,
    alias: TrackAlias,
    object_bytes: usize,
) -> (Acting, Sent) {
    let (network, connection, sent) = (network.clone(), connection.clone(), Sent::default());
    let sending = sent.clone();
    let document = async move {
        let (mut stream, _) = group_stream(&connection, header(alias, DeliveryClass::Bulk, 1)).await;
        stream.set_priority(-1).unwrap();
        loop {
            let object = stamped(network.now(), sending.objects(), object_bytes);
            if write(&mut stream, &object).await.is_err() {
                return;
            }
            sending.0.objects.fetch_add(1, Ordering::Relaxed);
        }
    };
    (act(document), sent)
}

/// Somebody types.
pub(crate) struct Typing {
    pub(crate) alias: TrackAlias,
    pub(crate) events: u64,
    pub(crate) interval: Duration,
    /// Bytes above the send window that an event may take, when documents have filled it.
    pub(crate) reserve_bytes: u64,
}

/// Sends one event after the other and returns when QUIC has taken the last.
pub(crate) async fn type_events(network: &Network, connection: &Connection, typing: Typing) {
    use crate::world::SEND_WINDOW_BYTES;
    let (mut stream, _) = group_stream(connection, header(typing.alias, DeliveryClass::Input, 1)).await;
    stream.set_priority(PRIORITY_INPUT).unwrap();
    let mut due = interval(typing.interval);
    for number in 0..typing.events {
        due.tick().await;
        let event = stamped(network.now(), number, 64);
        connection.set_send_window(SEND_WINDOW_BYTES + typing.reserve_bytes);
        write(&mut stream, &event).await.unwrap();
        connection.set_send_window(SEND_WINDOW_BYTES);
    }
    finish(Some(stream));
}

async fn write(stream: &mut SendStream, object: &[u8]) -> Result<(), WriteError> {
    let mut bytes = Vec::with_capacity(object.len() + 8);
    write_object_length(&mut bytes, object.len());
    bytes.extend_from_slice(object);
    stream.write_all(&bytes).await
}

fn finish(stream: Option<SendStream>) {
    if let Some(mut stream) = stream {
        // Stopped meanwhile: then it has ended anyway.
        let _ = stream.finish();
    }
}

//! A minimal stock quinn forwarder: the yardstick that every relay figure is given as a ratio to.
//!
//! It does the least that still forwards: one publisher, any number of subscribers, one stream per frame, chunks passed
//! on as they arrive. No tokens, no tracks, no budgets, no log. A subscriber that lags is waited for.

use bytes::Bytes;
use quinn::{Connection, Endpoint, Incoming, RecvStream};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// Chunks queued between the reader of a frame and one subscriber's stream.
const CHUNKS_QUEUED_MAX: usize = 64;

/// The byte a publisher sends first on its bidirectional stream; the forwarder sends it back.
pub const ROLE_PUBLISHER: u8 = b'p';
/// The byte a subscriber sends first on its bidirectional stream; the forwarder sends it back.
pub const ROLE_SUBSCRIBER: u8 = b's';

type Subscribers = Arc<Mutex<Vec<Connection>>>;

/// Forwards until the endpoint is closed.
pub async fn run(endpoint: Endpoint) {
    let subscribers = Subscribers::default();
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(serve(incoming, subscribers.clone()));
    }
}

async fn serve(incoming: Incoming, subscribers: Subscribers) -> Option<()> {
    let connection = incoming.await.ok()?;
    let (mut answer, mut role_stream) = connection.accept_bi().await.ok()?;
    let mut role = [0];
    role_stream.read_exact(&mut role).await.ok()?;
    if role[0] == ROLE_SUBSCRIBER {
        subscribers.lock().unwrap_or_else(PoisonError::into_inner).push(connection.clone());
    }
    answer.write_all(&role).await.ok()?;
    while let Ok(frame) = connection.accept_uni().await {
        tokio::spawn(forward(frame, subscribers.clone()));
    }
    subscribers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .retain(|subscriber| subscriber.stable_id() != connection.stable_id());
    Some(())
}

async fn forward(mut frame: RecvStream, subscribers: Subscribers) {
    let senders: Vec<_> = subscribers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
        .map(|subscriber| {
            let (sender, chunks) = mpsc::channel(CHUNKS_QUEUED_MAX);
            tokio::spawn(write_frame(subscriber.clone(), chunks));
            sender
        })
        .collect();
    while let Ok(Some(chunk)) = frame.read_chunk(usize::MAX, true).await {
        for sender in &senders {
            // A subscriber that is gone costs the others nothing.
            let _gone = sender.send(chunk.bytes.clone()).await;
        }
    }
}

async fn write_frame(subscriber: Connection, mut chunks: mpsc::Receiver<Bytes>) -> Option<()> {
    let mut stream = subscriber.open_uni().await.ok()?;
    while let Some(chunk) = chunks.recv().await {
        stream.write_chunk(chunk).await.ok()?;
    }
    stream.finish().ok()
}

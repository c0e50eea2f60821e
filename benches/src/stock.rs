//! A minimal stock quinn forwarder: the yardstick that every relay figure is given as a ratio to.
//!
//! It does the least that still forwards: one publisher, any number of subscribers, one stream per frame, chunks passed
//! on as they arrive. No tokens, no tracks, no budgets, no log. A subscriber that lags is waited for: frames under way are
//! bounded, and the publisher is held back by not accepting its next stream.

use bytes::Bytes;
use quinn::{Connection, Endpoint, Incoming, RecvStream, SendStream, VarInt};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Frames of one publisher under way at a time. More wait in the transport, within its windows.
const FRAMES_UNDER_WAY_MAX: usize = 64;
/// Chunks passed on at once. A chunk is what a packet brought, so this is half a frame of 64 KiB.
const CHUNKS_AT_ONCE_MAX: usize = 32;

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
    if role == [ROLE_SUBSCRIBER] {
        subscribers.lock().unwrap_or_else(PoisonError::into_inner).push(connection.clone());
    }
    answer.write_all(&role).await.ok()?;
    let under_way = Arc::new(Semaphore::new(FRAMES_UNDER_WAY_MAX));
    while let Ok(place) = Arc::clone(&under_way).acquire_owned().await {
        let Ok(frame) = connection.accept_uni().await else { break };
        let subscribers = subscribers.clone();
        tokio::spawn(async move {
            forward(frame, &subscribers).await;
            drop(place);
        });
    }
    let gone = connection.stable_id();
    let mut subscribers = subscribers.lock().unwrap_or_else(PoisonError::into_inner);
    subscribers.retain(|subscriber| subscriber.stable_id() != gone);
    Some(())
}

async fn forward(mut frame: RecvStream, subscribers: &Subscribers) {
    let subscribers = subscribers.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut copies = Vec::with_capacity(subscribers.len());
    for subscriber in subscribers {
        // A subscriber that is gone costs the others nothing.
        copies.extend(subscriber.open_uni().await);
    }
    let mut chunks = [const { Bytes::new() }; CHUNKS_AT_ONCE_MAX];
    loop {
        match frame.read_chunks(&mut chunks).await {
            Ok(Some(count)) => pass_on(chunks.get(..count).unwrap_or_default(), &mut copies).await,
            Ok(None) => return end_all(copies, |copy| copy.finish()),
            Err(_) => return end_all(copies, |copy| copy.reset(VarInt::from_u32(0))),
        }
    }
}

async fn pass_on(chunks: &[Bytes], copies: &mut Vec<SendStream>) {
    let mut index = 0;
    while let Some(copy) = copies.get_mut(index) {
        match copy.write_all_chunks(&mut chunks.to_vec()).await {
            Ok(()) => index += 1,
            Err(_) => drop(copies.swap_remove(index)),
        }
    }
}

fn end_all(mut copies: Vec<SendStream>, end: impl Fn(&mut SendStream) -> Result<(), quinn::ClosedStream>) {
    for copy in &mut copies {
        // Fails only for a subscriber that is gone.
        let _ = end(copy);
    }
}

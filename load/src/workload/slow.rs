use super::person::{Room, Run};
use crate::client::{Attending, ClientError, Cutter};
use isi_wire::TrackInfo;
use quinn::{Connection, RecvStream};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// How long one that reconnects all the time stays.
const STAY: Duration = Duration::from_millis(250);
/// How often one at a tenth of the rate looks whether it may read on.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Bytes that it reads at once.
const READ_BYTES_MAX: usize = 16 * 1024;

/// A receiver that the others should not notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slow {
    /// Reads nothing.
    Stopped,
    /// Reads a tenth of what the others get.
    Tenth,
    /// Comes, subscribes and goes, all the time.
    Reconnecting,
}

impl Slow {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Stopped, Self::Tenth, Self::Reconnecting];

    /// Its name on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Tenth => "tenth",
            Self::Reconnecting => "reconnecting",
        }
    }
}

/// Wants everything, and tells nobody.
struct Anything;

impl Attending for Anything {
    fn wants(&self, _track: &TrackInfo) -> bool {
        true
    }
}

/// Comes and goes until it is dropped.
pub(super) async fn reconnect(run: Arc<Run>, session: u32) {
    loop {
        // A join that fails is tried again: it is the relay's right to be busy.
        if let Ok(client) = run.dialler.join(run.sessions.id(session)).await {
            run.counts.reconnects.fetch_add(1, Ordering::Relaxed);
            let _attendance = client.attend(Arc::new(Anything));
            sleep(STAY).await;
        } else {
            sleep(STAY).await;
        }
    }
}

/// Reads a tenth of what the others get, until the connection ends.
pub(super) async fn receive_tenth(connection: Connection, run: Arc<Run>, room: Arc<Room>) {
    let read_bytes = Arc::new(AtomicU64::new(0));
    while let Ok(stream) = connection.accept_uni().await {
        let (run, room, read_bytes) = (Arc::clone(&run), Arc::clone(&room), Arc::clone(&read_bytes));
        tokio::spawn(async move {
            // A group that the relay gives up ends here.
            let _ = read_slowly(stream, &run, &room, &read_bytes).await;
        });
    }
}

async fn read_slowly(
    mut stream: RecvStream,
    run: &Run,
    room: &Room,
    read_bytes: &AtomicU64,
) -> Result<Infallible, ClientError> {
    let mut cutter = Cutter::default();
    let receivers = u64::from(run.load.receivers.max(1));
    loop {
        while read_bytes.load(Ordering::Relaxed) * 10 * receivers
            > room.delivered_bytes.load(Ordering::Relaxed)
        {
            sleep(LOOK_EVERY).await;
        }
        let chunk = stream.read_chunk(READ_BYTES_MAX, true).await?.ok_or(ClientError::Protocol)?;
        read_bytes.fetch_add(chunk.bytes.len() as u64, Ordering::Relaxed);
        let mut whole = 0;
        cutter.push(&chunk.bytes, |_, _| whole += 1).map_err(|_| ClientError::Protocol)?;
        run.counts.slow_objects.fetch_add(whole, Ordering::Relaxed);
    }
}

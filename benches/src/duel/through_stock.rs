//! The load through the minimal forwarder: a stream per object.

use super::drive::Publisher;
use super::quic::{DialError, Dialler};
use super::tally::Tally;
use crate::stock::{ROLE_PUBLISHER, ROLE_SUBSCRIBER};
use isi_load::stamp::{STAMP_BYTES, Stamp};
use quinn::{Connection, RecvStream};
use std::sync::Arc;

/// Why the forwarder could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StockError {
    /// No connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection ended.
    #[error("connection: {0}")]
    Connection(#[from] quinn::ConnectionError),
    /// A stream was refused.
    #[error("writing: {0}")]
    Write(#[from] quinn::WriteError),
    /// The forwarder did not say that it took the role.
    #[error("reading: {0}")]
    Read(#[from] quinn::ReadExactError),
}

/// Sends each object on a stream of its own.
#[derive(Debug)]
pub struct StockPublisher(Connection);

impl Publisher for StockPublisher {
    type Error = StockError;

    async fn send(&mut self, object: &[u8]) -> Result<(), StockError> {
        let mut stream = self.0.open_uni().await?;
        stream.write_all(object).await?;
        // Only a stream that was reset cannot be finished.
        let _ = stream.finish();
        Ok(())
    }
}

/// Connects all receivers, then the publisher.
///
/// # Errors
/// [`StockError`]
pub async fn connect(
    dialler: &Dialler,
    receivers: usize,
    tally: &Arc<Tally>,
) -> Result<StockPublisher, StockError> {
    for _ in 0..receivers {
        let connection = take_role(dialler, ROLE_SUBSCRIBER).await?;
        tokio::spawn(receive(connection, Arc::clone(tally)));
    }
    Ok(StockPublisher(take_role(dialler, ROLE_PUBLISHER).await?))
}

async fn take_role(dialler: &Dialler, role: u8) -> Result<Connection, StockError> {
    let connection = dialler.dial().await?;
    let (mut send, mut receive) = connection.open_bi().await?;
    send.write_all(&[role]).await?;
    receive.read_exact(&mut [0]).await?;
    Ok(connection)
}

async fn receive(connection: Connection, tally: Arc<Tally>) {
    while let Ok(stream) = connection.accept_uni().await {
        let tally = Arc::clone(&tally);
        tokio::spawn(async move {
            if let Some((stamp, bytes)) = read_object(stream).await {
                tally.arrived(&stamp, bytes);
            }
        });
    }
}

/// `None` for a stream that was cut.
async fn read_object(mut stream: RecvStream) -> Option<(Stamp, usize)> {
    let mut head = [0; STAMP_BYTES];
    stream.read_exact(&mut head).await.ok()?;
    let mut bytes = STAMP_BYTES;
    while let Some(chunk) = stream.read_chunk(usize::MAX, true).await.ok()? {
        bytes += chunk.bytes.len();
    }
    Some((Stamp::read(&head)?, bytes))
}

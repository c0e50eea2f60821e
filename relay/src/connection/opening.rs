use quinn::{Connection, ConnectionError, SendStream};
use std::pin::Pin;
use std::task::{Context, Poll};

type OpenFuture = Pin<Box<dyn Future<Output = Result<SendStream, ConnectionError>> + Send>>;

/// Opens streams for a task that must not wait: when the receiver allows no more streams, the task is woken once it does.
pub(super) struct Opening {
    connection: Connection,
    /// Kept between polls, because dropping it would forget whom to wake.
    waiting: Option<OpenFuture>,
}

impl Opening {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, waiting: None }
    }

    /// The next stream.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<SendStream, ConnectionError>> {
        let future = self.waiting.get_or_insert_with(|| {
            let connection = self.connection.clone();
            Box::pin(async move { connection.open_uni().await })
        });
        let polled = future.as_mut().poll(cx);
        if polled.is_ready() {
            self.waiting = None;
        }
        polled
    }
}

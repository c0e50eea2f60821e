use bytes::Bytes;
use quinn::{SendDatagramError, SendStream, WriteError};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// Written bytes that wait for acknowledgement: the bound on how stale our own frames get.
pub(super) const SEND_WINDOW_BYTES: u64 = 1024 * 1024;
/// What input may write above [`SEND_WINDOW_BYTES`].
const INPUT_RESERVE_BYTES: u64 = 256 * 1024;
/// What control and log may write above it. Input has the rest for itself: messages may be large and many.
const CONTROL_RESERVE_BYTES: u64 = 128 * 1024;

/// Which streams go first. quinn sends those of a higher priority first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    /// Frames.
    Media = 0,
    /// Control and log come before media, after input.
    Control = 5,
    /// Keyboard and clicks go before everything else.
    Input = 10,
}

impl Priority {
    const fn reserve_bytes(self) -> u64 {
        match self {
            Self::Media => 0,
            Self::Control => CONTROL_RESERVE_BYTES,
            Self::Input => INPUT_RESERVE_BYTES,
        }
    }
}

/// A connection's send window, shared by all who write. When frames fill it, quinn would make input wait for acknowledgements;
/// so a part of it is kept for what is urgent.
#[derive(Clone, Debug)]
pub(crate) struct SendWindow {
    connection: quinn::Connection,
    /// Held during each write, so that a window that is raised for one is not raised for others.
    turn: Arc<Mutex<()>>,
}

impl SendWindow {
    pub(crate) fn new(connection: quinn::Connection) -> Self {
        Self { connection, turn: Arc::default() }
    }

    /// Opens a stream, once the relay allows one more.
    pub(super) async fn open_uni(&self) -> Result<SendStream, quinn::ConnectionError> {
        self.connection.open_uni().await
    }

    /// Sends one datagram now or never.
    pub(crate) fn send_datagram(&self, datagram: Bytes) -> Result<(), SendDatagramError> {
        self.connection.send_datagram(datagram)
    }

    /// Writes what the window takes, as soon as it takes anything; gives how many bytes. Cancel safe.
    pub(super) async fn write(
        &self,
        stream: &mut SendStream,
        priority: Priority,
        bytes: &[u8],
    ) -> Result<usize, WriteError> {
        poll_fn(|cx| self.poll_write(stream, priority, bytes, cx)).await
    }

    fn poll_write(
        &self,
        stream: &mut SendStream,
        priority: Priority,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, WriteError>> {
        // The lock guards no data that a panic could leave half done.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let written = pin!(stream.write(bytes)).poll(cx);
        let reserve_bytes = priority.reserve_bytes();
        if written.is_ready() || reserve_bytes == 0 {
            return written;
        }
        self.connection.set_send_window(SEND_WINDOW_BYTES + reserve_bytes);
        let written = pin!(stream.write(bytes)).poll(cx);
        self.connection.set_send_window(SEND_WINDOW_BYTES);
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Dialled, dial};
    use crate::{ConnectOptions, TrustAnchors};
    use isi_testkit::Relay;
    use std::task::Waker;

    /// Writes until nothing more is taken.
    fn fill(window: &SendWindow, stream: &mut SendStream, priority: Priority) -> u64 {
        let cx = &mut Context::from_waker(Waker::noop());
        let mut taken = 0;
        while let Poll::Ready(written) = window.poll_write(stream, priority, &[0; 4096], cx) {
            taken += written.unwrap() as u64;
        }
        taken
    }

    #[tokio::test]
    async fn a_window_full_of_frames_holds_back_neither_input_nor_control() {
        let relay = Relay::start();
        let url = format!("isi://{}", relay.origin()).parse().unwrap();
        let mut options = ConnectOptions::new(url, TrustAnchors::Pem(relay.ca_pem()));
        options.connect_addr = Some(relay.address);
        let Dialled { endpoint: _endpoint, connection } = dial(&options).await.unwrap();
        let window = SendWindow::new(connection);
        // One stream takes less than the window.
        let mut frames = Vec::new();
        for _ in 0..3 {
            frames.push(window.open_uni().await.unwrap());
        }
        let (mut control, mut input) = (window.open_uni().await.unwrap(), window.open_uni().await.unwrap());
        // From here on nothing waits, so nothing is acknowledged.
        let mut fill_with_frames =
            || frames.iter_mut().map(|stream| fill(&window, stream, Priority::Media)).sum::<u64>();
        assert_eq!(fill_with_frames(), SEND_WINDOW_BYTES);
        let cx = &mut Context::from_waker(Waker::noop());
        let event = window.poll_write(&mut input, Priority::Input, &[0; 100], cx);
        assert!(matches!(event, Poll::Ready(Ok(100))), "input waits behind frames");
        assert_eq!(fill_with_frames(), 0, "frames got what is kept for input");
        let enough = 64 * 1024;
        assert!(fill(&window, &mut control, Priority::Control) >= enough, "control waits behind frames");
        assert!(fill(&window, &mut input, Priority::Input) >= enough, "input waits behind messages");
    }
}

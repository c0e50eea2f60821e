use super::{Priority, SendWindow};
use crate::error::Disconnected;
use crate::limits::OUTGOING_BYTES_MAX;
use bytes::{Buf as _, BytesMut};
use isi_wire::{GroupHeader, ResetCode, write_object_length};
use quinn::{SendStream, VarInt, WriteError};

/// What waits to go out on a stream that lives as long as the connection.
#[derive(Debug)]
pub(crate) struct OutQueue {
    window: SendWindow,
    stream: SendStream,
    waiting: BytesMut,
}

impl OutQueue {
    /// For a stream of this window's connection.
    pub(crate) fn new(window: SendWindow, stream: SendStream) -> Self {
        // The stream is ours and open: the call cannot fail in a way that matters.
        let _ = stream.set_priority(Priority::Control as i32);
        Self { window, stream, waiting: BytesMut::new() }
    }

    /// Appends what `encode` writes.
    pub(crate) fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        encode(&mut bytes);
        self.waiting.extend_from_slice(&bytes);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether the bound is reached: refuse the call that would add more.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= OUTGOING_BYTES_MAX
    }

    /// Writes until nothing waits. Cancel safe: what was written is taken off at once.
    pub(crate) async fn flush(&mut self) -> Result<(), Disconnected> {
        while !self.waiting.is_empty() {
            let written = self.window.write(&mut self.stream, Priority::Control, &self.waiting).await;
            self.waiting.advance(written.map_err(|error| disconnected(&error))?);
        }
        Ok(())
    }
}

/// One group's stream. Dropped before its end it is reset: a cut group must not look whole.
#[derive(Debug)]
pub(crate) struct GroupWriter {
    window: SendWindow,
    stream: SendStream,
    priority: Priority,
    open: bool,
}

impl GroupWriter {
    /// Opens the stream and writes the group's header.
    pub(crate) async fn open(
        window: &SendWindow,
        header: GroupHeader,
        priority: Priority,
    ) -> Result<Self, Disconnected> {
        let stream = window.open_uni().await.map_err(|error| Disconnected::from_connection(&error))?;
        // The stream is ours and open: the call cannot fail in a way that matters.
        let _ = stream.set_priority(priority as i32);
        let mut writer = Self { window: window.clone(), stream, priority, open: true };
        let mut bytes = Vec::with_capacity(1 + GroupHeader::BYTES_MAX);
        header.encode(&mut bytes);
        writer.write(&bytes).await?;
        Ok(writer)
    }

    /// Writes one object. Not cancel safe: a dropped call leaves a cut object, so drop the writer with it.
    pub(crate) async fn object(&mut self, object: &[u8]) -> Result<(), Disconnected> {
        let mut length = Vec::with_capacity(8);
        write_object_length(&mut length, object.len());
        self.write(&length).await?;
        self.write(object).await
    }

    /// Ends the group: all of it was written.
    pub(crate) fn finish(mut self) {
        self.open = false;
        let _ = self.stream.finish();
    }

    async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Disconnected> {
        while !bytes.is_empty() {
            let written = self.window.write(&mut self.stream, self.priority, bytes).await;
            bytes.advance(written.map_err(|error| disconnected(&error))?);
        }
        Ok(())
    }
}

impl Drop for GroupWriter {
    fn drop(&mut self) {
        if self.open {
            let _ = self.stream.reset(VarInt::from_u32(ResetCode::Cancelled as u32));
        }
    }
}

/// A stopped stream is no lost connection: `Done` stands for "the relay wants no more of this stream".
fn disconnected(error: &WriteError) -> Disconnected {
    match error {
        WriteError::ConnectionLost(error) => Disconnected::from_connection(error),
        WriteError::Stopped(_) | WriteError::ClosedStream | WriteError::ZeroRttRejected => Disconnected::Done,
    }
}

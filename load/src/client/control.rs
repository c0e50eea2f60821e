use super::ClientError;
use isi_wire::limits::CONTROL_MESSAGE_BYTES_MAX;
use isi_wire::{ClientMessage, FrameBuffer, RelayMessage, RequestId};
use quinn::{Connection, RecvStream, SendStream};

/// Bytes read from the control stream at once.
const READ_BYTES_MAX: usize = 64 * 1024;

/// The control stream, both directions.
#[derive(Debug)]
pub(super) struct Control {
    send: SendStream,
    receive: RecvStream,
    buffer: FrameBuffer,
    requests: u32,
}

impl Control {
    pub(super) async fn open(connection: &Connection) -> Result<Self, ClientError> {
        let (send, receive) = connection.open_bi().await?;
        Ok(Self { send, receive, buffer: FrameBuffer::new(CONTROL_MESSAGE_BYTES_MAX), requests: 0 })
    }

    pub(super) async fn say(&mut self, message: &ClientMessage) -> Result<(), ClientError> {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        Ok(self.send.write_all(&bytes).await?)
    }

    /// A request id that was not used.
    pub(super) const fn request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }

    /// The relay's next message. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<RelayMessage, ClientError> {
        loop {
            if let Some(frame) = self.buffer.next_frame()? {
                return Ok(RelayMessage::decode(frame)?);
            }
            match self.receive.read_chunk(READ_BYTES_MAX, true).await? {
                Some(chunk) => self.buffer.push(&chunk.bytes),
                None => return Err(ClientError::Lost("the control stream ended".to_owned())),
            }
        }
    }
}

use super::within;
use bytes::Bytes;
use isi_wire::limits::WELCOME_BYTES_MAX;
use isi_wire::{DecodeError, FrameBuffer, GroupHeader, LogEntry, StreamType};
use quinn::{Connection, ReadError, RecvStream, SendStream};

/// A group as a receiver gets it.
pub struct Incoming {
    /// The group's header.
    pub header: GroupHeader,
    /// All bytes so far, stream type and header included.
    pub bytes: Vec<u8>,
    /// The rest of it.
    pub stream: RecvStream,
}

impl Incoming {
    /// Takes the next stream that the relay opens.
    pub async fn accept(connection: &Connection) -> Self {
        let mut stream = within(connection.accept_uni()).await.unwrap();
        let mut bytes = Vec::new();
        loop {
            match parse_head(&bytes) {
                Ok(header) => return Self { header, bytes, stream },
                Err(DecodeError::Truncated) => read_some(&mut stream, &mut bytes).await.unwrap(),
                Err(error) => panic!("not a group: {error}"),
            }
        }
    }

    /// Reads until at least this many bytes are there, header included.
    pub async fn read_at_least(&mut self, count: usize) {
        while self.bytes.len() < count {
            read_some(&mut self.stream, &mut self.bytes).await.unwrap();
        }
    }

    /// Everything, header included; the stream must have been finished.
    pub async fn read_to_end(mut self) -> Result<Vec<u8>, ReadError> {
        loop {
            match within(self.stream.read_chunk(usize::MAX, true)).await? {
                Some(chunk) => self.bytes.extend_from_slice(&chunk.bytes),
                None => return Ok(self.bytes),
            }
        }
    }
}

fn parse_head(bytes: &[u8]) -> Result<GroupHeader, DecodeError> {
    let mut head = Bytes::copy_from_slice(bytes);
    assert_eq!(StreamType::decode(&mut head)?, StreamType::Group);
    GroupHeader::decode(&mut head)
}

async fn read_some(stream: &mut RecvStream, into: &mut Vec<u8>) -> Result<(), ReadError> {
    let chunk = within(stream.read_chunk(usize::MAX, true)).await?.expect("ended too early");
    into.extend_from_slice(&chunk.bytes);
    Ok(())
}

/// The log as the relay sends it.
pub struct LogReader {
    stream: RecvStream,
    buffer: FrameBuffer,
}

impl LogReader {
    /// Takes the next stream that the relay opens.
    pub async fn accept(connection: &Connection) -> Self {
        let mut stream = within(connection.accept_uni()).await.unwrap();
        let mut first = [0; 1];
        within(stream.read_exact(&mut first)).await.unwrap();
        assert_eq!(StreamType::decode(&mut &first[..]), Ok(StreamType::Log));
        Self { stream, buffer: FrameBuffer::new(WELCOME_BYTES_MAX + 64) }
    }

    /// Tells the relay that nobody reads the log.
    pub fn stop(&mut self) {
        self.stream.stop(quinn::VarInt::from_u32(0)).unwrap();
    }

    /// The next entry.
    pub async fn next(&mut self) -> LogEntry {
        loop {
            if let Some(frame) = self.buffer.next_frame().unwrap() {
                return LogEntry::decode(frame).unwrap();
            }
            let mut bytes = Vec::new();
            read_some(&mut self.stream, &mut bytes).await.unwrap();
            self.buffer.push(&bytes);
        }
    }

    /// The next entry, however long it takes; `None` when the connection has ended.
    pub async fn next_or_end(&mut self) -> Option<LogEntry> {
        loop {
            if let Some(frame) = self.buffer.next_frame().unwrap() {
                return Some(LogEntry::decode(frame).unwrap());
            }
            let chunk = self.stream.read_chunk(usize::MAX, true).await.ok()??;
            self.buffer.push(&chunk.bytes);
        }
    }
}

/// Opens a group and writes its header. Returns the stream, and the bytes that receivers have to get first.
pub async fn group_stream(connection: &Connection, header: GroupHeader) -> (SendStream, Vec<u8>) {
    let mut bytes = Vec::new();
    header.encode(&mut bytes);
    let mut stream = connection.open_uni().await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    (stream, bytes)
}

use super::FrameReader;
use crate::error::Disconnected;
use crate::limits::STREAM_HEADERS_PENDING_MAX;
use bytes::{Bytes, BytesMut};
use isi_wire::limits::WELCOME_BYTES_MAX;
use isi_wire::{DecodeError, GroupHeader, ObjectBuffer, ResetCode, StreamType};
use quinn::{ReadError, RecvStream, VarInt};
use tokio::task::JoinSet;

const READ_BYTES_MAX: usize = 64 * 1024;

/// A stream whose beginning was read.
#[derive(Debug)]
pub(crate) enum Opened {
    /// The session's log.
    Log(FrameReader),
    /// One group of a track.
    Group(IncomingGroup),
    /// Ended or was reset before its header was whole.
    Nothing,
}

/// Accepts streams and reads their headers, several at a time: a slow one holds up nobody.
#[derive(Debug)]
pub(crate) struct Incoming {
    connection: quinn::Connection,
    headers: JoinSet<Result<Opened, Disconnected>>,
}

/// One group of a track as it arrives. Dropped before its end it is stopped, so that the relay sends no more of it.
#[derive(Debug)]
pub(crate) struct IncomingGroup {
    pub(crate) header: GroupHeader,
    stream: RecvStream,
    buffer: ObjectBuffer,
}

/// What a group's stream gives next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NextObject {
    /// A sealed object.
    Object(Bytes),
    /// The group is whole.
    Finished,
    /// The rest will not come: reset by the relay or the sender, cut, or the connection is lost.
    Cut,
}

impl Incoming {
    pub(crate) fn new(connection: quinn::Connection) -> Self {
        Self { connection, headers: JoinSet::new() }
    }

    /// The next stream whose header is whole. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Opened, Disconnected> {
        loop {
            tokio::select! {
                biased;
                Some(read) = self.headers.join_next(), if !self.headers.is_empty() => {
                    return read.unwrap_or(Ok(Opened::Nothing));
                }
                accepted = self.connection.accept_uni(), if self.headers.len() < STREAM_HEADERS_PENDING_MAX => {
                    let stream = accepted.map_err(|error| Disconnected::from_connection(&error))?;
                    self.headers.spawn(read_header(stream));
                }
            }
        }
    }
}

impl IncomingGroup {
    /// The next object. Cancel safe.
    pub(crate) async fn next(&mut self) -> NextObject {
        loop {
            match self.buffer.next_object() {
                Ok(Some(object)) => return NextObject::Object(object),
                Ok(None) => {}
                Err(_) => return NextObject::Cut,
            }
            match self.stream.read_chunk(READ_BYTES_MAX, true).await {
                Ok(Some(chunk)) => self.buffer.push(&chunk.bytes),
                Ok(None) if self.buffer.is_empty() => return NextObject::Finished,
                Ok(None) | Err(_) => return NextObject::Cut,
            }
        }
    }

    /// Tells the relay not to send the rest.
    pub(crate) fn stop(mut self, code: ResetCode) {
        let _ = self.stream.stop(VarInt::from_u32(code as u32));
    }
}

async fn read_header(mut stream: RecvStream) -> Result<Opened, Disconnected> {
    let mut read = BytesMut::new();
    loop {
        match stream.read_chunk(READ_BYTES_MAX, true).await {
            Ok(Some(chunk)) => read.extend_from_slice(&chunk.bytes),
            Ok(None) | Err(ReadError::Reset(_)) => return Ok(Opened::Nothing),
            Err(_) => return Err(Disconnected::Lost),
        }
        let mut rest = read.clone().freeze();
        match parse_header(&mut rest) {
            Ok(None) => return Ok(Opened::Log(log_reader(stream, &rest))),
            Ok(Some(header)) => return Ok(Opened::Group(group(header, stream, &rest))),
            Err(DecodeError::Truncated) if read.len() < 1 + GroupHeader::BYTES_MAX => {}
            Err(_) => return Err(Disconnected::RelayBrokeProtocol),
        }
    }
}

/// `None` for the log.
fn parse_header(input: &mut Bytes) -> Result<Option<GroupHeader>, DecodeError> {
    if input.is_empty() {
        return Err(DecodeError::Truncated);
    }
    match StreamType::decode(input)? {
        StreamType::Log => Ok(None),
        StreamType::Group => GroupHeader::decode(input).map(Some),
    }
}

fn log_reader(stream: RecvStream, rest: &[u8]) -> FrameReader {
    // Frames of the relay hold one item of at most WELCOME_BYTES_MAX and its few fields.
    let mut reader = FrameReader::new(stream, WELCOME_BYTES_MAX + 64);
    reader.push(rest);
    reader
}

fn group(header: GroupHeader, stream: RecvStream, rest: &[u8]) -> IncomingGroup {
    let mut buffer = ObjectBuffer::default();
    buffer.push(rest);
    IncomingGroup { header, stream, buffer }
}

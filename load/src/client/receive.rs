use super::{ClientError, Cutter};
use crate::stamp::Stamp;
use bytes::Bytes;
use isi_wire::limits::LOG_ITEM_BYTES_MAX;
use isi_wire::{DatagramHeader, FrameBuffer, LogEntry, ParticipantId, StreamType};
use quinn::{Connection, ReadError, RecvStream};
use std::mem::take;
use std::sync::Arc;

/// Chunks taken from a stream at once.
const CHUNKS_AT_ONCE_MAX: usize = 32;

/// Whoever is told of what arrives at a client. Calls are short: they hold up its streams.
pub trait Sink: Send + Sync + 'static {
    /// An object is whole.
    fn object(&self, stamp: &Stamp, bytes: usize);
    /// The relay reset a group with this code; the rest of it does not come.
    fn reset(&self, _code: u64) {}
}

/// Takes all streams that the relay opens to a client: groups and the log, without the entries that are its `own`. Ends with
/// the connection.
pub async fn receive(connection: Connection, own: ParticipantId, sink: Arc<impl Sink>) {
    while let Ok(stream) = connection.accept_uni().await {
        let sink = Arc::clone(&sink);
        tokio::spawn(async move {
            // A stream that cannot be read delivers nothing; what is missing is counted elsewhere.
            let _ = read_stream(stream, own, &*sink).await;
        });
    }
}

/// Takes all datagrams that the relay sends to a client. Ends with the connection.
pub async fn receive_datagrams(connection: Connection, sink: Arc<impl Sink>) {
    while let Ok(datagram) = connection.read_datagram().await {
        if let Ok((_, object)) = DatagramHeader::decode(datagram) {
            tell(&*sink, &object, object.len());
        }
    }
}

async fn read_stream(
    mut stream: RecvStream,
    own: ParticipantId,
    sink: &impl Sink,
) -> Result<(), ClientError> {
    let mut chunks = [const { Bytes::new() }; CHUNKS_AT_ONCE_MAX];
    let mut reader = None;
    loop {
        let count = match stream.read_chunks(&mut chunks).await {
            Ok(Some(count)) => count,
            Ok(None) => return Ok(()),
            Err(ReadError::Reset(code)) => {
                sink.reset(code.into_inner());
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        for chunk in chunks.iter_mut().take(count).map(take) {
            match &mut reader {
                Some(reader) => reader,
                None => reader.insert(Reader::of(&chunk)?),
            }
            .push(&chunk, own, sink)?;
        }
    }
}

enum Reader {
    Group(Cutter),
    Log { frames: FrameBuffer, typed: bool },
}

impl Reader {
    fn of(first: &Bytes) -> Result<Self, ClientError> {
        Ok(match StreamType::decode(&mut first.clone())? {
            StreamType::Group => Self::Group(Cutter::default()),
            StreamType::Log => Self::Log { frames: FrameBuffer::new(LOG_ITEM_BYTES_MAX), typed: false },
        })
    }

    fn push(&mut self, chunk: &Bytes, own: ParticipantId, sink: &impl Sink) -> Result<(), ClientError> {
        match self {
            Self::Group(cutter) => {
                cutter.push(chunk, |stamp, bytes| tell(sink, stamp, bytes)).map_err(|_| ClientError::Protocol)
            }
            Self::Log { frames, typed } => {
                let mut rest = chunk.clone();
                if !std::mem::replace(typed, true) {
                    StreamType::decode(&mut rest)?;
                }
                frames.push(&rest);
                while let Some(frame) = frames.next_frame()? {
                    let entry = LogEntry::decode(frame)?;
                    if entry.sender != own {
                        tell(sink, &entry.payload, entry.payload.len());
                    }
                }
                Ok(())
            }
        }
    }
}

/// What carries no stamp is not of this load.
fn tell(sink: &impl Sink, object: &[u8], bytes: usize) {
    if let Some(stamp) = Stamp::read(object) {
        sink.object(&stamp, bytes);
    }
}

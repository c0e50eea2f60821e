use super::ClientError;
use crate::stamp::{STAMP_BYTES, Stamp};
use bytes::{BufMut as _, Bytes, BytesMut};
use isi_wire::{
    Audience, DatagramHeader, DeliveryClass, EntryKind, GroupHeader, LogUpload, RequestId, StreamType,
    TrackAlias, put_varint,
};
use quinn::{Connection, SendStream, WriteError};
use std::time::Duration;
use tokio::time::Instant;

/// A group of media has at least so many objects, a second of video,
const GROUP_OBJECTS_MIN: u32 = 30;
/// and lasts at least so long: a relay limits how many streams a second a client may open.
const GROUP_AGE_MIN: Duration = Duration::from_millis(100);
/// Objects of one document.
const DOCUMENT_OBJECTS: u32 = 160;
/// Heads are cut from a buffer of this size.
const HEADS_BYTES: usize = 16 * 1024;

/// What objects of a load consist of: a stamp, then bytes that nothing compresses, the same in every run.
#[derive(Clone, Debug)]
pub struct Payload(Bytes);

impl Payload {
    /// Objects of so many bytes, at least [`STAMP_BYTES`].
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(noise(bytes.max(STAMP_BYTES)))
    }

    /// Bytes of an object.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.0.len()
    }

    /// A whole object.
    fn stamped(&self, stamp: &Stamp) -> Vec<u8> {
        let mut object = self.0.to_vec();
        stamp.write(&mut object);
        object
    }

    /// What follows the stamp.
    fn tail(&self) -> Bytes {
        self.0.slice(STAMP_BYTES..)
    }
}

/// A xorshift generator.
fn noise(bytes: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(bytes).collect()
}

/// Sends objects of one track in groups, each a stream: media, input and bulk. A payload is not copied before QUIC copies it.
#[derive(Debug)]
pub struct GroupSender {
    connection: Connection,
    alias: TrackAlias,
    class: DeliveryClass,
    next_group: u64,
    open: Option<OpenGroup>,
    heads: BytesMut,
}

#[derive(Debug)]
struct OpenGroup {
    stream: SendStream,
    objects: u32,
    since: Instant,
}

impl GroupSender {
    /// For a track of class media, input or bulk.
    #[must_use]
    pub fn new(connection: Connection, alias: TrackAlias, class: DeliveryClass) -> Self {
        Self { connection, alias, class, next_group: 0, open: None, heads: BytesMut::new() }
    }

    /// Hands an object to the transport, which may hold it up. `false` when the relay does not want the group it is in.
    ///
    /// # Errors
    /// [`ClientError`]: the connection is lost.
    pub async fn send(&mut self, payload: &Payload, stamp: &Stamp) -> Result<bool, ClientError> {
        let mut group = match self.open.take() {
            Some(group) => group,
            None => self.open_group().await?,
        };
        let mut chunks = [self.head(payload, stamp), payload.tail()];
        match group.stream.write_all_chunks(&mut chunks).await {
            Ok(()) => {}
            Err(WriteError::Stopped(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        group.objects += 1;
        if self.is_complete(&group) {
            // Only a stream that was stopped cannot be finished.
            let _ = group.stream.finish();
        } else {
            self.open = Some(group);
        }
        Ok(true)
    }

    /// The next object begins a group, so that a receiver that has none can start there.
    pub fn begin_group(&mut self) {
        if let Some(mut group) = self.open.take() {
            let _ = group.stream.finish();
        }
    }

    async fn open_group(&mut self) -> Result<OpenGroup, ClientError> {
        let stream = self.connection.open_uni().await?;
        // Fails only for a closed stream.
        let _ = stream.set_priority(priority(self.class));
        let header = GroupHeader { alias: self.alias, group: self.next_group, class: self.class, offset: 0 };
        self.next_group += 1;
        let mut bytes = Vec::with_capacity(GroupHeader::BYTES_MAX + 1);
        header.encode(&mut bytes);
        let mut group = OpenGroup { stream, objects: 0, since: Instant::now() };
        match group.stream.write_all(&bytes).await {
            Ok(()) | Err(WriteError::Stopped(_)) => Ok(group),
            Err(error) => Err(error.into()),
        }
    }

    /// Length and stamp.
    fn head(&mut self, payload: &Payload, stamp: &Stamp) -> Bytes {
        if self.heads.capacity() < 8 + STAMP_BYTES {
            self.heads = BytesMut::with_capacity(HEADS_BYTES);
        }
        put_varint(&mut self.heads, payload.bytes() as u64);
        let mut bytes = [0; STAMP_BYTES];
        stamp.write(&mut bytes);
        self.heads.put_slice(&bytes);
        self.heads.split().freeze()
    }

    fn is_complete(&self, group: &OpenGroup) -> bool {
        match self.class {
            DeliveryClass::Media => {
                group.objects >= GROUP_OBJECTS_MIN && group.since.elapsed() >= GROUP_AGE_MIN
            }
            DeliveryClass::Bulk => group.objects >= DOCUMENT_OBJECTS,
            DeliveryClass::Input | DeliveryClass::Live | DeliveryClass::Log => false,
        }
    }
}

/// As the SDK's: what is small and urgent first.
const fn priority(class: DeliveryClass) -> i32 {
    match class {
        DeliveryClass::Input => 10,
        DeliveryClass::Log | DeliveryClass::Live => 5,
        DeliveryClass::Media => 0,
        DeliveryClass::Bulk => -5,
    }
}

/// Sends messages to the log.
#[derive(Debug)]
pub struct LogSender {
    stream: SendStream,
    requests: u32,
    frame: Vec<u8>,
}

impl LogSender {
    /// A client has one.
    ///
    /// # Errors
    /// [`ClientError`]: the connection is lost.
    pub async fn open(connection: &Connection) -> Result<Self, ClientError> {
        let mut stream = connection.open_uni().await?;
        let _ = stream.set_priority(priority(DeliveryClass::Log));
        // At once: a stream that ends before its type is no stream of the wire.
        let mut frame = Vec::new();
        StreamType::Log.encode(&mut frame);
        stream.write_all(&frame).await?;
        Ok(Self { stream, requests: 0, frame: Vec::new() })
    }

    /// Hands a message to the transport.
    ///
    /// # Errors
    /// [`ClientError`]: the connection is lost.
    pub async fn send(&mut self, payload: &Payload, stamp: &Stamp) -> Result<(), ClientError> {
        self.requests = self.requests.wrapping_add(1);
        let upload = LogUpload::Append {
            // Far from those of the control stream: it is the same client that is answered.
            request: RequestId(self.requests | 1 << 31),
            kind: EntryKind::Message,
            audience: Audience::Everyone,
            payload: payload.stamped(stamp).into(),
        };
        upload.encode(&mut self.frame);
        self.stream.write_all(&self.frame).await?;
        self.frame.clear();
        Ok(())
    }
}

/// Sends datagrams of one track.
#[derive(Debug)]
pub struct LiveSender {
    connection: Connection,
    header: DatagramHeader,
}

impl LiveSender {
    /// For a track of class live.
    #[must_use]
    pub const fn new(connection: Connection, alias: TrackAlias) -> Self {
        Self { connection, header: DatagramHeader { alias } }
    }

    /// Hands a datagram to the transport. `false` when it was not taken: it is too large for the path.
    ///
    /// # Errors
    /// [`ClientError`]: the connection is lost.
    pub fn send(&self, payload: &Payload, stamp: &Stamp) -> Result<bool, ClientError> {
        match self.connection.send_datagram(self.header.encode(&payload.stamped(stamp))) {
            Ok(()) => Ok(true),
            Err(quinn::SendDatagramError::ConnectionLost(error)) => Err(error.into()),
            Err(_) => Ok(false),
        }
    }
}

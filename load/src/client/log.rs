use super::control::Control;
use super::join::Presence;
use super::{Client, ClientError};
use isi_wire::limits::WELCOME_BYTES_MAX;
use isi_wire::{
    Audience, ClientMessage, EntryKind, FrameBuffer, LogEntry, LogPosition, LogUpload, ParticipantId,
    RelayMessage, StreamType, Welcome,
};
use quinn::{RecvStream, SendStream};

/// Bytes read from the log at once.
const READ_BYTES_MAX: usize = 256 * 1024;
/// What an entry has beside its payload.
const LOG_FIELDS_BYTES_MAX: usize = 64;

/// A client that writes and reads handshakes in the log, as members and applicants do.
#[derive(Debug)]
pub struct LogClient {
    _presence: Presence,
    control: Control,
    participant: ParticipantId,
    position: LogPosition,
    upload: SendStream,
    log: LogReader,
}

/// What a client of the log hears.
#[derive(Debug)]
pub enum Heard {
    /// The next entry.
    Entry(LogEntry),
    /// The relay's next word on the control stream.
    Control(RelayMessage),
}

#[derive(Debug)]
struct LogReader {
    stream: RecvStream,
    frames: FrameBuffer,
}

impl Client {
    /// Goes on as a client of the log alone.
    ///
    /// # Errors
    /// [`ClientError`]: the connection is lost.
    pub async fn follow_log(self) -> Result<LogClient, ClientError> {
        let Self { presence, control, participant, position, .. } = self;
        let mut upload = presence.0.open_uni().await?;
        let mut first = Vec::new();
        StreamType::Log.encode(&mut first);
        upload.write_all(&first).await?;
        let mut stream = presence.0.accept_uni().await?;
        let mut first = [0; 1];
        stream.read_exact(&mut first).await?;
        if StreamType::decode(&mut &first[..])? != StreamType::Log {
            return Err(ClientError::Protocol);
        }
        let frames = FrameBuffer::new(WELCOME_BYTES_MAX + LOG_FIELDS_BYTES_MAX);
        let log = LogReader { stream, frames };
        Ok(LogClient { _presence: presence, control, participant, position, upload, log })
    }
}

impl LogClient {
    /// Its place in the session.
    #[must_use]
    pub const fn participant(&self) -> ParticipantId {
        self.participant
    }

    /// Where the log stood as this client came, or after the last commit that it has heard.
    #[must_use]
    pub const fn position(&self) -> LogPosition {
        self.position
    }

    /// Uploads a join request.
    ///
    /// # Errors
    /// [`ClientError`]: the connection is lost.
    pub async fn ask(&mut self, join_request: Vec<u8>) -> Result<(), ClientError> {
        let upload = LogUpload::Append {
            request: self.control.request(),
            kind: EntryKind::JoinRequest,
            audience: Audience::Organizers,
            payload: join_request.into(),
        };
        self.send(&upload).await
    }

    /// Uploads a commit with its Welcome, expecting that it is the next.
    ///
    /// # Errors
    /// [`ClientError`]: the connection is lost.
    pub async fn commit(
        &mut self,
        commit: Vec<u8>,
        welcome: Option<(Vec<ParticipantId>, Vec<u8>)>,
    ) -> Result<(), ClientError> {
        let welcome =
            welcome.map(|(participants, payload)| Welcome { participants, payload: payload.into() });
        let (request, expected) = (self.control.request(), self.position);
        self.send(&LogUpload::Commit { request, expected, commit: commit.into(), welcome }).await
    }

    /// Tells the relay that a Welcome has arrived.
    ///
    /// # Errors
    /// [`ClientError`]: the connection is lost.
    pub async fn acknowledge(&mut self, sequence: u64) -> Result<(), ClientError> {
        self.control.say(&ClientMessage::AcknowledgeWelcome { sequence }).await
    }

    /// What comes next. Cancel safe.
    ///
    /// # Errors
    /// [`ClientError`]: the connection is lost, a request was refused, or the relay does not keep to the protocol.
    pub async fn hear(&mut self) -> Result<Heard, ClientError> {
        tokio::select! {
            entry = self.log.next() => {
                let entry = entry?;
                if entry.kind == EntryKind::Commit {
                    self.position.last_handshake = entry.sequence;
                }
                Ok(Heard::Entry(entry))
            }
            message = self.control.next() => match message? {
                RelayMessage::Refused { reason, .. } => Err(ClientError::Refused(reason)),
                message => Ok(Heard::Control(message)),
            },
        }
    }

    /// The next entry; the relay's other words are passed over. Cancel safe.
    ///
    /// # Errors
    /// As [`hear`](Self::hear).
    pub async fn next_entry(&mut self) -> Result<LogEntry, ClientError> {
        loop {
            if let Heard::Entry(entry) = self.hear().await? {
                return Ok(entry);
            }
        }
    }

    async fn send(&mut self, upload: &LogUpload) -> Result<(), ClientError> {
        let mut frame = Vec::new();
        upload.encode(&mut frame);
        Ok(self.upload.write_all(&frame).await?)
    }
}

impl LogReader {
    async fn next(&mut self) -> Result<LogEntry, ClientError> {
        loop {
            if let Some(frame) = self.frames.next_frame()? {
                return Ok(LogEntry::decode(frame)?);
            }
            match self.stream.read_chunk(READ_BYTES_MAX, true).await? {
                Some(chunk) => self.frames.push(&chunk.bytes),
                None => return Err(ClientError::Lost("the log ended".to_owned())),
            }
        }
    }
}

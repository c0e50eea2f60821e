//! The load through our relay: tokens, joins, tracks, and many objects on each group's stream.

use super::cutter::Cutter;
use super::drive::Publisher;
use super::plan::{Load, Plan};
use super::quic::{DialError, Dialler};
use super::tally::Tally;
use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use bytes::Bytes;
use isi_account::{AccountKey, ClaimsError, Role, TokenClaims};
use isi_load::stamp::Stamp;
use isi_wire::limits::CONTROL_MESSAGE_BYTES_MAX;
use isi_wire::{
    Audience, ClientMessage, ConnectionNonce, DecodeError, DeliveryClass, FrameBuffer, GroupHeader,
    ParticipantId, RelayMessage, RequestId, SessionId, TrackAlias, TrackId, TrackKind, join_proof_message,
    write_object_length,
};
use quinn::{Connection, RecvStream, SendStream};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the publisher's token allows: never what is measured.
const BITS_PER_SECOND_MAX: u64 = 1_000_000_000_000;
/// Frames between two keyframes, so in one group: a second of video.
const FRAMES_PER_GROUP: u64 = 30;
/// Messages that come back to back share a group.
const MESSAGES_PER_GROUP: u64 = 4096;
/// Chunks read at once.
const CHUNKS_AT_ONCE_MAX: usize = 32;

/// Why our relay could not be used.
#[derive(Debug, thiserror::Error)]
pub enum OursError {
    /// No connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection ended.
    #[error("connection: {0}")]
    Connection(#[from] quinn::ConnectionError),
    /// A stream was stopped.
    #[error("writing: {0}")]
    Write(#[from] quinn::WriteError),
    /// The relay ended its half of the control stream, or the connection.
    #[error("reading: {0}")]
    Read(#[from] quinn::ReadError),
    /// The relay said something that this version of the wire has not.
    #[error("the relay's answer: {0}")]
    Wire(#[from] DecodeError),
    /// The control stream ended, or the relay refused, in its own words.
    #[error("the relay answered {0}")]
    Refused(String),
    /// A token could not be signed.
    #[error("token: {0}")]
    Token(#[from] ClaimsError),
    /// No key pair.
    #[error("key: {0}")]
    Key(#[from] KeyRejected),
    /// No random bytes, or no exporter.
    #[error("no random bytes")]
    Random(#[from] Unspecified),
    /// This connection exports no secret to prove the key with.
    #[error("TLS exporter")]
    Exporter,
}

/// What lets clients in.
pub struct Door<'a> {
    /// Signs tokens; the relay knows its public key.
    pub account: &'a AccountKey,
    /// Whom tokens are for.
    pub origin: String,
}

/// Somebody in the session, with the control stream.
struct Client {
    connection: Connection,
    control: SendStream,
    answers: RecvStream,
    heard: FrameBuffer,
    participant: ParticipantId,
}

/// Sends objects in groups.
pub struct OursPublisher {
    client: Client,
    alias: TrackAlias,
    class: DeliveryClass,
    objects_per_group: u64,
    sent: u64,
    group: Option<SendStream>,
    /// Of the receivers: who leaves ends its connection.
    _receivers: Vec<Client>,
}

impl Publisher for OursPublisher {
    type Error = OursError;

    async fn send(&mut self, object: &[u8]) -> Result<(), OursError> {
        let mut head = Vec::with_capacity(GroupHeader::BYTES_MAX + 8);
        let mut stream = match self.group.take() {
            Some(stream) => stream,
            None => {
                let group = self.sent / self.objects_per_group;
                GroupHeader { alias: self.alias, group, class: self.class, offset: 0 }.encode(&mut head);
                self.client.connection.open_uni().await?
            }
        };
        write_object_length(&mut head, object.len());
        stream.write_all_chunks(&mut [head.into(), Bytes::copy_from_slice(object)]).await?;
        self.sent += 1;
        if self.sent.is_multiple_of(self.objects_per_group) {
            // Only a stream that was reset cannot be finished.
            let _ = stream.finish();
        } else {
            self.group = Some(stream);
        }
        Ok(())
    }
}

/// Joins all receivers and the publisher, and subscribes.
///
/// # Errors
/// [`OursError`]
pub async fn connect(
    dialler: &Dialler,
    door: &Door<'_>,
    plan: &Plan,
    tally: &Arc<Tally>,
) -> Result<OursPublisher, OursError> {
    let mut session = SessionId([0; 16]);
    aws_lc_rs::rand::fill(&mut session.0)?;
    let mut publisher = Client::join(dialler, door, session, Role::Organizer, "publisher").await?;
    let mut receivers = Vec::with_capacity(plan.receivers);
    for number in 0..plan.receivers {
        receivers
            .push(Client::join(dialler, door, session, Role::Viewer, &format!("receiver-{number}")).await?);
    }
    let (kind, class, audience) = track_of(plan, &receivers);
    let alias = publisher.publish(kind, class, audience).await?;
    for receiver in &mut receivers {
        if audience == Audience::Everyone {
            receiver.subscribe(alias).await?;
        }
        tokio::spawn(receive(receiver.connection.clone(), Arc::clone(tally)));
    }
    let objects_per_group = match plan.load {
        Load::Fanout | Load::Paced | Load::Small => FRAMES_PER_GROUP,
        Load::Messages => MESSAGES_PER_GROUP,
        // A lease has one stream.
        Load::Events => u64::MAX,
    };
    Ok(OursPublisher {
        client: publisher,
        alias,
        class,
        objects_per_group,
        sent: 0,
        group: None,
        _receivers: receivers,
    })
}

/// Input goes to the one whom it drives; all else is for everyone.
fn track_of(plan: &Plan, receivers: &[Client]) -> (TrackKind, DeliveryClass, Audience) {
    match (plan.load, receivers) {
        (Load::Events, [driven]) => {
            (TrackKind::Input, DeliveryClass::Input, Audience::One(driven.participant))
        }
        _ => (TrackKind::Screen, DeliveryClass::Media, Audience::Everyone),
    }
}

impl Client {
    async fn join(
        dialler: &Dialler,
        door: &Door<'_>,
        session: SessionId,
        role: Role,
        subject: &str,
    ) -> Result<Self, OursError> {
        let key = Ed25519KeyPair::generate()?;
        let mut public_key = [0; 32];
        for (to, from) in public_key.iter_mut().zip(key.public_key().as_ref()) {
            *to = *from;
        }
        let claims = TokenClaims::new(role, &door.origin, session, subject, &public_key);
        let claims = claims.jti(subject).limits(BITS_PER_SECOND_MAX, 8);
        let token = door.account.sign_token(&claims, unix_seconds())?;
        let connection = dialler.dial().await?;
        let (control, answers) = connection.open_bi().await?;
        let heard = FrameBuffer::new(CONTROL_MESSAGE_BYTES_MAX);
        let mut client = Self { connection, control, answers, heard, participant: ParticipantId(0) };
        let mut nonce = ConnectionNonce([0; 32]);
        aws_lc_rs::rand::fill(&mut nonce.0)?;
        client.say(&ClientMessage::Hello { nonce }).await?;
        let relay_nonce = client
            .hear(|message| match message {
                RelayMessage::Challenge { nonce } => Some(nonce),
                _ => None,
            })
            .await?;
        let mut exporter = [0; 32];
        let exported = client.connection.export_keying_material(&mut exporter, b"EXPORTER-isi-join", b"");
        exported.map_err(|_| OursError::Exporter)?;
        let signed = key.sign(&join_proof_message(&door.origin, &nonce, &relay_nonce, subject, &exporter));
        let proof = signed.as_ref().try_into().map_err(|_| OursError::Exporter)?;
        client.say(&ClientMessage::Join { token: token.into(), public_key, proof, resume: None }).await?;
        client.participant = client
            .hear(|message| match message {
                RelayMessage::Joined(joined) => Some(joined.participant),
                _ => None,
            })
            .await?;
        Ok(client)
    }

    async fn publish(
        &mut self,
        kind: TrackKind,
        class: DeliveryClass,
        audience: Audience,
    ) -> Result<TrackAlias, OursError> {
        let (request, track) = (RequestId(1), TrackId(1));
        self.say(&ClientMessage::Publish { request, track, kind, class, audience }).await?;
        self.hear(|message| match message {
            RelayMessage::Published { alias, .. } => Some(alias),
            _ => None,
        })
        .await
    }

    async fn subscribe(&mut self, alias: TrackAlias) -> Result<(), OursError> {
        self.say(&ClientMessage::Subscribe { request: RequestId(2), alias }).await?;
        self.hear(|message| match message {
            RelayMessage::Done { .. } => Some(()),
            _ => None,
        })
        .await
    }

    async fn say(&mut self, message: &ClientMessage) -> Result<(), OursError> {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        Ok(self.control.write_all(&bytes).await?)
    }

    /// Waits for the answer; presence, which others' joins bring, is passed over.
    async fn hear<T>(&mut self, mut answer: impl FnMut(RelayMessage) -> Option<T>) -> Result<T, OursError> {
        loop {
            while let Some(frame) = self.heard.next_frame()? {
                let message = RelayMessage::decode(frame)?;
                if let RelayMessage::Refused { .. } = message {
                    return Err(OursError::Refused(format!("{message:?}")));
                }
                if let Some(found) = answer(message) {
                    return Ok(found);
                }
            }
            match self.answers.read_chunk(CONTROL_MESSAGE_BYTES_MAX, true).await? {
                Some(chunk) => self.heard.push(&chunk.bytes),
                None => return Err(OursError::Refused("by ending the control stream".to_owned())),
            }
        }
    }
}

/// The relay's first stream is the log, where nothing is said; each other one is a group.
async fn receive(connection: Connection, tally: Arc<Tally>) {
    while let Ok(stream) = connection.accept_uni().await {
        tokio::spawn(read_group(stream, Arc::clone(&tally)));
    }
}

async fn read_group(mut stream: RecvStream, tally: Arc<Tally>) {
    let mut cutter = Cutter::default();
    let mut chunks = [const { Bytes::new() }; CHUNKS_AT_ONCE_MAX];
    while let Ok(Some(count)) = stream.read_chunks(&mut chunks).await {
        for chunk in chunks.get(..count).unwrap_or_default() {
            let cut = cutter.push(chunk, |stamp, bytes| {
                if let Some(stamp) = Stamp::read(stamp) {
                    tally.arrived(&stamp, bytes);
                }
            });
            if cut.is_err() {
                return;
            }
        }
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

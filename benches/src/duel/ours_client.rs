//! Somebody in a session of our relay: token, handshake and control stream.

use super::quic::{DialError, Dialler};
use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use isi_account::{AccountKey, ClaimsError, Role, TokenClaims};
use isi_wire::limits::CONTROL_MESSAGE_BYTES_MAX;
use isi_wire::{
    Audience, ClientMessage, ConnectionNonce, DecodeError, DeliveryClass, FrameBuffer, ParticipantId,
    RelayMessage, RequestId, SessionId, TrackAlias, TrackId, TrackKind, join_proof_message,
};
use quinn::{Connection, RecvStream, SendStream};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the publisher's token allows: never what is measured.
const BITS_PER_SECOND_MAX: u64 = 1_000_000_000_000;

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
    /// Those who load the relay beside what is measured came to an end.
    #[error("the load beside the input ended early")]
    OthersGone,
}

/// What lets clients in.
#[derive(Clone)]
pub struct Door {
    /// Signs tokens; the relay knows its public key.
    pub account: Arc<AccountKey>,
    /// Whom tokens are for.
    pub origin: String,
}

/// Somebody in the session, with the control stream.
pub struct Client {
    /// Streams come and go here.
    pub connection: Connection,
    control: SendStream,
    answers: RecvStream,
    heard: FrameBuffer,
    /// Who it is in the session.
    pub participant: ParticipantId,
}

impl Client {
    /// Joins a session.
    ///
    /// # Errors
    /// [`OursError`]
    pub async fn join(
        dialler: &Dialler,
        door: &Door,
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

    /// Publishes this client's one track.
    ///
    /// # Errors
    /// [`OursError`]
    pub async fn publish(
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

    /// Takes a track that is for everyone.
    ///
    /// # Errors
    /// [`OursError`]
    pub async fn subscribe(&mut self, alias: TrackAlias) -> Result<(), OursError> {
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

/// A session that no run had before.
///
/// # Errors
/// [`OursError::Random`]
pub fn new_session() -> Result<SessionId, OursError> {
    let mut session = SessionId([0; 16]);
    aws_lc_rs::rand::fill(&mut session.0)?;
    Ok(session)
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

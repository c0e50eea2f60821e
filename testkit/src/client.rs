use super::streams::{Incoming, LogReader};
use super::{Relay, within};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use isi_account::{Role, TokenClaims};
use isi_wire::limits::CONTROL_MESSAGE_BYTES_MAX;
use isi_wire::{
    Audience, ClientMessage, ConnectionNonce, DeliveryClass, FrameBuffer, Joined, LogUpload, ParticipantId,
    RefuseReason, RelayMessage, RequestId, SessionId, StreamType, TrackAlias, TrackId, TrackKind,
    join_proof_message,
};
use quinn::{Connection, RecvStream, SendStream};

/// A connection whose control stream is open, before the join.
pub struct Connected {
    /// The QUIC connection, for what this type does not do.
    pub connection: Connection,
    /// The client's half of the control stream.
    pub control: SendStream,
    /// The relay's half.
    pub answers: Answers,
    /// The key that the token names.
    pub key: Ed25519KeyPair,
}

/// What the relay says on the control stream.
pub struct Answers {
    stream: RecvStream,
    buffer: FrameBuffer,
}

/// Somebody in a session.
pub struct Client {
    /// The QUIC connection, for what this type does not do.
    pub connection: Connection,
    /// The client's half of the control stream.
    pub control: SendStream,
    /// The relay's half.
    pub answers: Answers,
    /// What the relay said when it let this client in.
    pub joined: Joined,
    /// Which session it is in.
    pub session: SessionId,
    /// The relay's log stream.
    pub log: LogReader,
    /// The key that the token names.
    pub key: Ed25519KeyPair,
    upload: Option<SendStream>,
    next_request: u32,
}

impl Connected {
    /// Connects and opens the control stream.
    pub async fn dial(relay: &Relay) -> Self {
        Self::over(within(relay.dial()).await).await
    }

    /// Opens the control stream of a connection.
    pub async fn over(connection: Connection) -> Self {
        let (control, stream) = connection.open_bi().await.unwrap();
        let answers = Answers { stream, buffer: FrameBuffer::new(CONTROL_MESSAGE_BYTES_MAX) };
        Self { connection, control, answers, key: Ed25519KeyPair::generate().unwrap() }
    }

    /// The public half of [`key`](Self::key).
    pub fn public_key(&self) -> [u8; 32] {
        self.key.public_key().as_ref().try_into().unwrap()
    }

    /// Says hello and returns both nonces.
    pub async fn hello(&mut self) -> (ConnectionNonce, ConnectionNonce) {
        let mut nonce = ConnectionNonce([0; 32]);
        aws_lc_rs::rand::fill(&mut nonce.0).unwrap();
        send(&mut self.control, &ClientMessage::Hello { nonce }).await;
        match self.answers.next().await {
            RelayMessage::Challenge { nonce: relay_nonce } => (nonce, relay_nonce),
            other => panic!("not a challenge: {other:?}"),
        }
    }

    /// A `Join` that proves `self.key` for this connection.
    pub fn join_message(
        &self,
        token: &str,
        jti: &str,
        origin: &str,
        nonces: (ConnectionNonce, ConnectionNonce),
    ) -> ClientMessage {
        let mut exporter = [0; 32];
        self.connection.export_keying_material(&mut exporter, b"EXPORTER-isi-join", b"").unwrap();
        let signed = self.key.sign(&join_proof_message(origin, &nonces.0, &nonces.1, jti, &exporter));
        ClientMessage::Join {
            token: token.to_owned().into(),
            public_key: self.public_key(),
            proof: signed.as_ref().try_into().unwrap(),
            resume: None,
        }
    }

    /// Joins with the usual rights of the role, as somebody new.
    pub async fn join(self, relay: &Relay, role: Role, session: SessionId) -> Client {
        let subject = subject_of(&self.public_key());
        let claims = relay.claims(role, session, &subject, &self.public_key());
        Client { session, ..self.join_with(relay, claims).await }
    }

    /// Joins with claims of one's own; `session` of the client is left at zero.
    pub async fn join_with(mut self, relay: &Relay, claims: TokenClaims) -> Client {
        let token = relay.sign(&claims.jti("token-1"));
        let nonces = self.hello().await;
        let message = self.join_message(&token, "token-1", &relay.origin(), nonces);
        send(&mut self.control, &message).await;
        let joined = match self.answers.next().await {
            RelayMessage::Joined(joined) => joined,
            other => panic!("not joined: {other:?}"),
        };
        let log = LogReader::accept(&self.connection).await;
        let Self { connection, control, answers, key } = self;
        Client {
            connection,
            control,
            answers,
            joined,
            session: SessionId([0; 16]),
            log,
            key,
            upload: None,
            next_request: 0,
        }
    }
}

impl Client {
    /// This connection's id.
    pub fn id(&self) -> ParticipantId {
        self.joined.participant
    }

    /// The public half of [`key`](Self::key).
    pub fn public_key(&self) -> [u8; 32] {
        self.key.public_key().as_ref().try_into().unwrap()
    }

    /// Sends a control message.
    pub async fn say(&mut self, message: &ClientMessage) {
        send(&mut self.control, message).await;
    }

    /// A request id that this client has not used.
    pub fn request(&mut self) -> RequestId {
        self.next_request += 1;
        RequestId(self.next_request)
    }

    /// Waits for a message for which `wanted` has an answer; others are skipped.
    pub async fn hear<T>(&mut self, wanted: impl Fn(RelayMessage) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.answers.next().await) {
                return found;
            }
        }
    }

    /// Announces a track and waits for its alias.
    pub async fn publish(
        &mut self,
        track: u32,
        kind: TrackKind,
        class: DeliveryClass,
        audience: Audience,
    ) -> TrackAlias {
        let request = self.request();
        self.say(&ClientMessage::Publish { request, track: TrackId(track), kind, class, audience }).await;
        self.hear(|message| match message {
            RelayMessage::Published { request: answered, alias } if answered == request => Some(alias),
            RelayMessage::Refused { request: answered, reason, .. } if answered == request => {
                panic!("refused: {reason:?}")
            }
            _ => None,
        })
        .await
    }

    /// Subscribes and waits until that is done.
    pub async fn subscribe(&mut self, alias: TrackAlias) {
        let request = self.request();
        self.say(&ClientMessage::Subscribe { request, alias }).await;
        self.hear(|message| match message {
            RelayMessage::Done { request: answered } if answered == request => Some(()),
            RelayMessage::Refused { request: answered, reason, .. } if answered == request => {
                panic!("refused: {reason:?}")
            }
            _ => None,
        })
        .await;
    }

    /// Sends an item to the log; the answer comes on the control stream.
    pub async fn upload(&mut self, upload: &LogUpload) {
        let mut bytes = Vec::new();
        if self.upload.is_none() {
            StreamType::Log.encode(&mut bytes);
            self.upload = Some(self.connection.open_uni().await.unwrap());
        }
        upload.encode(&mut bytes);
        self.upload.as_mut().unwrap().write_all(&bytes).await.unwrap();
    }

    /// Asks for a longer stay.
    pub async fn refresh(&mut self, token: &str) -> Result<(), RefuseReason> {
        let request = self.request();
        self.say(&ClientMessage::Refresh { request, token: token.to_owned().into() }).await;
        self.hear(|message| match message {
            RelayMessage::Done { request: answered } if answered == request => Some(Ok(())),
            RelayMessage::Refused { request: answered, reason, .. } if answered == request => {
                Some(Err(reason))
            }
            _ => None,
        })
        .await
    }

    /// Says that it leaves, and waits until the relay has closed the connection.
    pub async fn leave(mut self) -> Connection {
        self.say(&ClientMessage::Leave).await;
        within(self.connection.closed()).await;
        self.connection
    }

    /// The next group that begins to arrive.
    pub async fn next_group(&self) -> Incoming {
        Incoming::accept(&self.connection).await
    }
}

impl Answers {
    /// The next message.
    pub async fn next(&mut self) -> RelayMessage {
        within(self.next_or_end()).await.expect("control stream ended")
    }

    /// The next message, however long it takes; `None` when the connection has ended.
    pub async fn next_or_end(&mut self) -> Option<RelayMessage> {
        loop {
            if let Some(frame) = self.buffer.next_frame().unwrap() {
                return Some(RelayMessage::decode(frame).unwrap());
            }
            let chunk = self.stream.read_chunk(65_536, true).await.ok()??;
            self.buffer.push(&chunk.bytes);
        }
    }
}

/// Who [`Connected::join`] is to the account service. Everybody is somebody else: a kick bars the subject.
pub fn subject_of(public_key: &[u8; 32]) -> String {
    format!("{public_key:02x?}")
}

/// Writes a control message to a stream.
pub async fn send(stream: &mut SendStream, message: &ClientMessage) {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    stream.write_all(&bytes).await.unwrap();
}

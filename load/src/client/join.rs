use super::control::Control;
use super::{ClientError, Dialler};
use aws_lc_rs::signature::KeyPair as _;
use isi_account::{AccountKey, Role, TokenClaims};
use isi_wire::{
    Audience, ClientMessage, ConnectionNonce, DeliveryClass, LogPosition, ParticipantId, RelayMessage,
    SessionId, TrackAlias, TrackId, TrackInfo, TrackKind, join_proof_message,
};
use quinn::{Connection, VarInt};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Label of the TLS exporter in the join proof.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-isi-join";
/// What a load's token allows to send: never what is measured.
const BITS_PER_SECOND_MAX: u64 = 1_000_000_000_000;
/// Tracks of one client.
const TRACKS_MAX: u32 = 64;

/// Somebody in a session. Dropped, it is gone from there.
#[derive(Debug)]
pub struct Client {
    pub(super) presence: Presence,
    pub(super) control: Control,
    pub(super) participant: ParticipantId,
    /// Tracks of others, heard of and not yet looked at by [`attend`](Client::attend).
    pub(super) heard: Vec<TrackInfo>,
    pub(super) tokens: Tokens,
    /// Where the log stood.
    pub(super) position: LogPosition,
    tracks: u32,
}

/// Signs fresh tokens for one client.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    account: Arc<AccountKey>,
    claims: TokenClaims,
}

impl Tokens {
    pub(super) fn sign(&self) -> Result<String, ClientError> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(self.account.sign_token(&self.claims, since.map_or(0, |since| since.as_secs()))?)
    }
}

impl Client {
    /// The QUIC connection.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.presence.0
    }

    /// Its place in the session.
    #[must_use]
    pub const fn participant(&self) -> ParticipantId {
        self.participant
    }

    /// Announces a track.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn publish(
        &mut self,
        kind: TrackKind,
        class: DeliveryClass,
        audience: Audience,
    ) -> Result<TrackAlias, ClientError> {
        self.tracks += 1;
        let (request, track) = (self.control.request(), TrackId(self.tracks));
        self.control.say(&ClientMessage::Publish { request, track, kind, class, audience }).await?;
        loop {
            match self.control.next().await? {
                RelayMessage::Published { request: answered, alias } if answered == request => {
                    return Ok(alias);
                }
                RelayMessage::Refused { request: answered, reason, .. } if answered == request => {
                    return Err(ClientError::Refused(reason));
                }
                RelayMessage::TrackAdded(track) => self.heard.push(track),
                _ => {}
            }
        }
    }
}

/// A connection that is closed when this is dropped; the relay takes it as leaving.
#[derive(Debug)]
pub(super) struct Presence(pub(super) Connection);

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.close(VarInt::from_u32(0), b"");
    }
}

/// Hello, challenge, join.
pub(super) async fn enter(
    dialler: &Dialler,
    connection: Connection,
    mut control: Control,
    session: SessionId,
    role: Role,
) -> Result<Client, ClientError> {
    let nonce = ConnectionNonce(random()?);
    control.say(&ClientMessage::Hello { nonce }).await?;
    let RelayMessage::Challenge { nonce: relay_nonce } = control.next().await? else {
        return Err(ClientError::Protocol);
    };
    let (jti, subject) = (hex(&random::<16>()?), hex(&random::<8>()?));
    let public_key = dialler.key.public_key().as_ref().try_into().map_err(|_| ClientError::NoRandomness)?;
    let origin = &dialler.target().origin;
    let claims = TokenClaims::new(role, origin, session, &subject, &public_key)
        .limits(BITS_PER_SECOND_MAX, TRACKS_MAX);
    let tokens = Tokens { account: Arc::clone(&dialler.account), claims: claims.jti(&jti) };
    let mut exporter = [0; 32];
    let exported = connection.export_keying_material(&mut exporter, EXPORTER_LABEL, b"");
    exported.map_err(|_| ClientError::Protocol)?;
    let message = join_proof_message(origin, &nonce, &relay_nonce, &jti, &exporter);
    let proof = dialler.key.sign(&message).as_ref().try_into().map_err(|_| ClientError::NoRandomness)?;
    let token = tokens.sign()?.into();
    control.say(&ClientMessage::Join { token, public_key, proof, resume: None }).await?;
    let RelayMessage::Joined(joined) = control.next().await? else {
        return Err(ClientError::Protocol);
    };
    Ok(Client {
        presence: Presence(connection),
        control,
        participant: joined.participant,
        heard: joined.tracks,
        tokens,
        position: joined.position,
        tracks: 0,
    })
}

fn random<const N: usize>() -> Result<[u8; N], ClientError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| ClientError::NoRandomness)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

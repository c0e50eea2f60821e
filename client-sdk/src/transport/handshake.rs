use super::{Dialled, FrameReader, Incoming, OutQueue, SendWindow, dial};
use crate::credentials::{ConnectionKey, TokenClaims};
use crate::error::{Disconnected, JoinError};
use crate::options::ConnectOptions;
use isi_wire::limits::CONTROL_MESSAGE_BYTES_MAX;
use isi_wire::{
    ClientMessage, ConnectionNonce, Incarnation, Joined, RelayMessage, StreamType, join_proof_message,
};
use quinn::Endpoint;
use tokio::time::timeout;

/// Label of the TLS exporter that binds a join proof to this connection, SPEC.md section 3.3.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-isi-join";

/// Where to go on in the log: which life of it, and the first number that was not read.
pub(crate) type Resume = Option<(Incarnation, u64)>;

/// A joined connection.
#[derive(Debug)]
pub(crate) struct Link {
    /// Kept so that the socket lives, and to wait for the close to go out.
    pub(crate) endpoint: Endpoint,
    pub(crate) connection: quinn::Connection,
    pub(crate) window: SendWindow,
    pub(crate) control: FrameReader,
    pub(crate) control_out: OutQueue,
    pub(crate) log_out: OutQueue,
    pub(crate) incoming: Incoming,
}

impl Link {
    /// A stream error may be seen before the close that explains it.
    pub(crate) fn explain(&self, error: JoinError) -> JoinError {
        match (error, close_reason(&self.connection)) {
            (JoinError::Refused(_), Some(reason)) => JoinError::Refused(reason),
            (error, _) => error,
        }
    }
}

/// Dials, proves the token's key and joins (SPEC.md section 3).
pub(crate) async fn enter(
    options: &ConnectOptions,
    token: &str,
    claims: &TokenClaims,
    key: &ConnectionKey,
    resume: Resume,
) -> Result<(Link, Joined), JoinError> {
    let dialled = dial(options).await?;
    let connection = dialled.connection.clone();
    match timeout(options.connect_timeout, join(options, token, claims, key, resume, dialled)).await {
        Ok(Err(JoinError::Refused(reason))) => {
            Err(JoinError::Refused(close_reason(&connection).unwrap_or(reason)))
        }
        Ok(result) => result,
        Err(_) => Err(JoinError::Unreachable),
    }
}

async fn join(
    options: &ConnectOptions,
    token: &str,
    claims: &TokenClaims,
    key: &ConnectionKey,
    resume: Resume,
    Dialled { endpoint, connection }: Dialled,
) -> Result<(Link, Joined), JoinError> {
    let lost = |error: quinn::ConnectionError| JoinError::Refused(Disconnected::from_connection(&error));
    let (send, receive) = connection.open_bi().await.map_err(lost)?;
    let mut control = FrameReader::new(receive, CONTROL_MESSAGE_BYTES_MAX);
    let window = SendWindow::new(connection.clone());
    let mut control_out = OutQueue::new(window.clone(), send);
    let client_nonce = random_nonce()?;
    control_out.push(|out| ClientMessage::Hello { nonce: client_nonce }.encode(out));
    control_out.flush().await.map_err(JoinError::Refused)?;
    let RelayMessage::Challenge { nonce: relay_nonce } = next(&mut control).await? else {
        return Err(JoinError::Refused(Disconnected::RelayBrokeProtocol));
    };
    let mut exporter = [0; 32];
    connection
        .export_keying_material(&mut exporter, EXPORTER_LABEL, b"")
        .map_err(|_| JoinError::Incompatible)?;
    let message =
        join_proof_message(&options.url.origin(), &client_nonce, &relay_nonce, &claims.jti, &exporter);
    let join = ClientMessage::Join {
        token: token.as_bytes().to_vec().into(),
        public_key: key.public_key(),
        proof: key.sign(&message),
        resume,
    };
    control_out.push(|out| join.encode(out));
    control_out.flush().await.map_err(JoinError::Refused)?;
    let RelayMessage::Joined(joined) = next(&mut control).await? else {
        return Err(JoinError::Refused(Disconnected::RelayBrokeProtocol));
    };
    let mut log_out = OutQueue::new(window.clone(), connection.open_uni().await.map_err(lost)?);
    log_out.push(|out| StreamType::Log.encode(out));
    let incoming = Incoming::new(connection.clone());
    Ok((Link { endpoint, connection, window, control, control_out, log_out, incoming }, joined))
}

async fn next(control: &mut FrameReader) -> Result<RelayMessage, JoinError> {
    let frame = control.next().await.map_err(JoinError::Refused)?;
    RelayMessage::decode(frame).map_err(|_| JoinError::Refused(Disconnected::RelayBrokeProtocol))
}

/// A stream error may be seen before the close that explains it.
fn close_reason(connection: &quinn::Connection) -> Option<Disconnected> {
    connection.close_reason().map(|error| Disconnected::from_connection(&error))
}

fn random_nonce() -> Result<ConnectionNonce, JoinError> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(|_| JoinError::NoRandomness)?;
    Ok(ConnectionNonce(nonce))
}

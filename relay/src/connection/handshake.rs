use super::end::End;
use super::frames::FrameReader;
use super::rates;
use crate::admission::{Admitted, JoinClaims};
use crate::clock::unix_seconds;
use crate::node::Shared;
use crate::room::Seat;
use crate::sessions::EnterError;
use bytes::Bytes;
use isi_relay_core::JoinParams;
use isi_wire::limits::CONTROL_MESSAGE_BYTES_MAX;
use isi_wire::{ClientMessage, CloseCode, ConnectionNonce, Incarnation, ParticipantId, RelayMessage};
use quinn::{Connection, SendStream};
use tokio::time::Instant;

/// Label of the TLS exporter in the join proof.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-isi-join";

/// A peer that has proved who it is and sits in its session.
pub(super) struct Entered {
    pub(super) seat: Seat,
    pub(super) admitted: Admitted,
    pub(super) control: SendStream,
    pub(super) frames: FrameReader,
    /// The `Joined` frame, which goes out before anything else.
    pub(super) joined: Bytes,
}

/// Hello, Challenge, Join. The caller bounds the time.
pub(super) async fn shake_hands(node: &Shared, connection: &Connection) -> Result<Entered, End> {
    let (mut control, receive) = connection.accept_bi().await?;
    let mut frames =
        FrameReader::new(receive, CONTROL_MESSAGE_BYTES_MAX, rates::control_messages(Instant::now()));
    let client_nonce = match next_message(&mut frames).await? {
        ClientMessage::Hello { nonce } => nonce,
        _ => return Err(End::violation(CloseCode::ProtocolViolation)),
    };
    let relay_nonce = ConnectionNonce(random()?);
    let mut challenge = Vec::new();
    RelayMessage::Challenge { nonce: relay_nonce }.encode(&mut challenge);
    control.write_all(&challenge).await.map_err(|_| End::lost())?;
    let ClientMessage::Join { token, public_key, proof, resume } = next_message(&mut frames).await? else {
        return Err(End::violation(CloseCode::ProtocolViolation));
    };
    let claims = JoinClaims {
        token: &token,
        public_key: &public_key,
        proof: &proof,
        client_nonce: &client_nonce,
        relay_nonce: &relay_nonce,
        exporter: &exporter(connection)?,
    };
    let admitted = node.admission.verify(&claims, unix_seconds()).map_err(|error| {
        tracing::debug!(%error, "join refused");
        End::violation(error.close_code())
    })?;
    let (seat, joined) = enter(node, &admitted, resume)?;
    Ok(Entered { seat, admitted, control, frames, joined })
}

fn enter(
    node: &Shared,
    admitted: &Admitted,
    resume: Option<(Incarnation, u64)>,
) -> Result<(Seat, Bytes), End> {
    let params = JoinParams {
        participant: ParticipantId(u64::from_be_bytes(random()?)),
        subject: admitted.subject,
        grants: admitted.grants,
        expires_in_s: u32::try_from(admitted.expires_at_unix_s.saturating_sub(unix_seconds()))
            .unwrap_or(u32::MAX),
        resume,
    };
    let (seat, joined) = node.sessions.enter(admitted.session, &params).map_err(|error| {
        tracing::debug!(%error, "nobody enters");
        End::violation(match error {
            EnterError::NodeFull => CloseCode::Full,
            EnterError::Refused(refused) => refused.close_code(),
            EnterError::NoRandomness => CloseCode::Internal,
        })
    })?;
    let mut frame = Vec::new();
    RelayMessage::Joined(joined).encode(&mut frame);
    Ok((seat, frame.into()))
}

async fn next_message(frames: &mut FrameReader) -> Result<ClientMessage, End> {
    match frames.next().await? {
        Some(frame) => Ok(ClientMessage::decode(frame)?),
        None => Err(End::violation(CloseCode::ProtocolViolation)),
    }
}

/// Ties the proof to this very TLS connection (RFC 8446 section 7.5).
fn exporter(connection: &Connection) -> Result<[u8; 32], End> {
    let mut exporter = [0; 32];
    let exported = connection.export_keying_material(&mut exporter, EXPORTER_LABEL, b"");
    exported.map(|()| exporter).map_err(|_| End::violation(CloseCode::Internal))
}

fn random<const N: usize>() -> Result<[u8; N], End> {
    crate::random::bytes().ok_or(End::violation(CloseCode::Internal))
}

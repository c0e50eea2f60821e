use super::Peer;
use super::end::End;
use super::frames::FrameReader;
use crate::admission::{Admission, Admitted};
use crate::clock::unix_seconds;
use isi_wire::{ClientMessage, CloseCode, RefuseReason, RelayMessage, RequestId};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Carries out what the peer asks for on the control stream, until it leaves, breaks a rule or its token expires.
pub(super) async fn serve_control(
    peer: Arc<Peer>,
    mut frames: FrameReader,
    admission: Arc<Admission>,
    admitted: Admitted,
) -> End {
    let mut admitted = admitted;
    loop {
        let frame = tokio::select! {
            () = sleep_until(expiry(&admitted)) => return End::expired(),
            frame = frames.next() => frame,
        };
        let handled = match frame.and_then(|frame| Ok(frame.map(ClientMessage::decode).transpose()?)) {
            Ok(Some(ClientMessage::Leave)) => return End::left(),
            Ok(Some(ClientMessage::Refresh { request, token })) => {
                refresh(&peer, &admission, &mut admitted, request, &token);
                Ok(())
            }
            Ok(Some(ClientMessage::Hello { .. } | ClientMessage::Join { .. }) | None) => {
                Err(End::violation(CloseCode::ProtocolViolation))
            }
            Ok(Some(message)) => peer
                .seat
                .with(|session, now, from| session.handle_control(now, from, message))
                .map_err(End::from),
            Err(end) => Err(end),
        };
        if let Err(end) = handled {
            return end;
        }
    }
}

/// A refused refresh costs nothing: the old token counts until it expires.
fn refresh(peer: &Peer, admission: &Admission, admitted: &mut Admitted, request: RequestId, token: &[u8]) {
    let answer = match admission.verify_refresh(token, admitted, unix_seconds()) {
        Ok(refreshed) => {
            *admitted = refreshed;
            RelayMessage::Done { request }
        }
        Err(_) => RelayMessage::Refused { request, reason: RefuseReason::TokenRefused, position: None },
    };
    peer.seat.with(|session, now, from| {
        session.update_grants(now, from, admitted.grants);
        session.send_control(from, answer);
    });
}

/// Tokens carry wall-clock time; from here on only time that passes counts, so that a clock set back prolongs nothing.
fn expiry(admitted: &Admitted) -> Instant {
    Instant::now() + Duration::from_secs(admitted.expires_at_unix_s.saturating_sub(unix_seconds()))
}

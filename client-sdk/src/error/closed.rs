use isi_wire::CloseCode;
use quinn::ConnectionError;

/// Why the connection to the relay is gone. Each says whose fault it is and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Disconnected {
    /// This client left, or the relay had nothing more to say.
    #[error("left the session")]
    Done,
    /// The network or the relay fell silent.
    #[error("the relay does not answer any more; check the network and join again")]
    Lost,
    /// The relay failed.
    #[error("the relay failed; join again")]
    RelayFailed,
    /// The relay says this client broke the protocol.
    #[error("the relay says this client broke the protocol; update the client, and report it")]
    ProtocolViolation,
    /// The relay sent what no relay may send.
    #[error("the relay broke the protocol; use another relay, and report it to its operator")]
    RelayBrokeProtocol,
    /// The join took too long.
    #[error("the relay waited too long for the join; try again on a better network")]
    JoinTimeout,
    /// The token's signature, key, issuer or claims were refused.
    #[error("the relay refused the token; get another from the account service")]
    TokenRefused,
    /// The token has expired, or was not refreshed in time.
    #[error("the token has expired; get a fresh one and join again")]
    TokenExpired,
    /// The token names another connection key.
    #[error(
        "the token belongs to another key; use the key it was made for, a copied token alone is worth nothing"
    )]
    ProofRefused,
    /// The token is for another relay.
    #[error("the token is for another relay; get one whose audience is this relay's host:port")]
    WrongAudience,
    /// An organizer removed this subject.
    #[error("an organizer removed you from the session")]
    Kicked,
    /// An organizer closed the session.
    #[error("an organizer closed the session")]
    SessionClosed,
    /// More than the relay's limits allow.
    #[error("this client sent more than the relay allows; send less and join again")]
    Flood,
    /// The relay or the session is full.
    #[error("the relay or the session is full; try another relay or later")]
    Full,
    /// The node is going away.
    #[error("the relay is shutting down; join at another node")]
    Draining,
    /// The token does not allow what was done.
    #[error("the token does not allow this; get one with the right")]
    Forbidden,
    /// This member was removed from the encryption group.
    #[error("an organizer removed you from the group; ask for a new invitation")]
    RemovedFromGroup,
    /// This member's statement was over, so an organizer removed it.
    #[error("your identity statement expired; get a new one from the account service and join again")]
    StatementExpired,
    /// A membership change was missed, so newer objects cannot be opened.
    #[error("a membership change was missed; join again with an invitation")]
    OutOfStep,
    /// The app does not exist any more for the driver: its last handle is dropped.
    #[error("the session is over")]
    Over,
}

impl Disconnected {
    /// Whether the group has said it, not the relay.
    pub(crate) const fn is_removal(self) -> bool {
        matches!(self, Self::RemovedFromGroup | Self::StatementExpired)
    }

    pub(crate) fn from_close_code(code: u64) -> Self {
        match CloseCode::from_code(code) {
            Some(CloseCode::Done) => Self::Done,
            Some(CloseCode::Internal) => Self::RelayFailed,
            Some(CloseCode::ProtocolViolation | CloseCode::Malformed) => Self::ProtocolViolation,
            Some(CloseCode::JoinTimeout) => Self::JoinTimeout,
            Some(CloseCode::TokenRefused) => Self::TokenRefused,
            Some(CloseCode::TokenExpired) => Self::TokenExpired,
            Some(CloseCode::ProofRefused) => Self::ProofRefused,
            Some(CloseCode::WrongAudience) => Self::WrongAudience,
            Some(CloseCode::Kicked) => Self::Kicked,
            Some(CloseCode::SessionClosed) => Self::SessionClosed,
            Some(CloseCode::Flood) => Self::Flood,
            Some(CloseCode::Full) => Self::Full,
            Some(CloseCode::Draining) => Self::Draining,
            Some(CloseCode::Forbidden) => Self::Forbidden,
            None => Self::RelayBrokeProtocol,
        }
    }

    pub(crate) fn from_connection(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => Self::from_close_code(close.error_code.into_inner()),
            ConnectionError::LocallyClosed => Self::Done,
            ConnectionError::TransportError(_) | ConnectionError::VersionMismatch => Self::RelayBrokeProtocol,
            ConnectionError::ConnectionClosed(_)
            | ConnectionError::Reset
            | ConnectionError::TimedOut
            | ConnectionError::CidsExhausted => Self::Lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_close_code_is_told_apart_except_our_own_two_bugs() {
        let told: Vec<_> = CloseCode::ALL
            .iter()
            .map(|code| Disconnected::from_close_code(u64::from(*code as u32)))
            .collect();
        let mut distinct = told.clone();
        distinct.sort_by_key(|told| format!("{told:?}"));
        distinct.dedup();
        assert_eq!(distinct.len(), told.len() - 1, "{told:?}");
        assert_eq!(Disconnected::from_close_code(0xffff), Disconnected::RelayBrokeProtocol);
    }
}

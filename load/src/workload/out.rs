use crate::client::{ClientError, GroupSender, LiveSender, LogSender, Payload};
use crate::stamp::Stamp;

/// Where a sender's objects go.
#[derive(Debug)]
pub(super) enum Out {
    Groups(GroupSender),
    Live(LiveSender),
    Log(LogSender),
}

impl Out {
    /// Hands an object to the transport, which may hold it up. `false` when it was not taken.
    pub(super) async fn send(&mut self, payload: &Payload, stamp: &Stamp) -> Result<bool, ClientError> {
        match self {
            Self::Groups(out) => out.send(payload, stamp).await,
            Self::Live(out) => out.send(payload, stamp),
            Self::Log(out) => out.send(payload, stamp).await.map(|()| true),
        }
    }

    /// Somebody needs to be able to start here.
    pub(super) fn begin_group(&mut self) {
        if let Self::Groups(out) = self {
            out.begin_group();
        }
    }
}

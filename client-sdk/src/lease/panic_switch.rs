use super::gate::Gate;
use super::{InputReport, LeaseId};
use crate::handle::{Notice, Shared};
use crate::payload::InputEvent;
use isi_e2ee::LeaseEndReason;
use std::sync::Arc;

/// Takes the lease back that this member gave, at once: for the key that a person hits when somebody does with the
/// screen what should not be done. Clones are the same switch.
///
/// It needs neither network nor runtime, waits for nobody, and works on any thread, from a signal loop or a keyboard hook.
/// Others are told when the session's task comes to it.
#[derive(Clone, Debug)]
pub struct PanicSwitch {
    shared: Arc<Shared>,
    /// `None` for whichever lease runs.
    lease: Option<LeaseId>,
}

/// A lease that was taken back by a [`PanicSwitch`].
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenBack {
    /// What the driver still held down, to be applied. [`InputReceiver::next`](crate::InputReceiver::next) hands out the
    /// same; to release a key twice does no harm.
    pub releases: Vec<InputEvent>,
    /// What the driver did.
    pub report: InputReport,
}

impl PanicSwitch {
    pub(crate) const fn new(shared: Arc<Shared>, lease: Option<LeaseId>) -> Self {
        Self { shared, lease }
    }

    /// Ends the lease; `None` if none runs. When this returns no event is handed out any more.
    pub fn press(&self) -> Option<TakenBack> {
        let ended = self.gate().end(self.lease.map(|lease| lease.0), LeaseEndReason::Revoked)?;
        self.shared.notice(Notice::LeaseTakenBack);
        Some(TakenBack { releases: ended.releases, report: ended.report })
    }

    fn gate(&self) -> &Gate {
        &self.shared.gate
    }
}

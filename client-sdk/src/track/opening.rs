use crate::handle::Shared;
use crate::limits::HELD_OBJECT_MS_MAX;
use bytes::Bytes;
use isi_e2ee::{Expected, OpenError, Opened, Opener};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// An opener that waits a little for an epoch that this member has not entered yet.
#[derive(Debug)]
pub(crate) struct ObjectOpener {
    shared: Arc<Shared>,
    opener: Opener,
}

impl ObjectOpener {
    pub(crate) const fn new(shared: Arc<Shared>, opener: Opener) -> Self {
        Self { shared, opener }
    }

    /// Opens an object; one of a coming epoch is held for at most a second. Meanwhile nothing more is taken from its
    /// stream, so what else is held waits within that stream's window at the relay. Not cancel safe: the object is lost.
    pub(crate) async fn open(&mut self, expected: Expected, object: Bytes) -> Result<Opened, OpenError> {
        let mut epoch = self.shared.epoch.clone();
        let deadline = Instant::now() + Duration::from_millis(HELD_OBJECT_MS_MAX);
        loop {
            epoch.mark_unchanged();
            match self.opener.open(self.shared.clock.now(), expected, object.clone()) {
                Err(OpenError::UnknownEpoch) => {}
                result => {
                    if let (Ok(opened), Some(events)) = (&result, self.shared.events.upgrade()) {
                        events.opened(&object, &opened.plaintext);
                    }
                    return result;
                }
            }
            if !matches!(timeout_at(deadline, epoch.changed()).await, Ok(Ok(()))) {
                return Err(OpenError::UnknownEpoch);
            }
        }
    }
}

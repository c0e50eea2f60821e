//! The session record, as an app sees it.

use crate::MemberId;
use crate::error::RequestError;
use crate::inbox::Inbox;
use isi_e2ee::{RecordRefused, RecordSalt, RecordSignError};

/// That the session is recorded, see [`Session::recording`](crate::Session::recording).
#[derive(Clone, Debug)]
pub struct Recording {
    /// The organizer that this client heard it from.
    pub by: MemberId,
    /// What turns a subject into the name that the record has for it. It is in no file of the record: who keeps both
    /// can say who is in it.
    pub salt: RecordSalt,
}

/// The lines of a record file, see [`Session::record_lines`](crate::Session::record_lines).
///
/// Dropping it ends nothing but the file.
#[derive(Debug)]
pub struct RecordLines(Inbox<String>);

/// Why the record was not turned on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Only organizers do this, or the session is over.
    #[error(transparent)]
    Sign(#[from] RecordSignError),
    /// The members do not take it: this one has lost step with them.
    #[error(transparent)]
    Refused(#[from] RecordRefused),
    /// The relay did not take it.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl RecordLines {
    pub(crate) const fn new(lines: Inbox<String>) -> Self {
        Self(lines)
    }

    /// The next line, without its line feed; `None` after the last one, which comes when the session is over. Cancel
    /// safe.
    pub async fn next(&mut self) -> Option<String> {
        self.0.next().await
    }
}

impl Drop for RecordLines {
    fn drop(&mut self) {
        self.0.close();
    }
}

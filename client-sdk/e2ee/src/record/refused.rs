use super::entry::EntryRefused;

/// Why an entry does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordRefused {
    /// The bytes are none.
    #[error("a record entry that is malformed; the client that made it is at fault")]
    Malformed,
    /// Signed by another than the member that sent it, or under another key or name than that member has.
    #[error("a record entry in another member's name; forged")]
    WrongSigner,
    /// The signature does not verify.
    #[error("a record entry that its member did not sign; forged or changed")]
    BadSignature,
    /// Only organizers state this.
    #[error("a record entry that only an organizer may sign")]
    NotAnOrganizer,
    /// Of an epoch that this member does not remember or has not entered.
    #[error(
        "a record entry of epoch {0}, which this member has not seen; its signer or the relay is at fault"
    )]
    UnknownEpoch(u64),
    /// Signer and this member followed different commits.
    #[error("a record entry of another history of the group; the relay shows members different sessions")]
    OtherTranscript,
    /// It states what this member has seen to be otherwise.
    #[error("a record entry that states what did not happen; do not trust its signer")]
    Untrue,
    /// It follows another entry than the one before it.
    #[error("a record entry that does not follow the one before it; its signer or the relay is at fault")]
    Fork,
    /// Of a record that is not the one that is on.
    #[error("an entry of another record than the one that is on; its signer or the relay is at fault")]
    OtherRecord,
}

/// Why no entry was signed. The caller is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordSignError {
    /// It is on.
    #[error("the record is on already")]
    AlreadyOn,
    /// It is off.
    #[error("there is no record; an organizer has to turn it on")]
    Off,
    /// Only organizers state this.
    #[error("only an organizer may state this in the record")]
    NotAnOrganizer,
    /// It is about an epoch that is not remembered any more.
    #[error("epoch {0} is too long ago to be recorded")]
    Forgotten(u64),
    /// One was removed.
    #[error("no longer a member of the session")]
    Evicted,
}

impl From<EntryRefused> for RecordRefused {
    fn from(refused: EntryRefused) -> Self {
        match refused {
            EntryRefused::Malformed => Self::Malformed,
            EntryRefused::BadSignature => Self::BadSignature,
        }
    }
}

use super::salt::RecordId;
use crate::UnixSeconds;
use crate::statement::StatementError;

/// What a record file shows, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordReport {
    /// Thumbprint of the key of the member that wrote the file.
    pub recorder: Option<String>,
    /// The first and the last epoch that the writer saw.
    pub epochs: Option<(u64, u64)>,
    /// The records in it, in their order.
    pub parts: Vec<RecordPart>,
    /// Who signed entries.
    pub signers: Vec<SeenSigner>,
    /// What is wrong, in the order of the lines.
    pub findings: Vec<RecordFinding>,
    /// How many more findings there were.
    pub findings_dropped: u64,
    /// Whether statements were checked against issuer keys.
    pub statements_checked: bool,
}

/// One record, from its first entry in the file to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordPart {
    /// Which.
    pub record: RecordId,
    /// Number of the first entry in the file; 1 if the writer was there when it began.
    pub first: u64,
    /// Number of the last one.
    pub last: u64,
    /// When the first was signed, as its signer says.
    pub from: UnixSeconds,
    /// When the last was.
    pub to: UnixSeconds,
    /// Whether it was turned off; otherwise it went on when the file ends.
    pub ended: bool,
}

/// Somebody who signed entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenSigner {
    /// Thumbprint of its key.
    pub key_thumbprint: String,
    /// The account service's name for it, as its statement says.
    pub subject: Option<String>,
    /// How many entries.
    pub entries: u64,
}

/// Something wrong at a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFinding {
    /// Counted from 1; the line after the last for what is missing at the end.
    pub line: u64,
    /// What.
    pub kind: FindingKind,
}

/// What can be wrong with a record file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FindingKind {
    /// Not one of the lines that a record has.
    #[error("this is no line of a record")]
    NotALine,
    /// The file does not begin as a record does, or begins a second time.
    #[error("a record file has its header in the first line and nowhere else")]
    Header,
    /// The signed bytes are no entry.
    #[error("the signed bytes are no entry of a record")]
    Malformed,
    /// The signature is not the key's.
    #[error("the signature does not verify: the entry was changed, or was never signed")]
    BadSignature,
    /// The readable part was changed.
    #[error("the text says something else than the signed bytes")]
    TextDiffers,
    /// Entries are not there.
    #[error("entries {first} to {last} are missing")]
    Missing {
        /// The first one.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// An entry stands behind later ones, or twice.
    #[error("entry {0} stands in the wrong place")]
    OutOfPlace(u64),
    /// An entry does not follow the one before it.
    #[error("entry {0} does not follow the one before it: one of them was replaced")]
    DoesNotFollow(u64),
    /// An entry of another record while one is on, or after its end.
    #[error("an entry of a record that is not on here")]
    OtherRecord,
    /// Epochs are not there.
    #[error("epochs {first} to {last} are missing")]
    EpochsMissing {
        /// The first one.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// An epoch stands behind a later one, or twice.
    #[error("epoch {0} stands in the wrong place")]
    EpochOutOfPlace(u64),
    /// An entry of an epoch that the writer has not seen.
    #[error("an entry of epoch {0}, which the writer had not seen")]
    UnknownEpoch(u64),
    /// The entry's signer followed other commits than the writer.
    #[error("epoch {0} has another history for the signer than for the writer")]
    OtherTranscript(u64),
    /// Only organizers may sign it.
    #[error("signed by somebody who was no organizer in epoch {0}")]
    NotAnOrganizer(u64),
    /// An organizer changed the membership, signed later entries, and none of them says so.
    #[error("nobody recorded who came or went with epoch {0}, though its committer signed later entries")]
    NotRecorded(u64),
    /// There is no statement about the signer's key before its first entry.
    #[error("there is no statement about the signer's key")]
    NoStatement,
    /// The statement proves nothing.
    #[error("the statement about the key proves nothing: {0}")]
    Statement(StatementError),
    /// The account service does not let the signer organize.
    #[error("the signer's statement does not let it organize")]
    RoleTooLow,
    /// The file was cut, or its writer did not come to its end.
    #[error("the file ends without its closing line: what came after is not known")]
    NoClosing,
    /// Lines were changed, added or taken out since the writer closed the file.
    #[error("the closing line does not fit: lines were changed, added or taken out")]
    ClosingDiffers,
    /// Something stands behind the closing line.
    #[error("this stands behind the closing line")]
    AfterClosing,
}

impl RecordReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

use super::fact::RecordFact;
use super::salt::SubjectHash;
use super::text::{EpochLine, names, unhex, unhex_array};

/// What a file's writer saw of an epoch, and what of it nobody has recorded yet.
pub(super) struct WriterSaw {
    pub(super) transcript: Vec<u8>,
    pub(super) organizers: Vec<[u8; 32]>,
    committer: Option<[u8; 32]>,
    joined: Vec<String>,
    gone: Vec<String>,
}

impl WriterSaw {
    pub(super) fn read(line: EpochLine) -> Option<Self> {
        let organizers = line.organizers.iter().map(|key| unhex_array(key)).collect::<Option<_>>()?;
        let committer = match line.committer {
            Some(key) => Some(unhex_array(&key)?),
            None => None,
        };
        let transcript = unhex(&line.transcript)?;
        Some(Self { transcript, organizers, committer, joined: line.joined, gone: line.gone })
    }

    /// Somebody has recorded it.
    pub(super) fn settle(&mut self, fact: &RecordFact) {
        if matches!(fact, RecordFact::Joined(who) if names(who) == self.joined) {
            self.joined.clear();
        }
        let hashes = |gone: &[super::Departure]| -> Vec<SubjectHash> {
            gone.iter().map(|departure| departure.who).collect()
        };
        if matches!(fact, RecordFact::Gone(gone) if names(&hashes(gone)) == self.gone) {
            self.gone.clear();
        }
    }

    /// Whether the member with this key made the commit and has not recorded what it did.
    pub(super) fn is_owed_by(&self, key: &[u8; 32]) -> bool {
        self.committer.as_ref() == Some(key) && !(self.joined.is_empty() && self.gone.is_empty())
    }

    /// It is told once.
    pub(super) fn forget(&mut self) {
        self.joined.clear();
        self.gone.clear();
    }
}

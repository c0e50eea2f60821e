use super::entry::SignedEntry;
use super::salt::RecordSalt;
use super::text::{EpochLine, FILE_VERSION, Line, hex, names, render_entry};
use crate::encoding::put_bytes;
use crate::{Group, LeafIndex};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

const FILE_LABEL: &[u8] = b"ISI 1.0 Record File";

/// Makes the lines of a record file, one JSON object each; whoever calls it writes them, and a line feed after each.
///
/// The file holds the entries and what its writer saw of each epoch, so that
/// [`verify_record`](super::verify_record) can compare them from the writer's own join on. People are in it by hashes
/// only, but for those who sign: their statements are there, since a signature by nobody is worth nothing.
#[derive(Debug)]
pub struct RecordFile {
    hash: Sha256,
    /// The statement that stands in the file for each key.
    statements: BTreeMap<[u8; 32], Vec<u8>>,
}

impl RecordFile {
    /// Begins a file with this member as its writer.
    #[must_use]
    pub fn begin(group: &Group, salt: Option<&RecordSalt>) -> (Self, Vec<String>) {
        let mut file = Self { hash: Sha256::new(), statements: BTreeMap::new() };
        let recorder = group.identity().public_key();
        let first =
            Line::File { version: FILE_VERSION, group: hex(group.group_id()), recorder: hex(&recorder) };
        let mut lines = vec![file.put(first.render())];
        lines.extend(file.member(group, group.own_leaf(), recorder));
        lines.extend(file.epoch(group, salt));
        (file, lines)
    }

    /// The line of the epoch just entered; call it after every merge.
    #[must_use]
    pub fn epoch(&mut self, group: &Group, salt: Option<&RecordSalt>) -> Option<String> {
        let seen = group.newest_seen()?;
        let people = |subjects: &[String]| {
            salt.map_or_else(Vec::new, |salt| names(&salt.hashes(subjects.iter().map(String::as_str))))
        };
        let change = seen.change.as_ref();
        let line = Line::Epoch(EpochLine {
            epoch: seen.epoch,
            transcript: hex(&seen.transcript),
            organizers: seen.organizers.iter().map(|key| hex(key)).collect(),
            committer: change.map(|change| hex(&change.committer)),
            joined: change.map_or_else(Vec::new, |change| people(&change.joined)),
            gone: change.map_or_else(Vec::new, |change| people(&change.gone)),
        });
        Some(self.put(line.render()))
    }

    /// The lines of an entry that was accepted: its signer's statement first, if that is new.
    #[must_use]
    pub fn entry(&mut self, group: &Group, signed: &SignedEntry) -> Vec<String> {
        let signer = signed.entry().signer;
        let mut lines = Vec::from_iter(self.member(group, signer.leaf, signer.key));
        lines.push(self.put(render_entry(signed)));
        lines
    }

    /// The last line: that nothing came after it, signed by the writer.
    #[must_use]
    pub fn end(self, group: &Group) -> String {
        let hash: [u8; 32] = self.hash.finalize().into();
        let signature = group.identity().sign_own(&closing(group.group_id(), &hash));
        Line::End { hash: hex(&hash), signature: hex(&signature) }.render()
    }

    fn member(&mut self, group: &Group, leaf: LeafIndex, key: [u8; 32]) -> Option<String> {
        let statement = group.statement_of(leaf)?;
        if self.statements.get(&key).is_some_and(|known| known == statement) {
            return None;
        }
        let line = Line::Member { key: hex(&key), statement: String::from_utf8(statement.to_vec()).ok()? };
        self.statements.insert(key, statement.to_vec());
        Some(self.put(line.render()))
    }

    fn put(&mut self, line: String) -> String {
        hash_line(&mut self.hash, &line);
        line
    }
}

pub(super) fn hash_line(hash: &mut Sha256, line: &str) {
    hash.update(line);
    hash.update(b"\n");
}

/// What the writer signs.
pub(super) fn closing(group_id: &[u8], hash: &[u8; 32]) -> Vec<u8> {
    let mut message = FILE_LABEL.to_vec();
    put_bytes(&mut message, group_id);
    message.extend_from_slice(hash);
    message
}

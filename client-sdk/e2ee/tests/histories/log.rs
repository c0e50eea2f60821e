//! The relay's log as clients see it: one order for all, commits by compare-and-set, a commit and its Welcomes at once.

use bytes::Bytes;
use isi_e2ee::LeafIndex;

/// Names a member of the history, honest or not.
pub(crate) type Who = usize;

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) sender: Who,
    /// Entries up to the last commit before this one.
    pub(crate) last_handshake: usize,
    pub(crate) what: What,
}

#[derive(Clone)]
pub(crate) enum What {
    Commit {
        bytes: Vec<u8>,
        /// Made by the rules: who follows must take it.
        honest: bool,
        removes: Vec<LeafIndex>,
    },
    Welcome {
        to: Who,
        bytes: Vec<u8>,
    },
    Proposal(Vec<u8>),
    JoinRequest {
        subject: String,
        bytes: Vec<u8>,
    },
    Object {
        leaf: LeafIndex,
        epoch: u64,
        bytes: Bytes,
    },
}

#[derive(Default)]
pub(crate) struct Log {
    pub(crate) entries: Vec<Entry>,
    /// Entries up to the last commit.
    pub(crate) last_handshake: usize,
}

/// Another commit came first.
pub(crate) struct Conflict;

impl Log {
    pub(crate) fn append(&mut self, sender: Who, what: What) {
        self.entries.push(Entry { sender, last_handshake: self.last_handshake, what });
    }

    /// All or nothing.
    pub(crate) fn commit(
        &mut self,
        sender: Who,
        expected: usize,
        commit: What,
        welcome: Option<(&[Who], Vec<u8>)>,
    ) -> Result<(), Conflict> {
        if expected != self.last_handshake {
            return Err(Conflict);
        }
        self.append(sender, commit);
        self.last_handshake = self.entries.len();
        for (to, bytes) in
            welcome.into_iter().flat_map(|(to, bytes)| to.iter().map(move |to| (*to, bytes.clone())))
        {
            self.append(sender, What::Welcome { to, bytes });
        }
        Ok(())
    }
}

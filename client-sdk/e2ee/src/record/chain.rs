use super::HASHES_KEPT_MAX;
use super::entry::SignedEntry;
use std::collections::VecDeque;

/// Where a record stands: members and whoever reads a file of it follow the same rules.
///
/// The relay's order of the log decides which of two entries with one number counts; whoever signed the other one signs
/// it again behind it. A chain that begins in the middle, because one came later, is not sure of its first
/// entry: it may be one that had lost such a race. The next entry tells.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    /// The newest entries' hashes, the newest last; the last has number `number`.
    hashes: VecDeque<[u8; 32]>,
    number: u64,
    is_sure: bool,
}

/// What an entry is to the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The next one.
    Next,
    /// One in the middle: the chain begins here.
    Begins,
    /// The chain goes on with it, but entries before it are missing: from this number on.
    Gap {
        /// The first that is missing.
        first: u64,
    },
    /// It is there already, or another one came first.
    Behind,
    /// It does not follow what is there.
    Fork,
}

impl Chain {
    /// Takes an entry if it goes on with the chain.
    pub(super) fn step(&mut self, signed: &SignedEntry) -> Step {
        let step = self.judge(signed);
        match step {
            Step::Next => self.is_sure = true,
            Step::Begins | Step::Gap { .. } => {
                self.is_sure = signed.entry().number == 1;
                self.hashes.clear();
            }
            Step::Behind | Step::Fork => return step,
        }
        if self.hashes.len() == HASHES_KEPT_MAX {
            self.hashes.pop_front();
        }
        self.hashes.push_back(signed.hash());
        self.number = signed.entry().number;
        step
    }

    /// Number and hash of the newest entry.
    pub(super) fn head(&self) -> Option<(u64, [u8; 32])> {
        self.hashes.back().map(|hash| (self.number, *hash))
    }

    /// Whether its oldest entry is known to be part of the record.
    pub(super) const fn is_sure(&self) -> bool {
        self.is_sure
    }

    fn judge(&self, signed: &SignedEntry) -> Step {
        let entry = signed.entry();
        let Some((number, hash)) = self.head() else {
            return if entry.number == 1 { Step::Next } else { Step::Begins };
        };
        if entry.number <= number {
            return self.judge_old(signed);
        }
        if entry.number - number > 1 {
            return Step::Gap { first: number + 1 };
        }
        match (entry.previous == hash, self.is_sure) {
            (true, _) => Step::Next,
            (false, true) => Step::Fork,
            (false, false) => Step::Begins,
        }
    }

    /// It lost a race if it follows an entry that is part of the chain. Further back than the chain remembers nothing
    /// can be told.
    fn judge_old(&self, signed: &SignedEntry) -> Step {
        let entry = signed.entry();
        let before = self.hash_of(entry.number - 1);
        let is_there = self.hash_of(entry.number) == Some(signed.hash());
        let fits = before.is_none_or(|before| before == entry.previous);
        if is_there || fits || !self.is_sure { Step::Behind } else { Step::Fork }
    }

    fn hash_of(&self, number: u64) -> Option<[u8; 32]> {
        let back = usize::try_from(self.number.checked_sub(number)?).ok()?;
        self.hashes.iter().rev().nth(back).copied()
    }
}

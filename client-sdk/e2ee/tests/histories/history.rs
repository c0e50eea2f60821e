//! One history: members, log and relay, and the clock they share.

use crate::agreement::Agreement;
use crate::log::{Log, What, Who};
use crate::member::{Member, Phase, plaintext};
use crate::outsider::Outsider;
use crate::rng::Rng;
use crate::world::organizer;
use isi_e2ee::{Group, MonotonicMs, OpenError};
use std::collections::BTreeMap;

/// What happens besides joins, leaves, removes, rotations and changes of organizers: how often in a hundred steps.
#[derive(Clone, Copy, Default)]
pub(crate) struct Mix {
    pub(crate) crashes: usize,
    pub(crate) relay_lies: usize,
    pub(crate) rogues: usize,
    /// The relay takes an upload and its answer never comes.
    pub(crate) lost_replies: bool,
}

pub(crate) struct History {
    pub(crate) rng: Rng,
    pub(crate) mix: Mix,
    pub(crate) log: Log,
    pub(crate) members: BTreeMap<Who, Member>,
    pub(crate) outsiders: BTreeMap<Who, Outsider>,
    pub(crate) agreement: Agreement,
    pub(crate) now: MonotonicMs,
    pub(crate) next: Who,
    pub(crate) counts: Counts,
}

/// What has happened: a history in which nothing happened shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) epochs: usize,
    pub(crate) conflicts: usize,
    pub(crate) crashes: usize,
    pub(crate) lies: usize,
    pub(crate) rogue_commits: usize,
    pub(crate) opened: usize,
    pub(crate) refused_to_removed: usize,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.epochs += other.epochs;
        self.conflicts += other.conflicts;
        self.crashes += other.crashes;
        self.lies += other.lies;
        self.rogue_commits += other.rogue_commits;
        self.opened += other.opened;
        self.refused_to_removed += other.refused_to_removed;
    }
}

impl History {
    pub(crate) fn begin(seed: u64, mix: Mix) -> Self {
        let mut agreement = Agreement::default();
        let root = organizer();
        agreement.entered(&root);
        let root = Member::new(1, "root", "organizer", Phase::In(Box::new(root)));
        let mut history = Self {
            rng: Rng::new(seed),
            mix,
            log: Log::default(),
            members: BTreeMap::from([(1, root)]),
            outsiders: BTreeMap::new(),
            agreement,
            now: MonotonicMs(1_000),
            next: 2,
            counts: Counts::default(),
        };
        for _ in 0..3 {
            history.ask();
        }
        history
    }

    pub(crate) fn new_who(&mut self) -> Who {
        self.next += 1;
        self.next - 1
    }

    /// Those for whom `test` holds.
    pub(crate) fn which(&self, test: impl Fn(&Member) -> bool) -> Vec<Who> {
        self.members.values().filter(|member| test(member)).map(|member| member.who).collect()
    }

    pub(crate) fn organizers(&self) -> Vec<Who> {
        self.which(Member::is_organizer)
    }

    /// The next entries of the log for one member, as far as there are any.
    pub(crate) fn deliver(&mut self, to: Who, entries: usize) {
        for _ in 0..entries {
            let Some(read) = self.read_of(to) else { return };
            if read >= self.log.entries.len() {
                return;
            }
            self.hand(to, read);
            self.set_read(to, read + 1);
        }
    }

    /// One entry, whatever was read before.
    pub(crate) fn hand(&mut self, to: Who, at: usize) {
        let entry = &self.log.entries[at];
        if let Some(member) = self.members.get_mut(&to) {
            member.handle(at, entry, self.now, &mut self.agreement);
        } else if let Some(outsider) = self.outsiders.get_mut(&to) {
            outsider.handle(at, entry);
        }
    }

    pub(crate) fn read_of(&self, who: Who) -> Option<usize> {
        let member = self.members.get(&who).map(|member| member.read);
        member.or_else(|| self.outsiders.get(&who).map(|outsider| outsider.read))
    }

    pub(crate) fn set_read(&mut self, who: Who, read: usize) {
        if let Some(member) = self.members.get_mut(&who) {
            member.read = read;
        } else if let Some(outsider) = self.outsiders.get_mut(&who) {
            outsider.read = read;
        }
    }

    pub(crate) fn everyone(&self) -> Vec<Who> {
        self.members.keys().chain(self.outsiders.keys()).copied().collect()
    }

    /// Everything is delivered and answered; then all honest members are one.
    pub(crate) fn settle(&mut self) {
        loop {
            let before = self.log.entries.len();
            self.deliver_all();
            for who in self.which(|member| member.staged.is_some()) {
                self.resolve(who);
            }
            if self.log.entries.len() == before {
                break;
            }
        }
        // One more commit shows everybody who fell behind that it did.
        if let Some(who) = self.organizers().first().copied() {
            self.stage_rotation(who);
            self.upload(who, false);
            self.deliver_all();
        }
        self.compare();
        self.talk();
        self.now.0 += 10_000;
    }

    fn deliver_all(&mut self) {
        for who in self.everyone() {
            self.deliver(who, usize::MAX);
        }
    }

    /// All of the log is read: a commit that is still staged was never taken, or is uploaded now.
    fn resolve(&mut self, who: Who) {
        let member = self.members.get_mut(&who).unwrap();
        if member.staged.as_ref().is_some_and(|staged| staged.uploaded) {
            member.staged = None;
            member.group_mut().unwrap().discard_staged();
        } else {
            self.upload(who, false);
        }
    }

    fn compare(&self) {
        let mut groups = self.members.values().filter_map(Member::group);
        let Some(first) = groups.next() else { return };
        let all_of = |group: &Group| (group.epoch(), group.session_code(), group.members());
        let expected = all_of(first);
        for group in groups {
            assert_eq!(all_of(group), expected);
            assert_eq!(group.keyring().epoch(), Some(first.epoch()));
        }
        for member in self.members.values().filter(|member| member.group().is_some()) {
            let listed = expected.2.iter().filter(|listed| listed.subject == member.subject);
            assert!(listed.count() >= 1, "{} is on nobody's roster", member.subject);
        }
    }

    /// Every member seals; every other opens it, and nobody who was removed. Nobody opens what the removed seal.
    fn talk(&mut self) {
        let inside = self.which(|member| member.group().is_some());
        let outside = self.which(|member| matches!(member.phase, Phase::Clings(_)));
        for sender in &outside {
            self.shut_out(*sender, &inside);
        }
        for sender in &inside {
            let sealed = self.members.get_mut(sender).unwrap().seal(self.now);
            let Some(What::Object { leaf, epoch, bytes }) = sealed else { panic!("a member seals") };
            for who in inside.iter().filter(|who| *who != sender) {
                let opened = self.members.get_mut(who).unwrap().open(leaf, &bytes, self.now);
                assert_eq!(opened.unwrap(), plaintext(epoch, leaf));
                self.counts.opened += 1;
            }
            for who in &outside {
                let opened: Result<_, OpenError> =
                    self.members.get_mut(who).unwrap().open(leaf, &bytes, self.now);
                assert!(opened.is_err(), "{who} was removed and opens epoch {epoch}");
                self.counts.refused_to_removed += 1;
            }
        }
    }

    /// A removed member seals with the keys it kept: within the grace of that epoch, too, nobody listens.
    fn shut_out(&mut self, sender: Who, inside: &[Who]) {
        let sealed = self.members.get_mut(&sender).unwrap().seal(self.now);
        let Some(What::Object { leaf, bytes, .. }) = sealed else { return };
        for who in inside {
            let member = self.members.get_mut(who).unwrap();
            assert!(member.open(leaf, &bytes, self.now).is_err(), "{who} listens to a removed member");
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts { epochs: self.agreement.epochs(), ..self.counts }
    }
}

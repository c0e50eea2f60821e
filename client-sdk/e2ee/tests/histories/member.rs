//! An honest member: what its client would do with what the log brings.

use crate::agreement::Agreement;
use crate::log::{Entry, What, Who};
use crate::world::{NOW, pending};
use bytes::Bytes;
use isi_e2ee::{
    Expected, Group, Invitation, LeafIndex, MonotonicMs, Opener, PendingMember, SealMeta, Sealer, Staged,
    Transport, UnixSeconds, WelcomeRefused,
};
use isi_wire::{TrackId, TrackKind};
use std::collections::{BTreeSet, HashMap};

const TRACK: TrackId = TrackId(1);
const KIND: TrackKind = TrackKind::Message;
const EXPECTED: Expected = Expected { group: Some(0), transport: Transport::Log };
const META: SealMeta = SealMeta { group: 0, keyframe: false };

pub(crate) struct Member {
    pub(crate) who: Who,
    pub(crate) subject: String,
    pub(crate) role: &'static str,
    pub(crate) phase: Phase,
    /// Entries it has read.
    pub(crate) read: usize,
    /// Entries up to the last commit it has read.
    pub(crate) position: usize,
    pub(crate) staged: Option<InFlight>,
    /// As an organizer: who asked to be let in, and who asked to leave.
    pub(crate) requests: Vec<(Who, String, Vec<u8>)>,
    pub(crate) leavers: BTreeSet<LeafIndex>,
    sealer: Option<Sealer>,
    openers: HashMap<LeafIndex, Opener>,
}

pub(crate) enum Phase {
    /// Asked to be let in.
    Waits(Box<PendingMember>),
    In(Box<Group>),
    /// Was removed, does not follow its removal, and keeps everything.
    Clings(Box<Group>),
    /// Crashed, left, or fell behind: its keys are gone. It may come back as another.
    Gone,
}

/// A commit that it made.
pub(crate) struct InFlight {
    pub(crate) staged: Staged,
    pub(crate) removes: Vec<LeafIndex>,
    pub(crate) welcomes_for: Vec<Who>,
    pub(crate) uploaded: bool,
}

impl Member {
    pub(crate) fn new(who: Who, subject: &str, role: &'static str, phase: Phase) -> Self {
        Self {
            who,
            subject: subject.to_owned(),
            role,
            phase,
            read: 0,
            position: 0,
            staged: None,
            requests: Vec::new(),
            leavers: BTreeSet::new(),
            sealer: None,
            openers: HashMap::new(),
        }
    }

    /// Asks to be let in from now on; what was in the log before does not concern it.
    pub(crate) fn asking(
        who: Who,
        subject: &str,
        role: &'static str,
        invitation: &Invitation,
        read: usize,
    ) -> Self {
        let phase = Phase::Waits(Box::new(pending(subject, role, invitation)));
        Self { read, ..Self::new(who, subject, role, phase) }
    }

    pub(crate) fn group(&self) -> Option<&Group> {
        if let Phase::In(group) = &self.phase { Some(group) } else { None }
    }

    pub(crate) fn group_mut(&mut self) -> Option<&mut Group> {
        if let Phase::In(group) = &mut self.phase { Some(group) } else { None }
    }

    pub(crate) fn is_organizer(&self) -> bool {
        self.group().is_some_and(Group::is_organizer)
    }

    /// It is gone, with all its keys.
    pub(crate) fn vanish(&mut self) {
        self.phase = Phase::Gone;
        self.staged = None;
        self.openers.clear();
        self.sealer = None;
    }

    pub(crate) fn seal(&mut self, now: MonotonicMs) -> Option<What> {
        let (Phase::In(group) | Phase::Clings(group)) = &self.phase else { return None };
        let (leaf, epoch, keyring) = (group.own_leaf(), group.epoch(), group.keyring());
        let sealer = self.sealer.get_or_insert_with(|| Sealer::new(&keyring, TRACK, KIND).unwrap());
        let bytes = sealer.seal(now, META, &plaintext(epoch, leaf)).unwrap();
        Some(What::Object { leaf, epoch, bytes })
    }

    /// One entry of the log, number `at`.
    pub(crate) fn handle(&mut self, at: usize, entry: &Entry, now: MonotonicMs, agreement: &mut Agreement) {
        match &mut self.phase {
            Phase::Waits(pending) => {
                let What::Welcome { to, bytes } = &entry.what else { return };
                if *to == self.who {
                    match pending.join(bytes, seconds(now), now) {
                        Ok(group) => self.enter(group, entry, agreement),
                        // An older request of its own was answered, or the inviter is no organizer any more.
                        Err(WelcomeRefused::NotForUs) => {}
                        Err(WelcomeRefused::WrongOrganizer) => self.vanish(),
                        Err(error) => panic!("an honest Welcome was refused: {error}"),
                    }
                }
            }
            Phase::In(_) => self.follow(at, entry, now, agreement),
            Phase::Clings(_) => self.cling(entry, now),
            Phase::Gone => {}
        }
    }

    fn enter(&mut self, group: Group, entry: &Entry, agreement: &mut Agreement) {
        agreement.entered(&group);
        self.phase = Phase::In(Box::new(group));
        self.position = entry.last_handshake;
    }

    fn follow(&mut self, at: usize, entry: &Entry, now: MonotonicMs, agreement: &mut Agreement) {
        match &entry.what {
            // It was read before: the relay repeats or reorders.
            What::Commit { .. } if at < self.position => {}
            // A gap: it has to come back as another.
            What::Commit { .. } if entry.last_handshake > self.position => self.vanish(),
            What::Commit { bytes, honest, removes } => {
                self.position = at + 1;
                self.commit(entry.sender, bytes, *honest, removes, now, agreement);
            }
            What::Proposal(bytes) if entry.sender != self.who => {
                let Some(group) = self.group_mut() else { return };
                if let Ok(seen) = group.handle_proposal(bytes) {
                    self.leavers.insert(seen.leaver);
                }
            }
            What::JoinRequest { subject, bytes } => {
                self.requests.push((entry.sender, subject.clone(), bytes.clone()));
            }
            What::Object { leaf, epoch, bytes } if entry.sender != self.who => {
                // It may be of an epoch whose grace is over; if it opens, it is what was sealed.
                if let Ok(opened) = self.open(*leaf, bytes, now) {
                    assert_eq!(opened, plaintext(*epoch, *leaf));
                }
            }
            What::Proposal(_) | What::Object { .. } | What::Welcome { .. } => {}
        }
    }

    fn commit(
        &mut self,
        sender: Who,
        bytes: &[u8],
        honest: bool,
        removes: &[LeafIndex],
        now: MonotonicMs,
        agreement: &mut Agreement,
    ) {
        let Phase::In(group) = &mut self.phase else { return };
        // Not every removed member goes quietly.
        if self.who.is_multiple_of(2) && removes.contains(&group.own_leaf()) {
            return self.refuse_to_go();
        }
        let result = group.handle_commit(bytes, now);
        assert_eq!(result.is_ok(), honest, "{}: {result:?} for a commit of {sender}", self.subject);
        let Ok(change) = result else { return };
        agreement.accepted(change.epoch, bytes);
        self.staged = None;
        for leaf in &change.removed {
            self.openers.remove(leaf);
            self.leavers.remove(leaf);
        }
        if change.self_removed {
            return self.vanish();
        }
        agreement.entered(group);
    }

    fn refuse_to_go(&mut self) {
        if let Phase::In(group) = std::mem::replace(&mut self.phase, Phase::Gone) {
            self.phase = Phase::Clings(group);
            self.staged = None;
        }
    }

    /// Tries everything with what it kept.
    fn cling(&mut self, entry: &Entry, now: MonotonicMs) {
        let Phase::Clings(group) = &mut self.phase else { return };
        let kept = group.epoch();
        match &entry.what {
            What::Commit { bytes, .. } => {
                let followed = group.handle_commit(bytes, now);
                assert!(followed.is_err(), "{} followed a commit after its removal", self.subject);
            }
            What::Object { leaf, epoch, bytes } => {
                let opened = self.open(*leaf, bytes, now);
                assert!(opened.is_err() || *epoch <= kept, "{} opens epoch {epoch}", self.subject);
            }
            What::Welcome { .. } | What::Proposal(_) | What::JoinRequest { .. } => {}
        }
    }

    /// Opens an object with an opener that lives as long as the sender's membership.
    pub(crate) fn open(
        &mut self,
        sender: LeafIndex,
        object: &Bytes,
        now: MonotonicMs,
    ) -> Result<Vec<u8>, isi_e2ee::OpenError> {
        let keyring = match &self.phase {
            Phase::In(group) | Phase::Clings(group) => group.keyring(),
            Phase::Waits(_) | Phase::Gone => panic!("it has no keys"),
        };
        let opener = self.openers.entry(sender).or_insert_with(|| Opener::new(&keyring, sender, TRACK, KIND));
        opener.open(now, EXPECTED, object.clone()).map(|opened| opened.plaintext)
    }
}

pub(crate) fn plaintext(epoch: u64, leaf: LeafIndex) -> Vec<u8> {
    format!("epoch {epoch}, leaf {}", leaf.0).into_bytes()
}

pub(crate) const fn seconds(now: MonotonicMs) -> UnixSeconds {
    UnixSeconds(NOW.0 + now.0 / 1000)
}

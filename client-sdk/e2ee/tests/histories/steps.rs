//! What may happen next.

use crate::history::History;
use crate::log::{What, Who};
use crate::member::{InFlight, Member, Phase, seconds};
use crate::outsider::{Outsider, State};
use isi_e2ee::{Group, Invitation, LeafIndex, StageError, Staged};

/// Members and those who ask; keeps a history short.
const PEOPLE_MAX: usize = 9;
const ROGUES_MAX: usize = 2;

impl History {
    pub(crate) fn step(&mut self) {
        self.now.0 += self.rng.next() % 200;
        let mut dice = self.rng.below(100 + self.mix.crashes + self.mix.relay_lies + self.mix.rogues);
        if dice < self.mix.crashes {
            return self.crash();
        }
        dice -= self.mix.crashes;
        if dice < self.mix.relay_lies {
            return self.lie();
        }
        dice -= self.mix.relay_lies;
        if dice < self.mix.rogues {
            return self.rogue();
        }
        match dice - self.mix.rogues {
            0..32 => self.deliver_some(),
            32..54 => self.organize(),
            54..64 => self.act(),
            64..86 => self.upload_some(),
            86..94 => self.ask(),
            _ => self.say(),
        }
    }

    fn deliver_some(&mut self) {
        for _ in 0..3 {
            let everyone = self.everyone();
            if let Some(who) = self.rng.pick(&everyone) {
                let entries = 1 + self.rng.below(4);
                self.deliver(who, entries);
            }
        }
    }

    /// Somebody asks to be let in: new, or back after it was lost.
    pub(crate) fn ask(&mut self) {
        let alive = self.which(|member| matches!(member.phase, Phase::In(_) | Phase::Waits(_)));
        if alive.len() >= PEOPLE_MAX {
            return;
        }
        let Some(invitation) = self.invitation() else { return };
        let who = self.new_who();
        let gone = self.which(|member| matches!(member.phase, Phase::Gone));
        let back = self.rng.pick(&gone).filter(|_| self.rng.once_in(2));
        let (subject, role) = match back.and_then(|gone| self.members.remove(&gone)) {
            Some(before) => (before.subject, before.role),
            None => (format!("person-{who}"), if self.rng.once_in(2) { "organizer" } else { "participant" }),
        };
        let member = Member::asking(who, &subject, role, &invitation, self.log.entries.len());
        let Phase::Waits(pending) = &member.phase else { panic!("it has just asked") };
        let bytes = pending.join_request();
        self.members.insert(who, member);
        self.log.append(who, What::JoinRequest { subject, bytes });
    }

    /// One organizer's invitation.
    fn invitation(&mut self) -> Option<Invitation> {
        let organizers = self.organizers();
        let who = self.rng.pick(&organizers)?;
        // A new one each time, so that it names the root organizer of today.
        self.members.get_mut(&who)?.group_mut()?.invite().ok()
    }

    /// An organizer prepares a change.
    fn organize(&mut self) {
        let organizers = self.which(|member| member.is_organizer() && member.staged.is_none());
        let Some(who) = self.rng.pick(&organizers) else { return };
        let dice = self.rng.below(10);
        let has_leavers = !self.members[&who].leavers.is_empty();
        let has_requests = !self.members[&who].requests.is_empty();
        match dice {
            _ if has_leavers && dice < 5 => self.let_go(who),
            _ if has_requests && dice < 7 => self.admit(who),
            0..7 => self.stage_rotation(who),
            7 => self.change_organizers(who),
            _ => self.remove_somebody(who),
        }
    }

    fn let_go(&mut self, who: Who) {
        let leavers: Vec<_> =
            std::mem::take(&mut self.members.get_mut(&who).unwrap().leavers).into_iter().collect();
        self.stage(who, leavers.clone(), |group, now| group.remove(&leavers, now));
    }

    fn remove_somebody(&mut self, who: Who) {
        let group = self.members[&who].group().unwrap();
        let others: Vec<_> = group.members().iter().map(|member| member.leaf).collect();
        let Some(leaf) = self.rng.pick(&others) else { return };
        self.stage(who, vec![leaf], |group, now| group.remove(&[leaf], now));
    }

    fn change_organizers(&mut self, who: Who) {
        let group = self.members[&who].group().unwrap();
        let able: Vec<_> = group
            .members()
            .into_iter()
            .filter(|member| member.role == isi_e2ee::Role::Organizer && !member.subject.starts_with("rogue"))
            .map(|member| member.leaf)
            .collect();
        let own = group.own_leaf();
        let chosen = able.into_iter().filter(|leaf| *leaf != own && !self.rng.once_in(3));
        let mut list: Vec<LeafIndex> = std::iter::once(own).chain(chosen).collect();
        if self.rng.once_in(3) {
            list.reverse();
        }
        self.stage(who, Vec::new(), |group, now| group.set_organizers(&list, now));
    }

    pub(crate) fn stage_rotation(&mut self, who: Who) {
        self.stage(who, Vec::new(), Group::rotate);
    }

    /// Lets in those who asked. Who is a member already came back: its old leaf goes by the same commit.
    fn admit(&mut self, who: Who) {
        let now = seconds(self.now);
        let member = self.members.get_mut(&who).unwrap();
        let requests = std::mem::take(&mut member.requests);
        let group = member.group_mut().unwrap();
        let mut batch: Vec<(Who, isi_e2ee::Applicant)> = Vec::new();
        for (asker, subject, bytes) in requests {
            let twice = batch.iter().any(|(_, applicant)| applicant.subject() == subject);
            if !twice && let Ok(applicant) = group.check_join_request(&bytes, now) {
                batch.push((asker, applicant));
            }
        }
        if batch.is_empty() {
            return;
        }
        let (asked, applicants): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let removes =
            applicants.iter().flat_map(|applicant| group.leaves_of(applicant.subject())).copied().collect();
        self.stage(who, removes, |group, now| group.admit(&applicants, now));
        if let Some(staged) = &mut self.members.get_mut(&who).unwrap().staged {
            staged.welcomes_for = asked;
        }
    }

    fn stage(
        &mut self,
        who: Who,
        removes: Vec<LeafIndex>,
        change: impl FnOnce(&mut Group, isi_e2ee::UnixSeconds) -> Result<Staged, StageError>,
    ) {
        let now = seconds(self.now);
        let member = self.members.get_mut(&who).unwrap();
        let Some(group) = member.group_mut() else { return };
        // Whom it wants to remove may be itself or gone, an organizer's list may have grown empty: then not.
        if let Ok(staged) = change(group, now) {
            member.staged = Some(InFlight { staged, removes, welcomes_for: Vec::new(), uploaded: false });
        }
    }

    /// Anybody wants fresh keys, or out.
    fn act(&mut self) {
        let free = self.which(|member| member.group().is_some() && member.staged.is_none());
        let Some(who) = self.rng.pick(&free) else { return };
        let member = self.members.get_mut(&who).unwrap();
        if member.is_organizer() || !self.rng.once_in(3) {
            return self.stage_rotation(who);
        }
        let proposal = member.group_mut().unwrap().leave_proposal().unwrap();
        self.log.append(who, What::Proposal(proposal));
    }

    fn upload_some(&mut self) {
        let ready = self.which(|member| member.staged.as_ref().is_some_and(|staged| !staged.uploaded));
        if let Some(who) = self.rng.pick(&ready) {
            let lost = self.mix.lost_replies && self.rng.once_in(3);
            self.upload(who, lost);
        }
    }

    /// Without an answer it can only read on.
    pub(crate) fn upload(&mut self, who: Who, reply_lost: bool) {
        let member = self.members.get_mut(&who).unwrap();
        let Some(in_flight) = &mut member.staged else { return };
        in_flight.uploaded = true;
        let Staged { commit, welcome } = in_flight.staged.clone();
        let commit = What::Commit { bytes: commit, honest: true, removes: in_flight.removes.clone() };
        let welcome = welcome.map(|welcome| (&in_flight.welcomes_for[..], welcome));
        let answer = self.log.commit(who, member.position, commit, welcome);
        self.counts.conflicts += usize::from(answer.is_err());
        if answer.is_err() && !reply_lost {
            member.staged = None;
            member.group_mut().unwrap().discard_staged();
        }
    }

    fn say(&mut self) {
        let inside = self.which(|member| member.group().is_some());
        let Some(who) = self.rng.pick(&inside) else { return };
        let object = self.members.get_mut(&who).unwrap().seal(self.now);
        object.into_iter().for_each(|object| self.log.append(who, object));
    }

    /// A process ends: before it uploaded what it had made, or between the upload and the merge, or just so.
    fn crash(&mut self) {
        let organizers = self.organizers();
        let able = self.which(|member| member.group().is_some() && *organizers != [member.who]);
        let committers = self.which(|member| able.contains(&member.who) && member.staged.is_some());
        let from = if self.rng.once_in(3) || committers.is_empty() { able } else { committers };
        let Some(who) = self.rng.pick(&from) else { return };
        let is_ready = self.members[&who].staged.as_ref().is_some_and(|staged| !staged.uploaded);
        if is_ready && self.rng.once_in(2) {
            self.upload(who, true);
        }
        self.members.get_mut(&who).unwrap().vanish();
        self.counts.crashes += 1;
    }

    /// The relay withholds an entry, swaps two, or brings an old one again.
    fn lie(&mut self) {
        let inside = self.which(|member| member.group().is_some() && !member.is_organizer());
        let Some(who) = self.rng.pick(&inside) else { return };
        let read = self.members[&who].read;
        self.counts.lies += 1;
        match self.rng.below(3) {
            0 if read < self.log.entries.len() => self.set_read(who, read + 1),
            1 if read + 1 < self.log.entries.len() => {
                self.hand(who, read + 1);
                self.hand(who, read);
                self.set_read(who, read + 2);
            }
            _ if read > 0 => {
                let at = self.rng.below(read);
                self.hand(who, at);
                self.force(who, at);
            }
            _ => {}
        }
    }

    /// Even past the client's own look at the sequence, an old commit does nothing.
    fn force(&mut self, who: Who, at: usize) {
        let What::Commit { bytes, .. } = &self.log.entries[at].what else { return };
        let Some(group) = self.members.get_mut(&who).and_then(Member::group_mut) else { return };
        let epoch = group.epoch();
        assert!(group.handle_commit(bytes, self.now).is_err(), "an old commit was taken again");
        assert_eq!(group.epoch(), epoch);
    }

    fn rogue(&mut self) {
        let alive =
            self.outsiders.values().filter(|outsider| !matches!(outsider.state, State::Out(_) | State::Lost));
        if alive.count() < ROGUES_MAX && self.rng.once_in(3) {
            let Some(invitation) = self.invitation() else { return };
            let who = self.new_who();
            let (outsider, request) = Outsider::asking(who, &invitation, self.log.entries.len());
            self.outsiders.insert(who, outsider);
            return self.log.append(who, request);
        }
        let inside: Vec<_> = self
            .outsiders
            .values()
            .filter(|outsider| outsider.leaf().is_some())
            .map(|outsider| outsider.who)
            .collect();
        let Some(who) = self.rng.pick(&inside) else { return };
        // It reads everything, so that the relay takes what it uploads.
        self.deliver(who, usize::MAX);
        let outsider = self.outsiders.get_mut(&who).unwrap();
        if let Some(commit) = outsider.act(&mut self.rng, &self.log.entries) {
            self.counts.rogue_commits += 1;
            let taken = self.log.commit(who, outsider.position.max(self.log.last_handshake), commit, None);
            assert!(taken.is_ok());
        }
    }
}

use super::door::Door;
use super::expels::Expels;
use super::organizers::kicked;
use super::policy::SessionPolicy;
use super::requests::{Pending, nobody};
use super::state::State;
use crate::command::Reply;
use crate::error::{ChangeError, Disconnected, Refusal, RequestError};
use crate::event::Event;
use crate::limits::COMMIT_TRIES_MAX;
use crate::options::AdmitPolicy;
use crate::{ApplicantId, MemberId};
use isi_e2ee::{EpochChange, MonotonicMs, Staged};
use isi_wire::{LogPosition, LogUpload, ParticipantId, Welcome};
use std::collections::VecDeque;

/// Changes that wait for their turn. Beyond it they fail as busy.
const CHANGES_QUEUED_MAX: usize = 256;

/// Who asks to be let in, who is to go, and the changes that this member makes: one commit at a time.
pub(super) struct Membership {
    pub(super) door: Door,
    pub(super) expels: Expels,
    pub(super) policy: SessionPolicy,
    /// As listed in the current epoch, the root organizer first.
    pub(super) organizers: Vec<MemberId>,
    /// Set when this member has handed over and is about to leave: until when the others may learn what it knows.
    pub(super) departs_at: Option<MonotonicMs>,
    queue: VecDeque<Change>,
    /// A commit is uploaded: the next one is made when it is answered, and when it came back in the log.
    in_flight: Option<InFlight>,
    /// The relay refused a commit: others come first, up to this sequence number.
    behind: Option<u64>,
}

/// A change of the membership, as often as it is tried.
pub(super) struct Change {
    pub(super) what: What,
    pub(super) reply: Option<Reply<(), ChangeError>>,
    tries: u32,
}

pub(super) enum What {
    /// Those whom the app lets in.
    Admit(Vec<ApplicantId>),
    /// Everybody at the door whom the policy lets in, when the commit is made.
    AdmitWaiting,
    /// Members that leave, are lost or have expired.
    Expel(Vec<MemberId>),
    /// The connection to bar at the relay afterwards, if it is known.
    Remove {
        member: MemberId,
        kick: Option<ParticipantId>,
    },
    Rotate,
    /// A new statement of this member.
    Renew(String),
    /// Exactly these, the first is the root organizer.
    Organizers(Vec<MemberId>),
    /// Another root organizer; whether this member leaves afterwards.
    HandOver {
        to: MemberId,
        leaves: bool,
    },
}

/// What a commit is made of.
pub(super) type Made = Option<(Staged, Vec<ParticipantId>)>;

enum InFlight {
    /// Neither answered nor in the log.
    Uploaded,
    /// Answered: waits for the log.
    Appended(Change),
    /// In the log: waits for the answer.
    Merged,
}

impl Change {
    pub(super) const fn new(what: What, reply: Option<Reply<(), ChangeError>>) -> Self {
        Self { what, reply, tries: 0 }
    }
}

impl Membership {
    pub(super) fn new(policy: AdmitPolicy, organizers: Vec<MemberId>) -> Self {
        Self {
            door: Door::default(),
            expels: Expels::default(),
            policy: SessionPolicy::new(policy),
            organizers,
            departs_at: None,
            queue: VecDeque::new(),
            in_flight: None,
            behind: None,
        }
    }

    pub(super) fn next_deadline(&self) -> Option<MonotonicMs> {
        let deadlines = [self.door.next_deadline(), self.expels.next_deadline(), self.departs_at];
        deadlines.into_iter().flatten().min()
    }

    /// Whether everybody who waits at the door is being let in already.
    pub(super) fn admits_waiting(&self) -> bool {
        self.queue.iter().any(|change| matches!(change.what, What::AdmitWaiting))
    }

    /// What was read of the log before says nothing about this one.
    pub(super) const fn log_began_anew(&mut self) {
        self.behind = None;
    }
}

impl State {
    pub(super) fn handle_membership_deadline(&mut self, now: MonotonicMs) {
        self.attend_door(now);
        self.expel_due(now);
        if self.membership.departs_at.take_if(|at| now >= *at).is_some() {
            self.depart();
        }
    }

    pub(super) fn change(&mut self, change: Change) {
        if self.membership.queue.len() >= CHANGES_QUEUED_MAX {
            return self.conclude(change, Err(RequestError::Busy.into()));
        }
        self.membership.queue.push_back(change);
        self.commit_next();
    }

    /// Whom this organizer takes out with a commit that is not in the log yet.
    pub(super) fn removals_under_way(&self) -> Vec<MemberId> {
        let uploaded = self.requests.commits();
        let appended = self.membership.in_flight.iter().filter_map(|in_flight| match in_flight {
            InFlight::Appended(change) => Some(change),
            InFlight::Uploaded | InFlight::Merged => None,
        });
        let changes = self.membership.queue.iter().chain(uploaded).chain(appended);
        let removed = changes.flat_map(|change| match &change.what {
            What::Remove { member, .. } => std::slice::from_ref(member),
            What::Expel(members) => members,
            _ => &[],
        });
        removed.copied().filter(|member| self.people.is_member(*member)).collect()
    }

    /// Makes and uploads the next commit, if none is under way and the log was read as far as it must.
    fn commit_next(&mut self) {
        let is_online = self.presence.is_online();
        while is_online && self.membership.in_flight.is_none() && self.membership.behind.is_none() {
            let Some(change) = self.membership.queue.pop_front() else { return };
            match self.stage(&change.what) {
                Ok(Some((staged, welcomes_for))) => self.upload(change, staged, welcomes_for),
                // It was barred already, so another organizer found it lost and was faster.
                Ok(None) if change.tries > 0 && matches!(change.what, What::Remove { .. }) => {
                    self.change_done(change);
                }
                // Done by somebody else meanwhile.
                Ok(None) => self.conclude(change, Err(ChangeError::NotThere)),
                Err(error) => self.conclude(change, Err(error)),
            }
        }
    }

    /// Judges anew what others may have changed meanwhile. `None` when there is nothing left to do.
    fn stage(&mut self, what: &What) -> Result<Made, ChangeError> {
        let now = self.clock.wall();
        match what {
            What::Rotate => Ok(Some((self.group.rotate(now)?, Vec::new()))),
            What::Renew(statement) => Ok(Some((self.group.renew(statement.clone(), now)?, Vec::new()))),
            _ if !self.group.is_organizer() => Err(ChangeError::NotAnOrganizer),
            What::Admit(ids) => self.stage_admission(ids),
            What::AdmitWaiting => {
                let ids = self.membership.door.admissible();
                self.stage_admission(&ids)
            }
            What::Expel(members) => {
                // Meanwhile some may have come back, or have a new statement.
                let pending = |member: &&MemberId| self.membership.expels.is_pending(**member);
                let members: Vec<_> = members.iter().filter(pending).copied().collect();
                self.stage_removal(&members)
            }
            What::Remove { member, .. } => self.stage_removal(&[*member]),
            What::Organizers(members) => self.stage_organizers(members),
            What::HandOver { to, .. } => self.stage_organizers(&self.organizers_led_by(*to)),
        }
    }

    fn stage_removal(&mut self, members: &[MemberId]) -> Result<Made, ChangeError> {
        let there = members.iter().filter(|member| self.people.is_member(**member));
        let leaves: Vec<_> = there.map(|member| member.leaf).collect();
        if leaves.is_empty() {
            return Ok(None);
        }
        Ok(Some((self.group.remove(&leaves, self.clock.wall())?, Vec::new())))
    }

    fn upload(&mut self, change: Change, staged: Staged, participants: Vec<ParticipantId>) {
        // Before the commit, or the member reads it, goes, and is not there to be barred.
        if let What::Remove { kick: Some(participant), .. } = change.what {
            self.kick(participant, nobody());
        }
        let welcome = staged.welcome.map(|payload| Welcome { participants, payload: payload.into() });
        let request = self.requests.add(Pending::Commit(change));
        let upload =
            LogUpload::Commit { request, expected: self.position, commit: staged.commit.into(), welcome };
        upload.encode(&mut self.out.log);
        self.membership.in_flight = Some(InFlight::Uploaded);
    }

    /// The relay gave the commit its place. It counts when it comes back.
    pub(super) fn commit_appended(&mut self, change: Change) {
        match self.membership.in_flight.take() {
            Some(InFlight::Merged) => self.change_done(change),
            _ => self.membership.in_flight = Some(InFlight::Appended(change)),
        }
        self.commit_next();
    }

    /// Another commit came first, or an applicant has gone: this one is made anew.
    pub(super) fn commit_refused(
        &mut self,
        mut change: Change,
        error: RequestError,
        position: Option<LogPosition>,
    ) {
        self.group.discard_staged();
        self.membership.in_flight = None;
        let lost_race = error == RequestError::Refused(Refusal::Conflict);
        // The relay has told already who left: the next try is without.
        let somebody_left = error == RequestError::Refused(Refusal::NotFound);
        let same_log = |position: &LogPosition| position.incarnation == self.position.incarnation;
        match position.filter(|position| (lost_race || somebody_left) && same_log(position)) {
            Some(position) if change.tries < COMMIT_TRIES_MAX => {
                change.tries += 1;
                self.membership.queue.push_front(change);
                self.membership.behind =
                    Some(position.last_handshake).filter(|last| *last > self.position.last_handshake);
            }
            Some(_) => self.conclude(change, Err(ChangeError::Conflict)),
            None => self.conclude(change, Err(error.into())),
        }
        self.commit_next();
    }

    /// The connection is lost, and the relay has not answered: the log will tell whether the commit is in it.
    pub(super) fn commit_interrupted(&mut self, change: Change) {
        match self.membership.in_flight.take() {
            Some(InFlight::Merged) => self.change_done(change),
            _ => self.membership.in_flight = Some(InFlight::Appended(change)),
        }
    }

    /// The log was read as far as it was when the connection came back, and a commit that was under way is not in it: it
    /// is made anew. If the log itself is another one, members may have read that commit in the one before: then it goes
    /// again as it is, so that everybody comes to the same epoch.
    pub(super) fn commit_again(&mut self, is_other_log: bool) {
        if let Some(InFlight::Appended(mut change)) = self.membership.in_flight.take() {
            change.tries += 1;
            match self.group.staged_commit().filter(|_| is_other_log).map(<[u8]>::to_vec) {
                Some(commit) => {
                    let staged = Staged { commit, welcome: None };
                    self.upload(change, staged, Vec::new());
                }
                None => {
                    self.group.discard_staged();
                    self.membership.queue.push_front(change);
                }
            }
        }
        self.commit_next();
    }

    /// A commit was merged or skipped: the log stands behind it.
    pub(super) fn log_moved(&mut self) {
        let last = self.position.last_handshake;
        self.membership.behind.take_if(|behind| *behind <= last);
        self.commit_next();
    }

    /// One's own commit came back.
    fn own_commit_merged(&mut self) {
        match self.membership.in_flight.take() {
            Some(InFlight::Appended(change)) => self.change_done(change),
            Some(_) => self.membership.in_flight = Some(InFlight::Merged),
            None => {}
        }
    }

    /// One's own commit came back and does not count: nothing has changed.
    pub(super) fn own_commit_failed(&mut self) {
        if let Some(InFlight::Appended(change)) = self.membership.in_flight.take() {
            self.conclude(change, Err(ChangeError::Conflict));
        }
        self.group.discard_staged();
    }

    fn change_done(&mut self, change: Change) {
        self.membership.in_flight = None;
        match change.what {
            // Whoever was too many for one commit goes into the next.
            What::Admit(ids) if ids.iter().any(|id| self.membership.door.knows(*id)) => {
                self.change(Change::new(What::Admit(ids), change.reply));
            }
            // Once more, for the answer: whoever is gone by now is barred.
            What::Remove { kick: Some(participant), .. } => self.kick(participant, kicked(change.reply)),
            What::HandOver { leaves: true, .. } => self.depart_soon(),
            _ => self.conclude(change, Ok(())),
        }
    }

    /// Tells whoever waits; what nobody waits for is tried again later, if it is still to be done.
    fn conclude(&mut self, change: Change, result: Result<(), ChangeError>) {
        let Change { what, reply, .. } = change;
        if let Some(reply) = reply {
            let _ = reply.send(result);
            return;
        }
        if matches!(what, What::Rotate) {
            return self.rotation_concluded(&result);
        }
        let failed = result.is_err_and(|error| error != ChangeError::NotThere);
        match what {
            What::AdmitWaiting if failed => self.attend_door_later(),
            What::Expel(members) if failed => self.expel_later(&members),
            What::HandOver { leaves: true, .. } => self.close_and_leave(),
            _ => {}
        }
    }

    /// A merged commit: who came, who is gone, and what depends on the epoch.
    pub(super) fn epoch_changed(&mut self, change: EpochChange) -> Result<(), Disconnected> {
        if change.self_removed {
            return Err(self.removed_by(&change));
        }
        self.compare_clocks(&change);
        for leaf in &change.removed {
            self.member_removed(*leaf);
        }
        for member in &change.added {
            let id = self.people.add(member.leaf, change.epoch);
            if let Some(asked_from) = self.came_in(&member.key_thumbprint) {
                self.people.came_from(id, asked_from);
            }
            self.events.send(Event::MemberJoined(id));
        }
        self.leases_enter_epoch();
        self.conversations_enter_epoch();
        self.epoch.send_replace(change.epoch);
        self.events.send(Event::EpochChanged(self.group.session_code()));
        self.judge_tracks();
        if change.organizers_changed {
            self.organizers_changed();
        }
        if !change.added.is_empty() {
            self.somebody_was_admitted();
        }
        self.record_epoch(&change);
        self.identities_enter_epoch();
        if change.committer == self.me.leaf {
            if change.updated {
                self.keys_are_fresh();
            }
            self.own_commit_merged();
        }
        self.watch_enters_epoch(&change);
        Ok(())
    }
}

use super::requests::{Pending, answer, nobody};
use super::state::State;
use crate::clock::Clock;
use crate::command::Reply;
use crate::error::{ChangeError, Disconnected, Refusal, RequestError};
use crate::event::Event;
use crate::limits::{ADMIT_BATCH_MEMBERS_MAX, ADMIT_BATCH_MS, APPLICANTS_MAX, COMMIT_TRIES_MAX};
use crate::options::AdmitPolicy;
use crate::{ApplicantId, MemberId};
use bytes::Bytes;
use isi_e2ee::{Applicant, EpochChange, MonotonicMs, Staged};
use isi_wire::{ClientMessage, LogEntry, LogPosition, LogUpload, ParticipantId, Welcome};
use std::collections::{BTreeMap, VecDeque};

/// Changes that wait for their turn. Beyond it they fail as busy.
const CHANGES_QUEUED_MAX: usize = 256;

/// Who asks to be let in, and the changes that this member makes: one commit at a time.
pub(super) struct Membership {
    policy: AdmitPolicy,
    applicants: BTreeMap<ApplicantId, Asking>,
    next_applicant: u64,
    batch_at: Option<MonotonicMs>,
    queue: VecDeque<Change>,
    /// A commit is uploaded: the next one is made when it is answered, and when it came back in the log.
    in_flight: Option<InFlight>,
    /// The relay refused a commit: others come first, up to this sequence number.
    behind: Option<u64>,
}

struct Asking {
    request: Bytes,
    participant: ParticipantId,
    key_thumbprint: String,
}

/// A change of the membership, as often as it is tried.
pub(super) struct Change {
    pub(super) what: What,
    pub(super) reply: Option<Reply<(), ChangeError>>,
    tries: u32,
}

pub(super) enum What {
    Admit(Vec<ApplicantId>),
    /// The connection to bar at the relay afterwards, if it is known.
    Remove {
        member: MemberId,
        kick: Option<ParticipantId>,
    },
    Rotate,
}

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

    fn finish(self, result: Result<(), ChangeError>) {
        if let Some(reply) = self.reply {
            let _ = reply.send(result);
        }
    }
}

impl Membership {
    pub(super) const fn new(policy: AdmitPolicy) -> Self {
        Self {
            policy,
            applicants: BTreeMap::new(),
            next_applicant: 0,
            batch_at: None,
            queue: VecDeque::new(),
            in_flight: None,
            behind: None,
        }
    }

    pub(super) const fn next_deadline(&self) -> Option<MonotonicMs> {
        self.batch_at
    }
}

impl State {
    /// A join request from the log. One per connection counts: the newest.
    pub(super) fn handle_join_request(&mut self, entry: LogEntry) {
        if !self.group.is_organizer() {
            return;
        }
        let applicant = match self.group.check_join_request(&entry.payload, Clock::unix()) {
            Ok(applicant) => applicant,
            Err(error) => return self.events.refused(None, error),
        };
        let asks_again = self.membership.applicants.values().any(|asking| asking.request == entry.payload);
        if asks_again {
            return;
        }
        self.membership.applicants.retain(|_, asking| asking.participant != entry.sender);
        if self.membership.applicants.len() >= APPLICANTS_MAX {
            self.membership.applicants.pop_first();
        }
        let id = ApplicantId(self.membership.next_applicant);
        self.membership.next_applicant += 1;
        self.membership.applicants.insert(
            id,
            Asking {
                request: entry.payload,
                participant: entry.sender,
                key_thumbprint: applicant.key_thumbprint().to_owned(),
            },
        );
        match self.membership.policy {
            AdmitPolicy::Ask => self.events.send(Event::JoinRequested {
                applicant: id,
                subject: applicant.subject().to_owned(),
                role: applicant.role(),
            }),
            AdmitPolicy::InvitationHolders => {
                let at = MonotonicMs(self.clock.now().0.saturating_add(ADMIT_BATCH_MS));
                self.membership.batch_at.get_or_insert(at);
            }
        }
    }

    /// The batch's time is over: one commit for all who asked meanwhile.
    pub(super) fn admit_batch(&mut self, now: MonotonicMs) {
        if self.membership.batch_at.take_if(|at| now >= *at).is_some() {
            let everybody = self.membership.applicants.keys().copied().collect();
            self.change(Change::new(What::Admit(everybody), None));
        }
    }

    pub(super) fn forget_applicant(&mut self, participant: ParticipantId) {
        self.membership.applicants.retain(|_, asking| asking.participant != participant);
    }

    /// A member is gone; one of the organizers says so to the group.
    pub(super) fn expel_lost(&mut self, member: MemberId) {
        let asked =
            |change: &Change| matches!(change.what, What::Remove { member: other, .. } if other == member);
        if self.group.is_organizer() && !self.membership.queue.iter().any(asked) {
            self.change(Change::new(What::Remove { member, kick: None }, None));
        }
    }

    pub(super) fn change(&mut self, change: Change) {
        if self.membership.queue.len() >= CHANGES_QUEUED_MAX {
            return change.finish(Err(RequestError::Busy.into()));
        }
        self.membership.queue.push_back(change);
        self.commit_next();
    }

    /// Makes and uploads the next commit, if none is under way and the log was read as far as it must.
    fn commit_next(&mut self) {
        while self.membership.in_flight.is_none() && self.membership.behind.is_none() {
            let Some(change) = self.membership.queue.pop_front() else { return };
            match self.stage(&change.what) {
                Ok(Some((staged, welcomes_for))) => self.upload(change, staged, &welcomes_for),
                // Done by somebody else meanwhile.
                Ok(None) => change.finish(Err(ChangeError::NotThere)),
                Err(error) => change.finish(Err(error)),
            }
        }
    }

    /// `None` when there is nothing left to do.
    fn stage(&mut self, what: &What) -> Result<Option<(Staged, Vec<ParticipantId>)>, ChangeError> {
        let now = Clock::unix();
        match what {
            What::Rotate => Ok(Some((self.group.rotate(now)?, Vec::new()))),
            _ if !self.group.is_organizer() => Err(ChangeError::NotAnOrganizer),
            What::Remove { member, .. } if !self.people.is_member(*member) => Ok(None),
            What::Remove { member, .. } => Ok(Some((self.group.remove(&[member.leaf], now)?, Vec::new()))),
            What::Admit(ids) => {
                let (applicants, participants) = self.judge_again(ids);
                if applicants.is_empty() {
                    return Ok(None);
                }
                Ok(Some((self.group.admit(&applicants, now)?, participants)))
            }
        }
    }

    /// Time has passed since they asked, others may have been admitted: those who are still in order.
    fn judge_again(&self, ids: &[ApplicantId]) -> (Vec<Applicant>, Vec<ParticipantId>) {
        let asking = ids.iter().filter_map(|id| self.membership.applicants.get(id));
        let judged = asking.filter_map(|asking| {
            let applicant = self.group.check_join_request(&asking.request, Clock::unix()).ok()?;
            Some((applicant, asking.participant))
        });
        judged.take(ADMIT_BATCH_MEMBERS_MAX).unzip()
    }

    fn upload(&mut self, change: Change, staged: Staged, welcomes_for: &[ParticipantId]) {
        let participants = welcomes_for.to_vec();
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

    /// Another commit came first: this one is made anew on top of it.
    pub(super) fn commit_refused(
        &mut self,
        mut change: Change,
        error: RequestError,
        position: Option<LogPosition>,
    ) {
        self.group.discard_staged();
        self.membership.in_flight = None;
        let lost_race = error == RequestError::Refused(Refusal::Conflict);
        match position.filter(|position| lost_race && position.incarnation == self.position.incarnation) {
            Some(position) if change.tries < COMMIT_TRIES_MAX => {
                change.tries += 1;
                self.membership.queue.push_front(change);
                self.membership.behind =
                    Some(position.last_handshake).filter(|last| *last > self.position.last_handshake);
            }
            Some(_) => change.finish(Err(ChangeError::Conflict)),
            None => change.finish(Err(error.into())),
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
            change.finish(Err(ChangeError::Conflict));
        }
        self.group.discard_staged();
    }

    fn change_done(&mut self, change: Change) {
        self.membership.in_flight = None;
        let Change { what, reply, .. } = change;
        match what {
            What::Admit(ids) => self.admitted(&ids),
            What::Remove { kick: Some(participant), .. } => return self.kick(participant, reply),
            What::Remove { kick: None, .. } | What::Rotate => {}
        }
        if let Some(reply) = reply {
            let _ = reply.send(Ok(()));
        }
    }

    /// Whoever was too many for one commit goes into the next.
    fn admitted(&mut self, ids: &[ApplicantId]) {
        let now = Clock::unix();
        let group = &self.group;
        self.membership.applicants.retain(|_, asking| group.check_join_request(&asking.request, now).is_ok());
        let rest: Vec<_> =
            ids.iter().filter(|id| self.membership.applicants.contains_key(id)).copied().collect();
        if !rest.is_empty() {
            self.change(Change::new(What::Admit(rest), None));
        }
    }

    /// Second half of a removal: the relay lets the account in no more.
    fn kick(&mut self, participant: ParticipantId, reply: Option<Reply<(), ChangeError>>) {
        let on_done = reply.map_or_else(nobody, answer);
        self.request(Pending::Simple(on_done), |request| ClientMessage::Kick { request, participant });
    }

    /// A merged commit: who came, who is gone, and what depends on the epoch.
    pub(super) fn epoch_changed(&mut self, change: EpochChange) -> Result<(), Disconnected> {
        if change.self_removed {
            return Err(Disconnected::RemovedFromGroup);
        }
        for leaf in &change.removed {
            self.member_removed(*leaf);
        }
        for member in &change.added {
            let id = self.people.add(member.leaf, change.epoch);
            let mut asking = self.membership.applicants.values();
            if let Some(asked) = asking.find(|asking| asking.key_thumbprint == member.key_thumbprint) {
                self.people.came_from(id, asked.participant);
            }
            self.events.send(Event::MemberJoined(id));
        }
        self.leases_enter_epoch();
        self.conversations_enter_epoch();
        self.epoch.send_replace(change.epoch);
        self.events.send(Event::EpochChanged(self.group.session_code()));
        if change.committer == self.me.leaf {
            self.own_commit_merged();
        }
        Ok(())
    }
}

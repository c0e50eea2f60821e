use super::membership::{Change, Made, What};
use super::requests::nobody;
use super::state::State;
use crate::clock::Clock;
use crate::command::Reply;
use crate::error::ChangeError;
use crate::event::Event;
use crate::limits::{ADMIT_BATCH_MEMBERS_MAX, ADMIT_BATCH_MS, ADMIT_INTERVAL_MS, APPLICANTS_MAX, RETRY_MS};
use crate::options::AdmitPolicy;
use crate::{ApplicantId, MemberId};
use bytes::Bytes;
use isi_e2ee::{Applicant, DenyReason, JoinRequestRefused, MonotonicMs, StageError};
use isi_wire::{Audience, EntryKind, LogEntry, ParticipantId};
use std::collections::{BTreeMap, HashMap};

/// Who asks to be let in. One request per connection counts, the newest; it is proven once.
///
/// At most [`APPLICANTS_MAX`]: beyond it the one that waits longest is forgotten; it asks again.
#[derive(Default)]
pub(super) struct Door {
    asking: BTreeMap<ApplicantId, Asking>,
    by_participant: HashMap<ParticipantId, ApplicantId>,
    by_thumbprint: HashMap<String, ApplicantId>,
    next: u64,
    /// When those are attended to for whom it is clear what becomes of them.
    attend_at: Option<MonotonicMs>,
    /// The next commit that admits somebody is not made before.
    not_before: Option<MonotonicMs>,
}

struct Asking {
    request: Bytes,
    applicant: Applicant,
    participant: ParticipantId,
    fate: Fate,
    /// Whether the app knows of it.
    is_told: bool,
}

/// What becomes of an applicant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    AppDecides,
    Admission,
    Denial(DenyReason),
}

impl Door {
    pub(super) const fn next_deadline(&self) -> Option<MonotonicMs> {
        self.attend_at
    }

    pub(super) fn knows(&self, id: ApplicantId) -> bool {
        self.asking.contains_key(&id)
    }

    /// Those whom the policy lets in, who came first first.
    pub(super) fn admissible(&self) -> Vec<ApplicantId> {
        let admitted = self.asking.iter().filter(|(_, asking)| asking.fate == Fate::Admission);
        admitted.map(|(id, _)| *id).collect()
    }

    fn repeats(&self, from: ParticipantId, request: &Bytes) -> bool {
        let asking = self.by_participant.get(&from).and_then(|id| self.asking.get(id));
        asking.is_some_and(|asking| asking.request == request)
    }

    fn put(&mut self, asking: Asking) -> ApplicantId {
        let id = ApplicantId(self.next);
        self.next += 1;
        self.by_participant.insert(asking.participant, id);
        self.by_thumbprint.insert(asking.applicant.key_thumbprint().to_owned(), id);
        self.asking.insert(id, asking);
        id
    }

    fn take(&mut self, id: ApplicantId) -> Option<Asking> {
        let asking = self.asking.remove(&id)?;
        self.by_participant.remove(&asking.participant);
        // Another connection may ask for the same key meanwhile.
        if self.by_thumbprint.get(asking.applicant.key_thumbprint()) == Some(&id) {
            self.by_thumbprint.remove(asking.applicant.key_thumbprint());
        }
        Some(asking)
    }

    fn has_work(&self) -> bool {
        self.asking.values().any(|asking| asking.fate != Fate::AppDecides)
    }
}

impl State {
    /// A join request from the log.
    pub(super) fn handle_join_request(&mut self, entry: LogEntry) {
        if !self.group.is_organizer() || self.membership.door.repeats(entry.sender, &entry.payload) {
            return;
        }
        let applicant = match self.group.read_join_request(&entry.payload) {
            Ok(applicant) => applicant,
            Err(error) => return self.events.refused(None, error),
        };
        let fate = match self.judge_applicant(&applicant) {
            Ok(()) => self.fate_of(&applicant),
            Err(why) => {
                // Who repeats a request that was granted meanwhile is nobody to be told of.
                if why != JoinRequestRefused::KeyPackageReused {
                    self.events.refused(None, why);
                }
                let Some(reason) = why.told_as() else { return };
                Fate::Denial(reason)
            }
        };
        self.forget_applicant(entry.sender);
        if self.membership.door.asking.len() >= APPLICANTS_MAX
            && let Some(oldest) = self.membership.door.asking.keys().next().copied()
        {
            self.dismiss(oldest);
        }
        let (request, participant) = (entry.payload, entry.sender);
        let asking = Asking { request, applicant, participant, fate, is_told: false };
        let id = self.membership.door.put(asking);
        self.show_or_attend(id);
    }

    fn judge_applicant(&self, applicant: &Applicant) -> Result<(), JoinRequestRefused> {
        self.group.judge([applicant], Clock::unix()).into_iter().collect()
    }

    fn fate_of(&self, applicant: &Applicant) -> Fate {
        match self.membership.policy.current() {
            AdmitPolicy::InvitationHolders => Fate::Admission,
            AdmitPolicy::Subjects(subjects) if subjects.contains(applicant.subject()) => Fate::Admission,
            AdmitPolicy::Ask | AdmitPolicy::Subjects(_) => Fate::AppDecides,
            AdmitPolicy::Locked => Fate::Denial(DenyReason::Locked),
        }
    }

    fn show_or_attend(&mut self, id: ApplicantId) {
        let already_in = self.membership.door.asking.get(&id).and_then(|asking| self.already_in(asking));
        let Some(asking) = self.membership.door.asking.get_mut(&id) else { return };
        if asking.fate != Fate::AppDecides {
            let (now, wait) = (self.clock.now().0, ADMIT_BATCH_MS + self.turn_delay_ms());
            let door = &mut self.membership.door;
            let at = MonotonicMs(now.saturating_add(wait)).max(door.not_before.unwrap_or(MonotonicMs(0)));
            door.attend_at.get_or_insert(at);
        } else if !std::mem::replace(&mut asking.is_told, true) {
            self.events.send(Event::JoinRequested {
                applicant: id,
                subject: asking.applicant.subject().to_owned(),
                role: asking.applicant.role(),
                invitation: asking.applicant.invitation(),
                already_in,
            });
        }
    }

    fn already_in(&self, asking: &Asking) -> Option<MemberId> {
        let leaves = self.group.leaves_of(asking.applicant.subject());
        leaves.iter().find_map(|leaf| self.people.at(*leaf))
    }

    /// Its turn: answers those who do not come in, and one commit for those who do.
    pub(super) fn attend_door(&mut self, now: MonotonicMs) {
        if self.membership.door.attend_at.take_if(|at| now >= *at).is_none() || !self.group.is_organizer() {
            return;
        }
        let denied = self.membership.door.asking.iter().filter_map(|(id, asking)| match asking.fate {
            Fate::Denial(reason) => Some((*id, reason)),
            Fate::AppDecides | Fate::Admission => None,
        });
        for (id, reason) in denied.collect::<Vec<_>>() {
            self.deny_one(id, reason);
        }
        if !self.membership.door.admissible().is_empty() && !self.membership.admits_waiting() {
            self.change(Change::new(What::AdmitWaiting, None));
        }
    }

    /// The commit for them failed: once more, after others had their chance.
    pub(super) fn attend_door_later(&mut self) {
        let wait = RETRY_MS + self.turn_delay_ms();
        self.membership.door.attend_at = Some(MonotonicMs(self.clock.now().0.saturating_add(wait)));
    }

    /// Some commit admitted somebody: the next such one takes its time, and who is behind in turn stays so.
    pub(super) fn somebody_was_admitted(&mut self) {
        let now = self.clock.now().0;
        let next = MonotonicMs(now.saturating_add(ADMIT_INTERVAL_MS));
        let turn = MonotonicMs(now.saturating_add(ADMIT_INTERVAL_MS + self.turn_delay_ms()));
        let door = &mut self.membership.door;
        door.not_before = Some(next);
        door.attend_at = door.has_work().then_some(turn);
    }

    /// Judges those who are to come in, and stages a commit for as many as it may hold.
    pub(super) fn stage_admission(&mut self, ids: &[ApplicantId]) -> Result<Made, ChangeError> {
        let now = Clock::unix();
        let door = &self.membership.door;
        let asking: Vec<_> =
            ids.iter().filter_map(|id| door.asking.get(id).map(|asking| (*id, asking))).collect();
        let verdicts = self.group.judge(asking.iter().map(|(_, asking)| &asking.applicant), now);
        let (mut coming, mut refused) = (Vec::new(), Vec::new());
        for ((id, asking), verdict) in asking.into_iter().zip(verdicts) {
            match verdict {
                Ok(()) if coming.len() < ADMIT_BATCH_MEMBERS_MAX => {
                    coming.push((asking.applicant.clone(), asking.participant));
                }
                Ok(()) => {}
                Err(why) => refused.push((id, why)),
            }
        }
        let why = refused.first().map(|(_, why)| *why);
        for (id, why) in refused {
            self.deny_one(id, why.told_as().unwrap_or(DenyReason::NotInOrder));
        }
        let (mut applicants, mut participants): (Vec<_>, Vec<_>) = coming.into_iter().unzip();
        while !applicants.is_empty() {
            match self.group.admit(&applicants, now) {
                Ok(staged) => return Ok(Some((staged, participants))),
                // Each brings some bytes of its own; the rest comes by the next commit.
                Err(StageError::TooLarge) if applicants.len() > 1 => {
                    applicants.truncate(applicants.len() / 2);
                    participants.truncate(applicants.len());
                }
                Err(error) => return Err(error.into()),
            }
        }
        why.map_or(Ok(None), |why| Err(ChangeError::Refused(why)))
    }

    pub(super) fn deny(&mut self, ids: Vec<ApplicantId>, reason: DenyReason, reply: Reply<(), ChangeError>) {
        let result = if !self.group.is_organizer() {
            Err(ChangeError::NotAnOrganizer)
        } else if ids.iter().any(|id| self.membership.door.knows(*id)) {
            ids.into_iter().for_each(|id| self.deny_one(id, reason));
            Ok(())
        } else {
            Err(ChangeError::NotThere)
        };
        let _ = reply.send(result);
    }

    /// Whatever becomes of the answer, the applicant is gone: it asks again if it does not hear it.
    fn deny_one(&mut self, id: ApplicantId, reason: DenyReason) {
        let Some(asking) = self.membership.door.asking.get(&id) else { return };
        if let Some(answer) = self.group.join_answer(&asking.applicant, reason)
            && self.check_room().is_ok()
        {
            let audience = Audience::One(asking.participant);
            self.append_payload(EntryKind::JoinAnswer, audience, answer.into(), nobody());
        }
        self.dismiss(id);
    }

    /// It waits no more, for whatever reason.
    fn dismiss(&mut self, id: ApplicantId) -> Option<ParticipantId> {
        let asking = self.membership.door.take(id)?;
        if asking.is_told {
            self.events.send(Event::ApplicantGone(id));
        }
        Some(asking.participant)
    }

    /// Its connection is gone, or asks anew.
    /// Those whose connections are there.
    pub(super) fn keep_applicants(&mut self, is_there: impl Fn(ParticipantId) -> bool) {
        let asking: Vec<_> = self.membership.door.by_participant.keys().copied().collect();
        for gone in asking.into_iter().filter(|participant| !is_there(*participant)) {
            self.forget_applicant(gone);
        }
    }

    pub(super) fn forget_applicant(&mut self, participant: ParticipantId) {
        if let Some(id) = self.membership.door.by_participant.get(&participant).copied() {
            self.dismiss(id);
        }
    }

    /// A merged commit let somebody in with this key. Gives where it asked from.
    pub(super) fn came_in(&mut self, key_thumbprint: &str) -> Option<ParticipantId> {
        let id = self.membership.door.by_thumbprint.get(key_thumbprint).copied()?;
        self.dismiss(id)
    }

    /// The policy is another: everybody who waits is looked at anew.
    pub(super) fn judge_door(&mut self) {
        for id in self.membership.door.asking.keys().copied().collect::<Vec<_>>() {
            let Some(asking) = self.membership.door.asking.get(&id) else { continue };
            // A refusal by the invitation stays one.
            if self.judge_applicant(&asking.applicant).is_err() {
                continue;
            }
            let fate = self.fate_of(&asking.applicant);
            if let Some(asking) = self.membership.door.asking.get_mut(&id) {
                asking.fate = fate;
            }
            self.show_or_attend(id);
        }
    }

    /// This member organizes no more: others attend.
    pub(super) fn leave_door(&mut self) {
        for id in self.membership.door.asking.keys().copied().collect::<Vec<_>>() {
            self.dismiss(id);
        }
        self.membership.door.attend_at = None;
    }
}

use super::JoinRequestRefused;
use super::invitation_record::Record;
use crate::UnixSeconds;
use crate::encoding::{Malformed, Reader};
use crate::invitation::{Invitation, InvitationId};
use crate::statement::SUBJECT_BYTES_MAX;
use isi_wire::SessionId;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use zeroize::Zeroizing;

/// Most invitations open at a time, of all organizers of a session together.
pub const INVITATIONS_MAX: usize = 64;
/// Highest limit of uses.
pub const INVITATION_USES_MAX: u32 = 4096;
/// Invitations known, with those that are over: their applicants are told why. Beyond it the oldest that is over is
/// forgotten, and its applicants get no answer.
const KNOWN_MAX: usize = 256;
/// Admissions remembered by members that know no invitations, for the moment they become organizers. Beyond it the
/// oldest is forgotten: whoever makes a member an organizer tells it the uses until then.
const RECENT_USES_MAX: usize = 1024;
/// Longest record list of [`Invitations::export`]: fits into one private object of the log.
const EXPORT_BYTES_MAX: usize = 32 * 1024;

/// A person, for counting: 16 bytes of a hash of the subject.
pub(super) type Person = [u8; 16];

/// What an invitation may be used for. The default has no limits.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct InviteOptions {
    /// How many people it lets in, 1 to [`INVITATION_USES_MAX`]. Somebody who comes again counts once.
    pub uses_max: Option<u32>,
    /// Whom alone it lets in: the account service's opaque name for the person.
    pub subject: Option<String>,
    /// When it ends, by the organizers' clocks.
    pub expires_at: Option<UnixSeconds>,
}

/// Whether an invitation still lets somebody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvitationStatus {
    /// It does.
    Open,
    /// It was taken back.
    Revoked,
    /// It has let in as many as it may; those may come again.
    UsedUp,
    /// Its time is over.
    Expired,
    /// The organizer in whose name it was made has left.
    Superseded,
}

/// What organizers know of an invitation.
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationState {
    /// Which.
    pub id: InvitationId,
    /// Its limits.
    pub options: InviteOptions,
    /// How many people it has let in, as far as they were counted: up to its limit.
    pub uses: u32,
    /// Whether it still lets somebody in.
    pub status: InvitationStatus,
}

/// The invitations of a session, as every organizer keeps them.
///
/// What is known only grows: an invitation, that it is revoked, who has used it. So organizers may tell each other in any
/// order and as often as they like, and come to the same.
#[derive(Default)]
pub(super) struct Invitations {
    known: BTreeMap<InvitationId, Known>,
    next: u64,
    recent: VecDeque<(InvitationId, Person)>,
}

pub(super) struct Known {
    pub(super) invitation: Invitation,
    pub(super) options: InviteOptions,
    pub(super) revoked: bool,
    pub(super) users: HashSet<Person>,
    /// In the order in which they became known here.
    number: u64,
}

pub(super) fn person(subject: &str) -> Person {
    let hash: [u8; 32] = Sha256::digest(subject.as_bytes()).into();
    let [person, _] = hash.as_chunks().0 else { return [0; 16] };
    *person
}

impl InviteOptions {
    /// One person, once, until then.
    #[must_use]
    pub const fn for_person(subject: String, expires_at: UnixSeconds) -> Self {
        Self { uses_max: Some(1), subject: Some(subject), expires_at: Some(expires_at) }
    }

    pub(super) fn is_sound(&self) -> bool {
        let uses = self.uses_max.is_none_or(|uses| (1..=INVITATION_USES_MAX).contains(&uses));
        let subject = |subject: &String| (1..=SUBJECT_BYTES_MAX).contains(&subject.len());
        uses && self.subject.as_ref().is_none_or(subject)
    }
}

impl Known {
    /// `root_is_in` tells whether the organizer in whose name it was made is one still.
    fn status(&self, now: UnixSeconds, root_is_in: bool) -> InvitationStatus {
        if self.revoked {
            InvitationStatus::Revoked
        } else if self.options.expires_at.is_some_and(|end| now >= end) {
            InvitationStatus::Expired
        } else if !root_is_in {
            InvitationStatus::Superseded
        } else if self.is_used_up(0) {
            InvitationStatus::UsedUp
        } else {
            InvitationStatus::Open
        }
    }

    fn is_used_up(&self, more: usize) -> bool {
        self.options.uses_max.is_some_and(|uses| self.users.len() + more >= uses as usize)
    }

    /// Whether it lets this person in, when `taken` others of the same commit use it too.
    pub(super) fn judge(
        &self,
        now: UnixSeconds,
        root_is_in: bool,
        subject: &str,
        taken: &HashSet<Person>,
    ) -> Result<(), JoinRequestRefused> {
        if self.options.subject.as_ref().is_some_and(|only| only != subject) {
            return Err(JoinRequestRefused::OtherPerson);
        }
        match self.status(now, root_is_in) {
            InvitationStatus::Revoked => Err(JoinRequestRefused::Revoked),
            InvitationStatus::Expired => Err(JoinRequestRefused::Expired),
            InvitationStatus::Superseded => Err(JoinRequestRefused::Superseded),
            InvitationStatus::Open | InvitationStatus::UsedUp => {
                let person = person(subject);
                let comes_again = self.users.contains(&person) || taken.contains(&person);
                let is_full = self.is_used_up(taken.difference(&self.users).count());
                if is_full && !comes_again { Err(JoinRequestRefused::UsedUp) } else { Ok(()) }
            }
        }
    }

    /// Beyond the limit nobody needs to be told apart.
    fn used_by(&mut self, person: Person) {
        if self.options.uses_max.is_some() && !self.is_used_up(0) {
            self.users.insert(person);
        }
    }
}

impl Invitations {
    pub(super) fn get(&self, id: InvitationId) -> Option<&Known> {
        self.known.get(&id)
    }

    /// The newest that lets in anybody any number of times.
    pub(super) fn open_to_all(
        &self,
        now: UnixSeconds,
        root_is_in: impl Fn(&Invitation) -> bool,
    ) -> Option<&Invitation> {
        let is_open = |known: &&Known| {
            known.options.subject.is_none()
                && known.status(now, root_is_in(&known.invitation)) == InvitationStatus::Open
        };
        let newest = self.known.values().filter(is_open).max_by_key(|known| known.number)?;
        Some(&newest.invitation)
    }

    pub(super) fn open_count(&self, now: UnixSeconds) -> usize {
        let open = |known: &&Known| known.status(now, true) == InvitationStatus::Open;
        self.known.values().filter(open).count()
    }

    pub(super) fn add(&mut self, invitation: Invitation, options: InviteOptions, now: UnixSeconds) {
        self.make_room(now);
        let known = Known { invitation, options, revoked: false, users: HashSet::new(), number: self.next };
        self.next += 1;
        self.known.insert(known.invitation.id(), known);
    }

    /// Whether there was such an invitation.
    pub(super) fn revoke(&mut self, id: InvitationId) -> bool {
        self.known.get_mut(&id).map(|known| known.revoked = true).is_some()
    }

    pub(super) fn list(
        &self,
        now: UnixSeconds,
        root_is_in: impl Fn(&Invitation) -> bool,
    ) -> Vec<InvitationState> {
        let state = |known: &Known| InvitationState {
            id: known.invitation.id(),
            options: known.options.clone(),
            uses: u32::try_from(known.users.len()).unwrap_or(u32::MAX),
            status: known.status(now, root_is_in(&known.invitation)),
        };
        let mut known: Vec<_> = self.known.values().collect();
        known.sort_unstable_by_key(|known| known.number);
        known.into_iter().map(state).collect()
    }

    /// A merged commit let somebody in by this invitation.
    pub(super) fn used(&mut self, id: InvitationId, subject: &str) {
        let person = person(subject);
        if let Some(known) = self.known.get_mut(&id) {
            known.used_by(person);
        }
        self.recent.push_back((id, person));
        if self.recent.len() > RECENT_USES_MAX {
            self.recent.pop_front();
        }
    }

    /// Everything, or what is known of one, for another organizer: lists of records, each list on its own. Secret.
    pub(super) fn export(&self, only: Option<InvitationId>) -> Vec<Zeroizing<Vec<u8>>> {
        let mut lists: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        for known in self.known.values().filter(|known| only.is_none_or(|id| known.invitation.id() == id)) {
            for record in known.records() {
                match lists.last_mut().filter(|list| list.len() + record.len() <= EXPORT_BYTES_MAX) {
                    Some(list) => list.extend_from_slice(&record),
                    None => lists.push(record),
                }
            }
        }
        lists
    }

    /// Adds what another organizer knows. Nothing is taken from a list that is malformed somewhere.
    pub(super) fn import(
        &mut self,
        list: &[u8],
        session: SessionId,
        now: UnixSeconds,
    ) -> Result<(), Malformed> {
        let (mut reader, mut records) = (Reader::new(list), Vec::new());
        while !reader.is_empty() {
            records.push(Record::decode(&mut reader, session)?);
        }
        records.into_iter().for_each(|record| self.merge(record, now));
        Ok(())
    }

    fn merge(&mut self, record: Record, now: UnixSeconds) {
        let id = record.invitation.id();
        if !self.known.contains_key(&id) {
            self.add(record.invitation, record.options, now);
            let recent: Vec<_> = self.recent.iter().filter(|(used, _)| *used == id).copied().collect();
            let known = self.known.get_mut(&id);
            known.into_iter().for_each(|known| recent.iter().for_each(|(_, person)| known.used_by(*person)));
        }
        if let Some(known) = self.known.get_mut(&id) {
            known.revoked |= record.revoked;
            record.users.into_iter().for_each(|person| known.used_by(person));
        }
    }

    /// The oldest that is over goes first; if none is, the oldest.
    fn make_room(&mut self, now: UnixSeconds) {
        if self.known.len() < KNOWN_MAX {
            return;
        }
        let oldest = self
            .known
            .values()
            .min_by_key(|known| (known.status(now, true) == InvitationStatus::Open, known.number));
        if let Some(id) = oldest.map(|known| known.invitation.id()) {
            self.known.remove(&id);
        }
    }
}

// A subject names a person: it belongs in no log.
impl fmt::Debug for InviteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InviteOptions")
            .field("uses_max", &self.uses_max)
            .field("for_one_person", &self.subject.is_some())
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

impl fmt::Debug for InvitationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvitationState")
            .field("id", &self.id)
            .field("options", &self.options)
            .field("uses", &self.uses)
            .field("status", &self.status)
            .finish()
    }
}

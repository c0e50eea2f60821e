use super::chain::{Chain, Step};
use super::entry::{NO_ENTRY, RecordEntry, RecordSigner, SignedEntry};
use super::fact::{Authority, Departure, RecordFact};
use super::refused::{RecordRefused, RecordSignError};
use super::salt::{RecordId, RecordSalt, SubjectHash};
use crate::group::EpochSeen;
use crate::{Group, LeafIndex, UnixSeconds};

const SALT_BYTES: usize = 32;

/// One member's part in the session record: whether it is on, where it stands, what is signed next.
///
/// - Turn it on with [`begin`](Self::begin), off by [`write`](Self::write) of [`RecordFact::Ended`].
/// - Send what these give to all members. It counts once it comes back in the order of all, when
///   [`accept`](Self::accept) has taken it; if another entry came first, write the fact again.
#[derive(Clone, Debug, Default)]
pub struct RecordBook {
    running: Option<Running>,
    ended: Option<RecordId>,
}

#[derive(Clone, Debug)]
struct Running {
    salt: RecordSalt,
    id: RecordId,
    chain: Chain,
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordAccepted {
    /// It is part of the record.
    Added {
        /// It.
        signed: Box<SignedEntry>,
        /// The first of those before it that did not come, if any: the relay held them back.
        missing_from: Option<u64>,
    },
    /// It is there already, or another came first and its signer writes it again.
    Behind,
}

impl RecordBook {
    /// Whether the session is recorded.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.running.is_some()
    }

    /// The salt of the record that is on.
    #[must_use]
    pub fn salt(&self) -> Option<&RecordSalt> {
        self.running.as_ref().map(|running| &running.salt)
    }

    /// The first entry of a new record, as an organizer.
    ///
    /// # Errors
    /// See [`RecordSignError`].
    pub fn begin(&self, group: &Group, now: UnixSeconds) -> Result<Vec<u8>, RecordSignError> {
        if self.is_on() {
            return Err(RecordSignError::AlreadyOn);
        }
        let salt = RecordSalt::generate();
        let present = present(&salt, group);
        sign(group, &salt, (1, NO_ENTRY), group.epoch(), RecordFact::Began { present }, now)
    }

    /// The next entry of the record: about something of the epoch `epoch`, the newest one but for what a commit did
    /// and that has been followed by others meanwhile.
    ///
    /// # Errors
    /// See [`RecordSignError`].
    pub fn write(
        &self,
        group: &Group,
        epoch: u64,
        fact: RecordFact,
        now: UnixSeconds,
    ) -> Result<Vec<u8>, RecordSignError> {
        let running = self.running.as_ref().ok_or(RecordSignError::Off)?;
        let (number, hash) = running.chain.head().ok_or(RecordSignError::Off)?;
        sign(group, &running.salt, (number + 1, hash), epoch, fact, now)
    }

    /// What the newest commit did, as an organizer states it; `asked` tells who of the removed had asked to leave, by
    /// subject. Nothing while the record is off.
    #[must_use]
    pub fn facts_of_epoch(&self, group: &Group, asked: impl Fn(&str) -> bool) -> Vec<RecordFact> {
        let (Some(running), Some(seen)) = (&self.running, group.newest_seen()) else { return Vec::new() };
        let Some(change) = &seen.change else { return Vec::new() };
        let salt = &running.salt;
        let mut facts = Vec::new();
        if !change.gone.is_empty() {
            let departure =
                |subject: &String| Departure { who: salt.hash(subject), asked: asked(subject.as_str()) };
            let mut gone: Vec<_> = change.gone.iter().map(departure).collect();
            gone.sort_unstable();
            facts.push(RecordFact::Gone(gone));
        }
        if !change.joined.is_empty() {
            facts.push(RecordFact::Joined(salt.hashes(change.joined.iter().map(String::as_str))));
        }
        if change.other_organizers {
            facts.push(RecordFact::Organizers(organizers(salt, group)));
        }
        facts
    }

    /// Takes an entry that `from` has sent, sealed, in the order of all.
    ///
    /// # Errors
    /// See [`RecordRefused`]: name the sender; the record stays as it is.
    pub fn accept(
        &mut self,
        group: &Group,
        from: LeafIndex,
        message: &[u8],
    ) -> Result<RecordAccepted, RecordRefused> {
        let (salt, bytes) = message.split_first_chunk::<SALT_BYTES>().ok_or(RecordRefused::Malformed)?;
        let salt = RecordSalt::new(*salt);
        let signed = SignedEntry::verify(bytes, group.group_id())?;
        let entry = signed.entry();
        if salt.record() != entry.record {
            return Err(RecordRefused::Malformed);
        }
        check_signer(group, from, &salt, &entry.signer)?;
        // Whoever came or went meanwhile would be in no entry: its signer begins again.
        if entry.number == 1 && entry.epoch < group.epoch() {
            return Ok(RecordAccepted::Behind);
        }
        let seen = group.seen(entry.epoch).ok_or(RecordRefused::UnknownEpoch(entry.epoch))?;
        if seen.transcript != entry.transcript {
            return Err(RecordRefused::OtherTranscript);
        }
        let needs_organizer = entry.fact.authority() == Authority::Organizer;
        if needs_organizer && !seen.organizers.contains(&entry.signer.key) {
            return Err(RecordRefused::NotAnOrganizer);
        }
        if !is_true(group, seen, &salt, &entry.fact) {
            return Err(RecordRefused::Untrue);
        }
        let by_organizer = seen.organizers.contains(&entry.signer.key);
        self.add(salt, signed, by_organizer)
    }

    fn add(
        &mut self,
        salt: RecordSalt,
        signed: SignedEntry,
        by_organizer: bool,
    ) -> Result<RecordAccepted, RecordRefused> {
        let id = signed.entry().record;
        let begins = signed.entry().number == 1;
        let ends = signed.entry().fact == RecordFact::Ended;
        let running = match &mut self.running {
            _ if self.ended == Some(id) => return Ok(RecordAccepted::Behind),
            Some(running) if running.id == id => running,
            // Two organizers turned it on at a time: the first one's is it.
            Some(_) if begins => return Ok(RecordAccepted::Behind),
            Some(_) => return Err(RecordRefused::OtherRecord),
            // Only an organizer says that the session is recorded.
            None if !by_organizer => return Ok(RecordAccepted::Behind),
            None => self.running.insert(Running { salt, id, chain: Chain::default() }),
        };
        let missing_from = match running.chain.step(&signed) {
            Step::Next | Step::Begins => None,
            Step::Gap { first } => Some(first),
            Step::Behind => return Ok(RecordAccepted::Behind),
            Step::Fork => return Err(RecordRefused::Fork),
        };
        if ends {
            self.ended = self.running.take().map(|running| running.id);
        }
        Ok(RecordAccepted::Added { signed: Box::new(signed), missing_from })
    }
}

fn sign(
    group: &Group,
    salt: &RecordSalt,
    (number, previous): (u64, [u8; 32]),
    epoch: u64,
    fact: RecordFact,
    now: UnixSeconds,
) -> Result<Vec<u8>, RecordSignError> {
    if !group.is_active() {
        return Err(RecordSignError::Evicted);
    }
    let seen = group.seen(epoch).ok_or(RecordSignError::Forgotten(epoch))?;
    let identity = group.identity();
    if fact.authority() == Authority::Organizer && !seen.organizers.contains(&identity.public_key()) {
        return Err(RecordSignError::NotAnOrganizer);
    }
    let entry = RecordEntry {
        record: salt.record(),
        number,
        previous,
        epoch: seen.epoch,
        transcript: seen.transcript.clone(),
        stated_at: now,
        signer: RecordSigner {
            leaf: group.own_leaf(),
            key: identity.public_key(),
            subject: salt.hash(identity.subject()),
        },
        fact,
    };
    let signed = SignedEntry::sign(entry, group.group_id(), identity);
    Ok([salt.as_bytes(), signed.bytes()].concat())
}

/// The signature is the sender's own, under the name it has in the group.
fn check_signer(
    group: &Group,
    from: LeafIndex,
    salt: &RecordSalt,
    signer: &RecordSigner,
) -> Result<(), RecordRefused> {
    let (key, subject) = group.key_and_subject(from).ok_or(RecordRefused::WrongSigner)?;
    let is_sender = signer.leaf == from && signer.key == key && signer.subject == salt.hash(subject);
    if is_sender { Ok(()) } else { Err(RecordRefused::WrongSigner) }
}

/// Whether it is what this member has seen, as far as it has.
fn is_true(group: &Group, seen: &EpochSeen, salt: &RecordSalt, fact: &RecordFact) -> bool {
    let is_now = seen.epoch == group.epoch();
    let change = seen.change.as_ref();
    match fact {
        RecordFact::Began { present: stated } => !is_now || *stated == present(salt, group),
        RecordFact::Joined(stated) => {
            change.is_none_or(|change| *stated == salt.hashes(change.joined.iter().map(String::as_str)))
        }
        RecordFact::Gone(stated) => change.is_none_or(|change| {
            let gone = salt.hashes(change.gone.iter().map(String::as_str));
            stated.iter().map(|departure| departure.who).eq(gone)
        }),
        RecordFact::Organizers(stated) => !is_now || *stated == organizers(salt, group),
        RecordFact::LeaseGranted { driver, .. } => {
            !is_now || group.members().iter().any(|member| salt.hash(&member.subject) == *driver)
        }
        RecordFact::Ended
        | RecordFact::LeaseEnded { .. }
        | RecordFact::Sharing { .. }
        | RecordFact::SharingEnded { .. } => true,
    }
}

fn present(salt: &RecordSalt, group: &Group) -> Vec<SubjectHash> {
    salt.hashes(group.members().iter().map(|member| member.subject.as_str()))
}

fn organizers(salt: &RecordSalt, group: &Group) -> Vec<SubjectHash> {
    let members = group.members();
    let organizers = members.iter().filter(|member| member.is_organizer);
    salt.hashes(organizers.map(|member| member.subject.as_str()))
}

use super::invitations::{Invitations, Person, person};
use super::{Group, JoinRequestRefused};
use crate::identity::fingerprint;
use crate::invitation::{Invitation, InvitationId};
use crate::join_answer::{self, DenyReason};
use crate::join_request::JoinRequest;
use crate::roster::Entry;
use crate::rules::{Changes, check_size};
use crate::{LeafIndex, Role, UnixSeconds};
use openmls::prelude::{KeyPackage, KeyPackageIn, ProtocolVersion};
use openmls_traits::OpenMlsProvider as _;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use tls_codec::Deserialize as _;

/// Most key packages remembered as used; the oldest is forgotten beyond.
const USED_KEY_PACKAGES_MAX: usize = 4096;

/// Somebody whose join request is proven, waiting to be admitted. What was proven stays so: whether it may come in now
/// is for [`Group::judge`].
#[derive(Clone)]
pub struct Applicant {
    pub(super) key_package: KeyPackage,
    pub(super) invitation: InvitationId,
    pub(super) entry: Entry,
    reference: Vec<u8>,
}

/// What a member knows about the door. Everybody counts what commits say; only organizers know invitations.
#[derive(Default)]
pub(super) struct Lobby {
    pub(super) invitations: Invitations,
    used: HashSet<[u8; 32]>,
    used_order: VecDeque<[u8; 32]>,
}

/// Who comes in by one commit, as far as it was judged.
#[derive(Default)]
struct Together<'a> {
    subjects: HashSet<&'a str>,
    key_packages: HashSet<&'a [u8; 32]>,
    uses: HashMap<InvitationId, HashSet<Person>>,
    grows_by: usize,
}

impl Group {
    /// Reads a join request from the log and proves it. `now` judges everything else, see [`judge`](Self::judge).
    ///
    /// # Errors
    /// See [`JoinRequestRefused`].
    pub fn check_join_request(
        &self,
        request: &[u8],
        now: UnixSeconds,
    ) -> Result<Applicant, JoinRequestRefused> {
        let applicant = self.read_join_request(request)?;
        self.judge_one(&applicant, now, &Together::default())?;
        Ok(applicant)
    }

    /// Proves what does not change: the invitation's secret, the key package, the statement's signature. It costs several
    /// signature checks, so keep the result.
    ///
    /// # Errors
    /// Those of [`JoinRequestRefused`] that can be told to nobody, and [`Refused`](JoinRequestRefused::Refused).
    pub fn read_join_request(&self, request: &[u8]) -> Result<Applicant, JoinRequestRefused> {
        let request = JoinRequest::decode(request).map_err(|_| JoinRequestRefused::Malformed)?;
        let known = self.lobby.invitations.get(request.invitation_id);
        let known = known.ok_or(JoinRequestRefused::UnknownInvitation)?;
        if suite_of(request.key_package) != Some(self.context.profile.suite()) {
            return Err(JoinRequestRefused::OtherSuite);
        }
        let key_package = KeyPackageIn::tls_deserialize_exact(request.key_package)
            .map_err(|_| JoinRequestRefused::Malformed)?
            .validate(self.provider.crypto(), ProtocolVersion::Mls10)
            .map_err(|_| JoinRequestRefused::BadKeyPackage)?;
        let reference =
            key_package.hash_ref(self.provider.crypto()).map_err(|_| JoinRequestRefused::BadKeyPackage)?;
        let statement = key_package.leaf_node().credential().serialized_content();
        if !known.invitation.is_authentic(reference.as_slice(), statement, &request.mac) {
            return Err(JoinRequestRefused::WrongSecret);
        }
        let entry = self.before().read_key_package(&key_package)?;
        let reference = reference.as_slice().to_vec();
        Ok(Applicant { key_package, invitation: request.invitation_id, entry, reference })
    }

    /// Judges who may come in now, all by one commit, in this order: expiry, who is in already, and what their
    /// invitations still allow. Cheap, so to be asked again before every try.
    #[must_use]
    pub fn judge<'a>(
        &self,
        applicants: impl IntoIterator<Item = &'a Applicant>,
        now: UnixSeconds,
    ) -> Vec<Result<(), JoinRequestRefused>> {
        let mut together = Together::default();
        let judge = |applicant: &'a Applicant| {
            self.judge_one(applicant, now, &together)?;
            together.take(applicant, self.roster.by_subject(applicant.subject()).len());
            Ok(())
        };
        applicants.into_iter().map(judge).collect()
    }

    /// Tells an applicant why it is not let in, so that nobody without the invitation can.
    #[must_use]
    pub fn join_answer(&self, applicant: &Applicant, reason: DenyReason) -> Option<Vec<u8>> {
        let known = self.lobby.invitations.get(applicant.invitation)?;
        Some(join_answer::encode(&known.invitation, &applicant.reference, reason))
    }

    /// The leaves that an applicant's person has in the group: they go when it is admitted.
    #[must_use]
    pub fn leaves_of(&self, subject: &str) -> &[LeafIndex] {
        self.roster.by_subject(subject)
    }

    fn judge_one(
        &self,
        applicant: &Applicant,
        now: UnixSeconds,
        together: &Together<'_>,
    ) -> Result<(), JoinRequestRefused> {
        let (entry, leaves) = (&applicant.entry, self.roster.by_subject(applicant.subject()));
        if self.lobby.is_used(applicant) || together.key_packages.contains(applicant.id()) {
            return Err(JoinRequestRefused::KeyPackageReused);
        }
        if together.subjects.contains(applicant.subject()) {
            return Err(JoinRequestRefused::AskedTwice);
        }
        if leaves.contains(&self.own_leaf) {
            return Err(JoinRequestRefused::OwnSubject);
        }
        if self.roster.by_key(&entry.key).is_some_and(|(leaf, _)| !leaves.contains(&leaf)) {
            return Err(JoinRequestRefused::AlreadyAMember);
        }
        self.before().judge_newcomer(entry, now)?;
        let known = self.lobby.invitations.get(applicant.invitation);
        let known = known.ok_or(JoinRequestRefused::UnknownInvitation)?;
        let nobody = HashSet::new();
        let taken = together.uses.get(&applicant.invitation).unwrap_or(&nobody);
        known.judge(now, self.has_root_of(&known.invitation), applicant.subject(), taken)?;
        let grows_by = together.grows_by + usize::from(leaves.is_empty());
        Ok(check_size(self.context.profile, self.roster.len(), grows_by, 0)?)
    }

    /// Joiners believe a group only if the organizer whose fingerprint they hold organizes it.
    pub(super) fn has_root_of(&self, invitation: &Invitation) -> bool {
        let mut organizers = self.context.organizers.keys().iter();
        organizers.any(|key| fingerprint(key) == *invitation.root_fingerprint())
    }
}

impl<'a> Together<'a> {
    fn take(&mut self, applicant: &'a Applicant, leaves_before: usize) {
        self.subjects.insert(applicant.subject());
        self.key_packages.insert(applicant.id());
        self.uses.entry(applicant.invitation).or_default().insert(person(applicant.subject()));
        self.grows_by += usize::from(leaves_before == 0);
    }
}

impl Lobby {
    pub(super) fn is_used(&self, applicant: &Applicant) -> bool {
        self.used.contains(applicant.id())
    }

    /// A merged commit: its key packages are used, and its invitations too.
    pub(super) fn follow(&mut self, changes: &Changes) {
        for entry in &changes.added {
            if self.used.insert(entry.media_key) {
                self.used_order.push_back(entry.media_key);
            }
        }
        while self.used_order.len() > USED_KEY_PACKAGES_MAX {
            if let Some(oldest) = self.used_order.pop_front() {
                self.used.remove(&oldest);
            }
        }
        for (entry, invitation) in changes.added.iter().zip(&changes.data.invitations) {
            self.invitations.used(*invitation, &entry.statement.subject);
        }
    }
}

/// The suite that a key package states behind its version (RFC 9420 section 10), before anything else of it is read.
fn suite_of(key_package: &[u8]) -> Option<u16> {
    key_package.get(2..4)?.try_into().ok().map(u16::from_be_bytes)
}

impl Applicant {
    /// What names its key package: the media key, random and new in every key package of ours, and by the
    /// rules no two members' the same.
    #[must_use]
    pub const fn id(&self) -> &[u8; 32] {
        &self.entry.media_key
    }

    /// The account service's opaque name for the person.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.entry.statement.subject
    }

    /// Upper bound of its rights.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.entry.statement.role
    }

    /// RFC 7638 thumbprint of its leaf signature key.
    #[must_use]
    pub fn key_thumbprint(&self) -> &str {
        &self.entry.statement.key_thumbprint
    }

    /// By which invitation it asks.
    #[must_use]
    pub const fn invitation(&self) -> InvitationId {
        self.invitation
    }
}

impl fmt::Debug for Applicant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Applicant").field("role", &self.role()).finish_non_exhaustive()
    }
}

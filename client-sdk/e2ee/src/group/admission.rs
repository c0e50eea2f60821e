use super::{Evicted, Group};
use crate::identity::fingerprint;
use crate::invitation::Invitation;
use crate::join_request::JoinRequest;
use crate::roster::Entry;
use crate::rules::{Changes, RuleViolation};
use crate::{Role, UnixSeconds};
use openmls::prelude::{KeyPackage, KeyPackageIn, ProtocolVersion};
use openmls_traits::OpenMlsProvider as _;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use tls_codec::Deserialize as _;

/// Most invitations one organizer has open at a time.
pub const INVITATIONS_MAX: usize = 64;
/// Most key packages remembered as used; the oldest is forgotten beyond.
const USED_KEY_PACKAGES_MAX: usize = 4096;

/// Somebody whose join request was in order, waiting to be admitted.
#[derive(Clone)]
pub struct Applicant {
    pub(super) key_package: KeyPackage,
    entry: Entry,
}

/// Why there is no invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// One is not in the list of organizers.
    #[error("only an organizer may invite")]
    NotAnOrganizer,
    /// [`INVITATIONS_MAX`] are open.
    #[error("{INVITATIONS_MAX} invitations are open; revoke one first")]
    TooMany,
    /// One was removed.
    #[error(transparent)]
    Evicted(#[from] Evicted),
}

/// Why a join request is refused. The applicant is at fault, or whoever altered the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinRequestRefused {
    /// Not a join request.
    #[error("not a join request")]
    Malformed,
    /// Not an invitation of this organizer, or one that was revoked.
    #[error("the invitation is not known here; ask for a new link")]
    UnknownInvitation,
    /// Made without the invitation's secret.
    #[error("the request does not prove the invitation's secret")]
    WrongSecret,
    /// The key package is for another MLS suite than the group's, or for one that no session uses.
    #[error("the key package is for another MLS suite than the session's; use a link made for this session")]
    OtherSuite,
    /// The key package does not verify.
    #[error("the key package does not verify")]
    BadKeyPackage,
    /// Admitted before with this key package.
    #[error("the key package was used before; ask again with a new one")]
    KeyPackageReused,
    /// The key is a member's.
    #[error("the applicant is a member already")]
    AlreadyAMember,
    /// Statement or leaf break the session's rules.
    #[error(transparent)]
    Refused(#[from] RuleViolation),
}

/// What an organizer keeps for the door.
#[derive(Default)]
pub(super) struct Lobby {
    // A struct of its own per invitation leaves room for limits: uses, expiry, role.
    invitations: HashMap<[u8; 16], OpenInvitation>,
    used: HashSet<[u8; 32]>,
    used_order: VecDeque<[u8; 32]>,
}

struct OpenInvitation {
    invitation: Invitation,
}

impl Group {
    /// A new invitation, in the name of the root organizer.
    ///
    /// # Errors
    /// See [`InviteError`].
    pub fn invite(&mut self) -> Result<Invitation, InviteError> {
        if !self.is_active() {
            return Err(Evicted.into());
        }
        if !self.is_organizer() {
            return Err(InviteError::NotAnOrganizer);
        }
        if self.lobby.invitations.len() >= INVITATIONS_MAX {
            return Err(InviteError::TooMany);
        }
        let invitation = Invitation::generate(
            self.session,
            fingerprint(self.context.organizers.root()),
            self.context.profile,
        );
        let open = OpenInvitation { invitation: invitation.clone() };
        self.lobby.invitations.insert(*invitation.id(), open);
        Ok(invitation)
    }

    /// Closes an invitation; its join requests are refused from now on.
    pub fn revoke(&mut self, invitation: &Invitation) {
        self.lobby.invitations.remove(invitation.id());
    }

    /// Checks a join request from the log. `now` judges the expiry of the applicant's statement; the commit
    /// that admits it states its own time.
    ///
    /// # Errors
    /// See [`JoinRequestRefused`].
    pub fn check_join_request(
        &self,
        request: &[u8],
        now: UnixSeconds,
    ) -> Result<Applicant, JoinRequestRefused> {
        let request = JoinRequest::decode(request).map_err(|_| JoinRequestRefused::Malformed)?;
        let open = self.lobby.invitations.get(&request.invitation_id);
        let open = open.ok_or(JoinRequestRefused::UnknownInvitation)?;
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
        if !open.invitation.is_authentic(reference.as_slice(), statement, &request.mac) {
            return Err(JoinRequestRefused::WrongSecret);
        }
        self.check_applicant(key_package, now)
    }

    fn check_applicant(
        &self,
        key_package: KeyPackage,
        now: UnixSeconds,
    ) -> Result<Applicant, JoinRequestRefused> {
        let key = key_package.leaf_node().signature_key().as_slice();
        if self.roster.iter().any(|(_, entry)| entry.key == key) {
            return Err(JoinRequestRefused::AlreadyAMember);
        }
        // Before the rules: the media key of a member's own reused key package is taken, too.
        let entry = self.before().judge_key_package(&key_package, now)?;
        let applicant = Applicant { key_package, entry };
        if self.lobby.is_used(&applicant) {
            return Err(JoinRequestRefused::KeyPackageReused);
        }
        Ok(applicant)
    }
}

impl Lobby {
    pub(super) fn is_used(&self, applicant: &Applicant) -> bool {
        self.used.contains(applicant.id())
    }

    /// A key package is used once the commit that adds it is merged.
    pub(super) fn mark_used(&mut self, changes: &Changes) {
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
    }
}

/// The suite that a key package states behind its version (RFC 9420 section 10), before anything else of it is read.
fn suite_of(key_package: &[u8]) -> Option<u16> {
    key_package.get(2..4)?.try_into().ok().map(u16::from_be_bytes)
}

impl Applicant {
    /// What names its key package: the media key, random and new in every key package of ours, and by the
    /// rules no two members' the same.
    pub(super) const fn id(&self) -> &[u8; 32] {
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
}

impl fmt::Debug for Applicant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Applicant").field("role", &self.role()).finish_non_exhaustive()
    }
}

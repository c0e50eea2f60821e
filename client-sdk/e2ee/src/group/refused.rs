use crate::join_answer::DenyReason;
use crate::rules::RuleViolation;

/// Why a join request is refused. The applicant is at fault, or whoever altered the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinRequestRefused {
    /// Not a join request.
    #[error("not a join request")]
    Malformed,
    /// Not an invitation of this session.
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
    /// The invitation was taken back.
    #[error("the invitation was revoked; ask for a new link")]
    Revoked,
    /// The invitation has let in as many as it may.
    #[error("the invitation is used up; ask for a new link")]
    UsedUp,
    /// The invitation's time is over.
    #[error("the invitation has expired; ask for a new link")]
    Expired,
    /// The invitation is for somebody else.
    #[error("the invitation is for another person; ask for a link of one's own")]
    OtherPerson,
    /// The organizer in whose name the invitation was made is none any more: the applicant could believe nobody.
    #[error("the invitation's organizer has left; ask for a new link")]
    Superseded,
    /// Admitted before with this key package.
    #[error("the key package was used before; ask again with a new one")]
    KeyPackageReused,
    /// The same person is in the same commit already.
    #[error("the person asked twice; only one request counts")]
    AskedTwice,
    /// The key is a member's whose statement names another person.
    #[error("the applicant's key is another member's")]
    AlreadyAMember,
    /// The person is the organizer that judges: a commit cannot remove its maker.
    #[error("the person is in as the organizer that is asked; another organizer must let it in")]
    OwnSubject,
    /// Statement or leaf break the session's rules.
    #[error(transparent)]
    Refused(#[from] RuleViolation),
}

impl JoinRequestRefused {
    /// What the applicant is told; `None` where nothing proves that there is one.
    #[must_use]
    pub const fn told_as(&self) -> Option<DenyReason> {
        match self {
            Self::Malformed
            | Self::UnknownInvitation
            | Self::WrongSecret
            | Self::OtherSuite
            | Self::BadKeyPackage => None,
            Self::Revoked => Some(DenyReason::Revoked),
            Self::UsedUp => Some(DenyReason::UsedUp),
            Self::Expired => Some(DenyReason::Expired),
            Self::OtherPerson => Some(DenyReason::OtherPerson),
            Self::Superseded => Some(DenyReason::Superseded),
            Self::KeyPackageReused | Self::Refused(RuleViolation::MediaKeyNotFresh) => {
                Some(DenyReason::AskAgain)
            }
            // The other request is answered.
            Self::AskedTwice => None,
            Self::OwnSubject => Some(DenyReason::OwnSubject),
            Self::Refused(RuleViolation::TooManyMembers(_)) => Some(DenyReason::Full),
            Self::AlreadyAMember | Self::Refused(_) => Some(DenyReason::NotInOrder),
        }
    }
}

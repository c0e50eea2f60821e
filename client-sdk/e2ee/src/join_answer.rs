use crate::encoding::{Malformed, Reader};
use crate::invitation::Invitation;

const VERSION: u8 = 1;

/// Why an organizer does not let an applicant in, as it tells the applicant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[repr(u8)]
#[non_exhaustive]
pub enum DenyReason {
    /// An organizer said no.
    #[error("an organizer declined; ask whoever invited you")]
    Declined = 1,
    /// An organizer has no time for it now.
    #[error("an organizer asks you to come later; try again then")]
    NotNow = 2,
    /// Nobody is let in at the moment.
    #[error("the session is locked; ask an organizer to open it")]
    Locked = 3,
    /// The invitation was taken back.
    #[error("the invitation was taken back; ask for another link")]
    Revoked = 4,
    /// The invitation has let in as many people as it may.
    #[error("the invitation is used up; ask for another link")]
    UsedUp = 5,
    /// The invitation's time is over.
    #[error("the invitation has expired; ask for another link")]
    Expired = 6,
    /// The invitation is for somebody else.
    #[error("the invitation is for another person; ask for a link of your own")]
    OtherPerson = 7,
    /// The organizer in whose name the invitation was made has left, so nobody could prove anything by it.
    #[error("the organizer of this invitation has left the session; ask for another link")]
    Superseded = 8,
    /// The key package was used before. The SDK asks again with another by itself.
    #[error("the request was answered before; ask again with fresh keys")]
    AskAgain = 9,
    /// Statement or key package break the session's rules, or have expired.
    #[error("the statement or the keys are not in order here; get a new statement from the account service")]
    NotInOrder = 10,
    /// The session has as many members as it may.
    #[error("the session is full; try again when somebody has left")]
    Full = 11,
    /// The person is the only organizer there: it cannot take itself out to let itself in.
    #[error("you are in as the organizer who would have to let you in; end that session first")]
    OwnSubject = 12,
}

impl DenyReason {
    /// Every reason.
    pub const ALL: [Self; 12] = [
        Self::Declined,
        Self::NotNow,
        Self::Locked,
        Self::Revoked,
        Self::UsedUp,
        Self::Expired,
        Self::OtherPerson,
        Self::Superseded,
        Self::AskAgain,
        Self::NotInOrder,
        Self::Full,
        Self::OwnSubject,
    ];

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| *reason as u8 == code)
    }
}

/// What an organizer sends to an applicant whom it does not let in: version, reason, HMAC (32 bytes) by the invitation's
/// secret over label, session, KeyPackageRef and reason. Who is let in gets a Welcome instead.
pub(crate) fn encode(invitation: &Invitation, key_package_ref: &[u8], reason: DenyReason) -> Vec<u8> {
    let mac = invitation.authenticate_answer(key_package_ref, reason as u8);
    [&[VERSION, reason as u8][..], &mac].concat()
}

/// `None` for what somebody without the invitation has made, or what answers another request.
pub(crate) fn decode(bytes: &[u8], invitation: &Invitation, key_package_ref: &[u8]) -> Option<DenyReason> {
    let read = || -> Result<(u8, u8, [u8; 32]), Malformed> {
        let mut reader = Reader::new(bytes);
        let fields = (reader.u8()?, reader.u8()?, reader.array()?);
        reader.end()?;
        Ok(fields)
    };
    let (version, code, mac) = read().ok()?;
    let authentic = version == VERSION && invitation.is_authentic_answer(key_package_ref, code, &mac);
    authentic.then(|| DenyReason::from_code(code)).flatten()
}

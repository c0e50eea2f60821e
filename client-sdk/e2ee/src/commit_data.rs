use crate::UnixSeconds;
use crate::encoding::{Malformed, Reader};
use crate::invitation::InvitationId;
use isi_wire::limits::WELCOMES_PER_COMMIT_MAX;

const VERSION: u8 = 1;

/// Why a commit was made, as its maker says. For people to read: no rule depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CommitReason {
    /// Lets somebody in.
    Admit = 1,
    /// Removes somebody, or lets go who asked to leave.
    Remove = 2,
    /// Fresh keys of the committer.
    Rotate = 3,
    /// Another list of organizers.
    Organizers = 4,
    /// Removes those whose statements are over.
    Expired = 5,
}

/// What a commit states in its authenticated data: version, seconds since 1970 (64 bits), reason, and for each Add, in
/// order, the invitation that let the newcomer ask (16 bytes each).
///
/// The time is what expiries are judged by. Every member judges one commit by the same stated time, so no two
/// come to different results because their clocks differ. The invitations are what organizers count uses by: what
/// counts is what all of them saw merged, so several of them cannot pass a limit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommitData {
    pub(crate) stated_at: UnixSeconds,
    pub(crate) reason: CommitReason,
    pub(crate) invitations: Vec<InvitationId>,
}

impl CommitData {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.stated_at.0.to_be_bytes());
        out.push(self.reason as u8);
        self.invitations.iter().for_each(|invitation| out.extend_from_slice(&invitation.0));
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(Malformed);
        }
        let stated_at = UnixSeconds(reader.u64()?);
        let reason = match reader.u8()? {
            1 => CommitReason::Admit,
            2 => CommitReason::Remove,
            3 => CommitReason::Rotate,
            4 => CommitReason::Organizers,
            5 => CommitReason::Expired,
            _ => return Err(Malformed),
        };
        let (invitations, rest) = reader.rest().as_chunks::<16>();
        if !rest.is_empty() || invitations.len() > WELCOMES_PER_COMMIT_MAX {
            return Err(Malformed);
        }
        let invitations = invitations.iter().copied().map(InvitationId).collect();
        Ok(Self { stated_at, reason, invitations })
    }
}
